package console

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

type grantSecret struct {
	Keyed
	Body NewGrant
}

func (s *Server) registerAccess(r *router) {
	handle(r, route{id: "listGrants", method: http.MethodGet, path: "/secrets/{key}/access", summary: "Who can use a secret"}, s.listGrants)
	handle(r, route{id: "addGrant", method: http.MethodPost, path: "/secrets/{key}/access", summary: "Share a secret",
		status: http.StatusCreated}, s.addGrant)
	handle(r, route{id: "removeGrant", method: http.MethodDelete, path: "/secrets/{key}/access/{grantee}", summary: "Revoke access",
		status: http.StatusNoContent}, s.removeGrant)
	handle(r, route{id: "listAccess", method: http.MethodGet, path: "/access", summary: "What is shared with me, and what I share"}, s.listAccess)
}

func (s *Server) granter(ctx context.Context, place Where) (*grants.Granter, error) {
	client, err := visitOf(ctx).session.in(place)
	if err != nil {
		return nil, err
	}
	return grants.NewGranter(client, uri.Secret{})
}

func (s *Server) listGrants(ctx context.Context, input *Keyed) (*body[GrantList], error) {
	granter, err := s.granter(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	who, err := granter.Grantees(ctx, input.Key)
	if err != nil {
		return nil, err
	}
	list := GrantList{Items: make([]Grant, 0, len(who))}
	for _, one := range who {
		if one.Stale {
			continue // it gives nothing
		}
		grant := grantOf(one.Grantee, one.Level)
		grant.Ends = endsOf(one.Ending)
		list.Items = append(list.Items, grant)
	}
	return &body[GrantList]{list}, nil
}

func grantOf(to grants.Grantee, level grants.Level) Grant {
	return Grant{Grantee: describe(to), Level: string(level), Warning: sanitize.Line(grantee.Warning(to, string(level)))}
}

func describe(grantee grants.Grantee) Grantee {
	name := grantee.Name
	if grantee.Namespace != "" {
		name = grantee.Namespace + ":" + name
	}
	return Grantee{ID: grantee.String(), Kind: grantee.Kind, Name: name}
}

func (s *Server) addGrant(ctx context.Context, input *grantSecret) (*body[Grant], error) {
	to, err := grants.ParseGrantee(input.Body.Grantee)
	if err == nil {
		err = grantee.Check(to)
	}
	if err != nil {
		return nil, invalid("grantee", err)
	}
	level, err := grants.ParseLevel(input.Body.Level)
	if err != nil {
		return nil, invalid("level", err)
	}
	granter, err := s.granter(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	before, err := granter.Grant(ctx, input.Key, to, level)
	if err != nil {
		return nil, err
	}
	if before.Includes(level) {
		level = before // who has more keeps it
	}
	return &body[Grant]{grantOf(to, level)}, nil
}

func (s *Server) removeGrant(ctx context.Context, input *granted) (*nothing, error) {
	from, err := grants.ParseGrantee(input.Grantee)
	if err != nil {
		return nil, invalid("grantee", err)
	}
	granter, err := s.granter(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	_, err = granter.Revoke(ctx, input.Key, from)
	return nil, err
}

// mine asks what the visitor may do in all namespaces that are known.
func (s *Server) mine(ctx context.Context, client *kube.Client) (grants.List, error) {
	names, err := visitOf(ctx).session.namespaces(ctx, client)
	if err != nil {
		return grants.List{}, err
	}
	return grants.MyAccess(ctx, client, withName(names, client.Namespace))
}

func (s *Server) listAccess(ctx context.Context, input *inPlace) (*body[AccessList], error) {
	client, err := visitOf(ctx).session.in(input.Where)
	if err != nil {
		return nil, err
	}
	list := AccessList{WithMe: []Access{}, ByMe: []SharedByMe{}, Notes: []string{}}
	var (
		mine   grants.List
		shared []grants.Access
		note   string
	)
	requests, inner := errgroup.WithContext(ctx)
	requests.Go(func() (err error) {
		mine, err = s.mine(inner, client)
		return err
	})
	requests.Go(func() (err error) {
		shared, err = grants.Shared(inner, client, client.Namespace)
		if apierrors.IsForbidden(err) {
			note, err = explainedNote(err), nil
		}
		return err
	})
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	for _, one := range mine.Items {
		if one.Namespace == client.Namespace {
			visitOf(ctx).session.worked(client)
		}
		if one.Key != "" || one.Namespace != client.Namespace { // what is one's own is not shared
			list.WithMe = append(list.WithMe, Access{URI: one.URI(client.Cluster), Namespace: one.Namespace, Key: one.Key, Level: string(one.Level), Ends: endsOf(one.Ending)})
		}
	}
	for _, one := range shared {
		list.ByMe = append(list.ByMe, SharedByMe{URI: one.URI(client.Cluster), Key: one.Key, Grantee: describe(one.Grantee), Level: string(one.Level), Stale: one.Stale, Ends: endsOf(one.Ending)})
	}
	list.Notes = append(list.Notes, mine.Unseen...)
	if note != "" {
		list.Notes = append(list.Notes, note)
	}
	return &body[AccessList]{list}, nil
}

// explainedNote is an error that leaves the rest of an answer as it is.
func explainedNote(err error) string { return sanitize.Line(err.Error()) }

func endsOf(ending timers.Ending) Ends {
	if ending.At.IsZero() {
		return Ends{Problem: ending.Problem}
	}
	return Ends{Ends: ending.At.UTC().Format(time.RFC3339), Problem: ending.Problem}
}
