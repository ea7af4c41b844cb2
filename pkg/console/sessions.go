package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

const (
	cookieName    = "apolo-console"
	pageKeyHeader = "Apolo-Page-Key"

	// maxStreams is how many WebSockets one session may have open: the pages that one person looks at.
	maxStreams = 32
)

// session is one visitor who is logged in.
type session struct {
	visitor
	user     string
	lastUsed time.Time // guarded by the mutex of sessions
	pageKey  fingerprint
	ctx      context.Context // ends with the session
	end      context.CancelFunc
	idle     *time.Timer // nil: a session ends with the process
	streams  chan struct{}
}

// in returns a connection to a place; empty names mean the current ones.
func (s *session) in(place Where) (*kube.Client, error) {
	client, err := s.client(place.Cluster)
	if err != nil {
		return nil, invalid("cluster", err)
	}
	return client.In(place.Namespace), nil
}

// knows reports whether a request comes from the page that logged in.
func (s *session) knows(pageKey string) bool {
	given := fingerprintOf(pageKey)
	return subtle.ConstantTimeCompare(given[:], s.pageKey[:]) == 1
}

// stream counts an open WebSocket; it returns nil where there are too many.
func (s *session) stream() (done func()) {
	select {
	case s.streams <- struct{}{}:
		return func() { <-s.streams }
	default:
		return nil
	}
}

// limits bound what visitors can make a server keep; zero means no limit.
type limits struct {
	sessions, perUser int
	idle, lifetime    time.Duration
}

// sessions are all visitors who are logged in. What a visitor has is found by a fingerprint of the
// cookie, and the cookie itself is kept nowhere.
type sessions struct {
	limits limits
	ctx    context.Context // ends with the server

	mutex sync.Mutex
	byID  map[fingerprint]*session
	order []fingerprint // the oldest first
}

func newSessions(ctx context.Context, limits limits) *sessions {
	return &sessions{limits: limits, ctx: ctx, byID: map[fingerprint]*session{}}
}

// tenantOf is whom a session counts for where there are too many. Who rules a namespace can make any number of service
// accounts in it, which count together; other users are made by the cluster's administrators.
func tenantOf(user string) string {
	if namespace := ownNamespace(user); namespace != "" {
		return "namespace " + namespace
	}
	return "user " + user
}

// makeRoom ends sessions where a new one of the user would be too many: of a person the one that was not used for the
// longest time, and of a full server, that of the tenant that has the most. So nobody can lock out others.
func (s *sessions) makeRoom(user string) {
	own := func(other *session) bool { return other.user == user }
	if s.limits.perUser > 0 && s.count(own) >= s.limits.perUser {
		s.removeIdlest(own)
	}
	if s.limits.sessions == 0 || len(s.byID) < s.limits.sessions {
		return
	}
	most := tenantOf(user)
	counts := map[string]int{most: 1}
	for _, other := range s.byID {
		counts[tenantOf(other.user)]++
	}
	for _, key := range s.order {
		if tenant := tenantOf(s.byID[key].user); counts[tenant] > counts[most] {
			most = tenant
		}
	}
	s.removeIdlest(func(other *session) bool { return tenantOf(other.user) == most })
}

func (s *sessions) count(which func(*session) bool) (n int) {
	for _, other := range s.byID {
		if which(other) {
			n++
		}
	}
	return n
}

func (s *sessions) removeIdlest(which func(*session) bool) {
	var idlest fingerprint
	var found *session
	for _, key := range s.order {
		if other := s.byID[key]; which(other) && (found == nil || other.lastUsed.Before(found.lastUsed)) {
			idlest, found = key, other
		}
	}
	s.remove(idlest)
}

// begin logs a visitor in and returns what the browser keeps: a cookie, and the page's key.
func (s *sessions) begin(v visitor, user string) (id, pageKey string) {
	id, pageKey = rand.Text(), rand.Text()
	key := fingerprintOf(id)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.makeRoom(user)
	begun := &session{visitor: v, user: user, lastUsed: time.Now(), pageKey: fingerprintOf(pageKey), streams: make(chan struct{}, maxStreams)}
	if s.limits.lifetime > 0 {
		begun.ctx, begun.end = context.WithTimeout(s.ctx, s.limits.lifetime)
	} else {
		begun.ctx, begun.end = context.WithCancel(s.ctx)
	}
	context.AfterFunc(begun.ctx, func() { s.end(key) })
	if s.limits.idle > 0 {
		begun.idle = time.AfterFunc(s.limits.idle, begun.end)
	}
	s.byID[key] = begun
	s.order = append(s.order, key)
	return id, pageKey
}

// of returns the session of a request, or nil. pageKey is what the request has besides the cookie.
func (s *sessions) of(cookie, pageKey string) *session {
	s.mutex.Lock()
	found := s.byID[fingerprintOf(cookie)]
	s.mutex.Unlock()
	if found == nil || !found.knows(pageKey) || found.ctx.Err() != nil {
		return nil
	}
	s.mutex.Lock()
	found.lastUsed = time.Now()
	s.mutex.Unlock()
	if found.idle != nil {
		found.idle.Reset(s.limits.idle)
	}
	return found
}

// end logs out; a session that is not there is no error.
func (s *sessions) end(key fingerprint) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.remove(key)
}

func (s *sessions) remove(key fingerprint) {
	found := s.byID[key]
	if found == nil {
		return
	}
	found.end()
	if found.idle != nil {
		found.idle.Stop()
	}
	delete(s.byID, key)
	for i, other := range s.order {
		if other == key {
			s.order = append(s.order[:i], s.order[i+1:]...)
			break
		}
	}
}

// cookie makes the session's cookie; an empty id removes it. Browsers send cookies to all ports of a
// host, so that the name has the port: two consoles at once don't log each other out.
func cookie(name, id string, secure bool) http.Cookie {
	made := http.Cookie{Name: name, Value: id, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode} // #nosec G124 -- without TLS, on the loopback address, Secure would lose it
	if id == "" {
		made.MaxAge = -1
	}
	return made
}

// worked notes where the visitor works, so that what is shared there is found later.
func (s *session) worked(client *kube.Client) {
	if base, err := s.client(client.Cluster); err == nil {
		s.used(base, client.Namespace)
	}
}
