package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
)

var errNotBase64 = errors.New("the value must be base64, with padding")

type storeSecret struct {
	Where
	Body NewSecret
}

func (s *Server) registerSecrets(r *router) {
	handle(r, route{id: "listSecrets", method: http.MethodGet, path: "/secrets", summary: "List keys; values are never fetched"}, s.listSecrets)
	handle(r, route{id: "addSecret", method: http.MethodPost, path: "/secrets", summary: "Store a value under a key",
		status: http.StatusCreated, maxBytes: maxSecretBody}, s.addSecret)
	handle(r, route{id: "removeSecret", method: http.MethodDelete, path: "/secrets/{key}", summary: "Remove a key, and everybody's access to it",
		status: http.StatusNoContent}, s.removeSecret)
	handle(r, route{id: "listUsableSecrets", method: http.MethodGet, path: "/usable-secrets", summary: "List what a job may use"}, s.listUsableSecrets)
}

// store opens the secrets of a place.
func (s *Server) store(ctx context.Context, place Where) (*kube.Client, *secrets.Store, error) {
	client, err := visitOf(ctx).session.in(place)
	if err != nil {
		return nil, nil, err
	}
	store, err := secrets.NewStore(client, uri.Secret{})
	return client, store, err
}

func (s *Server) listSecrets(ctx context.Context, input *inPlace) (*body[SecretList], error) {
	client, store, err := s.store(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	var (
		found  []secrets.Secret
		note   string
		shared = func(secrets.Secret) bool { return false }
		users  *usedby.Found
	)
	requests, inner := errgroup.WithContext(ctx)
	requests.Go(func() (err error) {
		found, note, err = listOwn(inner, client, store)
		return err
	})
	requests.Go(func() error {
		known, err := grants.IsShared(inner, client, client.Namespace)
		if apierrors.IsForbidden(err) {
			return nil // then it is not known, and the access of a single secret says why
		}
		if err == nil {
			shared = known
		}
		return err
	})
	requests.Go(func() (err error) {
		users, err = usedby.Find(inner, client, client.Namespace)
		return err
	})
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	list := SecretList{Items: make([]Secret, 0, len(found)), Notes: []string{}}
	if note != "" {
		list.Notes = append(list.Notes, note)
	}
	if len(found) > 0 && users.Err() != nil {
		list.Notes = append(list.Notes, "Not all that uses the secrets is known: "+users.Err().Error()+".")
	}
	for _, secret := range found {
		usedBy := []string{}
		for _, user := range users.Of(secret.Namespace, secret.Object) {
			user.State = ""
			usedBy = append(usedBy, user.String())
		}
		list.Items = append(list.Items, Secret{
			Key:     secret.Key,
			URI:     uri.Secret{Cluster: client.Cluster, Namespace: secret.Namespace, Key: secret.Key}.String(),
			Created: secret.Created,
			Shared:  shared(secret),
			UsedBy:  usedBy,
			Deleted: deletedWords(secret),
		})
	}
	slices.SortFunc(list.Items, func(a, b Secret) int { return cmp.Compare(a.Key, b.Key) })
	return &body[SecretList]{list}, nil
}

// deletedWords says that a secret is being deleted; empty where it is not.
func deletedWords(secret secrets.Secret) string {
	if secret.BeingDeleted == nil {
		return ""
	}
	return sanitize.Line(secret.BeingDeleted.Error())
}

// listOwn lists the secrets of a namespace. An account that may read only certain names of its own
// namespace gets these, and a note.
func listOwn(ctx context.Context, client *kube.Client, store *secrets.Store) (found []secrets.Secret, note string, err error) {
	collect := func(secret secrets.Secret) error {
		found = append(found, secret)
		return nil
	}
	err = store.List(ctx, collect)
	if apierrors.IsForbidden(err) && client.Namespace == client.ContextNamespace {
		if namedErr := store.ListNamed(ctx, collect); namedErr != nil {
			return nil, "", namedErr
		}
		if len(found) > 0 {
			return found, "You can't list the secrets of namespace " + client.Namespace + "; these are the ones that you can read by name.", nil
		}
	}
	return found, "", err
}

func (s *Server) addSecret(ctx context.Context, input *storeSecret) (*body[StoredSecret], error) {
	client, store, err := s.store(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	if err := uri.ValidateKey(input.Body.Key); err != nil {
		return nil, invalid("key", err)
	}
	value, err := base64.StdEncoding.DecodeString(input.Body.Value)
	if err != nil {
		return nil, invalid("value", errNotBase64)
	}
	if err := secrets.Validate(input.Body.Key, value); err != nil {
		return nil, invalid("value", err)
	}
	created, err := store.Add(ctx, input.Body.Key, value, secrets.AddOptions{Overwrite: input.Body.Overwrite})
	if err != nil {
		return nil, err
	}
	visitOf(ctx).session.worked(client)
	return &body[StoredSecret]{StoredSecret{Key: input.Body.Key, Bytes: len(value), Created: created}}, nil
}

func (s *Server) removeSecret(ctx context.Context, input *Keyed) (*nothing, error) {
	_, store, err := s.store(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	_, err = store.Remove(ctx, input.Key)
	return nil, err
}

func (s *Server) listUsableSecrets(ctx context.Context, input *inPlace) (*body[UsableSecretList], error) {
	client, store, err := s.store(ctx, input.Where)
	if err != nil {
		return nil, err
	}
	var (
		own    []secrets.Secret
		note   string
		others grants.List
	)
	requests, inner := errgroup.WithContext(ctx)
	requests.Go(func() (err error) {
		own, note, err = listOwn(inner, client, store)
		if apierrors.IsForbidden(err) {
			note, err = explainedNote(err), nil
		}
		return err
	})
	requests.Go(func() (err error) {
		others, err = s.mine(inner, client)
		return err
	})
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	list := UsableSecretList{Items: []UsableSecret{}, Notes: append([]string{}, others.Unseen...)}
	if note != "" {
		list.Notes = append(list.Notes, note)
	}
	listed := map[string]bool{}
	for _, secret := range own {
		listed[secret.Key] = true
		if secret.BeingDeleted != nil {
			continue // a job with it would be refused
		}
		list.Items = append(list.Items, UsableSecret{URI: uri.Secret{Key: secret.Key}.String(), Key: secret.Key, Mine: true, Owner: secret.Namespace})
	}
	for _, other := range others.Items {
		usable := UsableSecret{URI: uri.Secret{Namespace: other.Namespace, Key: other.Key}.String(), Key: other.Key, Owner: other.Namespace}
		if other.Namespace == client.Namespace {
			usable.URI = uri.Secret{Key: other.Key}.String()
		}
		if other.Key != "" && (other.Namespace != client.Namespace || !listed[other.Key]) {
			list.Items = append(list.Items, usable)
		}
	}
	slices.SortFunc(list.Items, func(a, b UsableSecret) int {
		mine := func(u UsableSecret) int {
			if u.Mine {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(mine(a), mine(b)), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Key, b.Key))
	})
	return &body[UsableSecretList]{list}, nil
}
