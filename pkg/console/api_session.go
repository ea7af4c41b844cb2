package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// quickAnswer bounds requests to a cluster without whose answer the page can continue.
const quickAnswer = 3 * time.Second

type loggedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      LoggedIn
}

type loggedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) registerSession(r *router) {
	handle(r, route{id: "getSession", method: http.MethodGet, path: "/session", summary: "Who is logged in", open: true}, s.getSession)
	handle(r, route{id: "login", method: http.MethodPost, path: "/login", summary: "Log in with a token", maxBytes: maxLoginBody, open: true}, s.login)
	handle(r, route{id: "logout", method: http.MethodPost, path: "/logout", summary: "Log out", open: true, status: http.StatusNoContent}, s.logout)
	handle(r, route{id: "listContexts", method: http.MethodGet, path: "/contexts", summary: "Where one can work"}, s.listContexts)
}

func (s *Server) session(visit visit) Session {
	session := Session{Mode: "local"}
	if s.team != nil {
		session.Mode = "team"
	}
	if visit.session != nil {
		session.Authenticated, session.User, session.Version = true, visit.session.user, s.version // no stranger needs to know it
	}
	return session
}

func (s *Server) getSession(ctx context.Context, _ *nothing) (*body[Session], error) {
	return &body[Session]{s.session(visitOf(ctx))}, nil
}

func (s *Server) login(ctx context.Context, input *body[Login]) (*loggedIn, error) {
	select {
	case s.logins <- struct{}{}:
		defer func() { <-s.logins }()
	default:
		return nil, newProblem(http.StatusTooManyRequests, "too many people log in at once; try again in a moment")
	}
	// A token that was copied by hand may have spaces around it, or the words of a header before it.
	token := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(input.Body.Token), "Bearer "))
	v, user, err := s.identify(ctx, token)
	if err != nil {
		return nil, err
	}
	old := visitOf(ctx)
	if old.session != nil {
		old.session.end()
	}
	id, pageKey := s.sessions.begin(v, user)
	session := s.session(visit{})
	session.Authenticated, session.User, session.Version = true, user, s.version
	return &loggedIn{SetCookie: cookie(old.cookie, id, s.secure()), Body: LoggedIn{Session: session, PageKey: pageKey}}, nil
}

// identify finds out who has a token.
func (s *Server) identify(ctx context.Context, token string) (visitor, string, error) {
	if s.team != nil {
		return s.identifyGuest(ctx, token)
	}
	if !s.tickets.redeem(token) {
		return nil, "", newProblem(http.StatusUnauthorized,
			"this link was used before, or is too old; press Enter where 'kubectl apolo console' runs for a new one")
	}
	// A cluster that does not answer must not keep the owner out: the page says what is wrong with it.
	quick, cancel := context.WithTimeout(ctx, quickAnswer)
	defer cancel()
	user := ""
	if client, err := s.owner.client(""); err == nil {
		user, _ = access.WhoAmI(quick, client)
	}
	return s.owner, user, nil
}

func (s *Server) identifyGuest(ctx context.Context, token string) (visitor, string, error) {
	refused := newProblem(http.StatusUnauthorized, "the cluster does not accept this token; get a new one")
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, "", refused
	}
	with := s.team.Cluster
	with.Token = token
	client, err := kube.NewClientWithToken(with)
	if err != nil {
		return nil, "", explain(err)
	}
	user, err := access.WhoAmI(ctx, client)
	switch {
	case apierrors.IsUnauthorized(err):
		return nil, "", refused
	case err != nil:
		return nil, "", explain(err)
	case user == "system:anonymous":
		return nil, "", refused // a cluster may let strangers in; this server does not
	}
	if s.team.Cluster.Namespace == "" {
		client = client.In(ownNamespace(user))
	}
	return &guest{connection: client}, user, nil
}

func (s *Server) logout(ctx context.Context, _ *nothing) (*loggedOut, error) {
	visit := visitOf(ctx)
	if visit.session != nil {
		visit.session.end()
	}
	return &loggedOut{SetCookie: cookie(visit.cookie, "", s.secure())}, nil
}

func (s *Server) listContexts(ctx context.Context, input *inPlace) (*body[Contexts], error) {
	visit := visitOf(ctx).session
	names, err := visit.clusters()
	if err != nil {
		return nil, err
	}
	client, err := visit.in(input.Where)
	if err != nil {
		return nil, err
	}
	found := Contexts{Clusters: []Cluster{}, Current: Place{Cluster: client.Cluster, Namespace: client.Namespace}}
	for _, name := range withName(names, client.Cluster) {
		cluster := Cluster{Name: name, Namespaces: visit.configured(name), Current: name == client.Cluster}
		if cluster.Current {
			quick, cancel := context.WithTimeout(ctx, quickAnswer)
			if listed, err := visit.namespaces(quick, client); err == nil {
				cluster.Namespaces = listed
			}
			cancel()
			cluster.Namespaces = withName(cluster.Namespaces, client.Namespace)
		}
		if cluster.Namespaces == nil {
			cluster.Namespaces = []string{}
		}
		found.Clusters = append(found.Clusters, cluster)
	}
	slices.SortFunc(found.Clusters, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return &body[Contexts]{found}, nil
}
