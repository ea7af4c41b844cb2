// Package console is the server of the Console: the page, the API that the page talks to, and who can
// talk to it.
//
// It uses the same packages as the commands, and has no rights itself: every request goes to
// the cluster with the rights of the visitor who made it. No value of a secret leaves it, other than
// to the cluster that stores it.
package console

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

const (
	// apiPrefix is where the API is; all else is the page.
	apiPrefix = "/api/v1"
	// healthPath answers who asks whether the server is up, as a kubelet does.
	healthPath = "/healthz"

	// ticketLifetime is how long the link to log in with is good for.
	ticketLifetime = 10 * time.Minute

	maxHeaderBytes  = 64 << 10
	headerTimeout   = 10 * time.Second
	keepAlive       = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
)

// Limits of a team's console. A session that is not used for an hour ends, and each after half a day.
const (
	teamSessions        = 1000
	teamSessionsPerUser = 10
	teamIdle            = time.Hour
	teamLifetime        = 12 * time.Hour
)

// Options describe a server.
type Options struct {
	// Page is the built page, with an index.html; without one the server says how to build it.
	Page    fs.FS
	Version string
	// Kube is the kubeconfig of the one visitor; it is not used where there is a Team.
	Kube kube.Options
	Team *Team
	// RunCommand writes the line for the shell that makes a job where a client works. It may be nil.
	RunCommand func(*kube.Client, jobspec.Spec) (string, error)
}

// Team describes a server for several visitors, each of whom logs in with their own token.
type Team struct {
	// Cluster is the only one. Its Token is not used.
	Cluster kube.TokenOptions
	// Hosts are the names, without ports, under which visitors reach the server.
	Hosts []string
	// Secure tells that visitors reach it through TLS, the server's own or an ingress's.
	Secure bool
}

// Server is one console. Its Handler serves; Serve does so on a listener.
type Server struct {
	page       fs.FS
	files      http.Handler
	version    string
	team       *Team
	runCommand func(*kube.Client, jobspec.Spec) (string, error)
	owner      *owner // nil in a team's
	hosts      []string
	tickets    *tickets
	sessions   *sessions
	logins     chan struct{} // how many log in at once
	hub        hub
	open       sync.WaitGroup // WebSockets
	ctx        context.Context
	end        context.CancelFunc
	handler    http.Handler
}

// New prepares a server. It makes no request.
func New(o Options) *Server {
	s := &Server{page: o.Page, version: o.Version, team: o.Team, runCommand: o.RunCommand, tickets: newTickets(time.Now, ticketLifetime), logins: make(chan struct{}, 8)}
	s.ctx, s.end = context.WithCancel(context.Background())
	if s.team == nil {
		s.owner = &owner{options: &o.Kube, now: time.Now}
		s.hosts = []string{"127.0.0.1", "localhost"}
		s.sessions = newSessions(s.ctx, limits{perUser: 100}) // of the one user, whose next login ends the oldest
	} else {
		s.hosts = s.team.Hosts
		s.sessions = newSessions(s.ctx, limits{sessions: teamSessions, perUser: teamSessionsPerUser, idle: teamIdle, lifetime: teamLifetime})
	}
	s.files = s.fileHandler()
	mux := http.NewServeMux()
	s.register(mux)
	mux.HandleFunc(apiPrefix+"/", func(w http.ResponseWriter, r *http.Request) {
		newProblem(http.StatusNotFound, "the API has no "+r.Method+" "+r.URL.Path).write(w)
	})
	mux.HandleFunc("GET "+apiPrefix+"/jobs/{name}/log.txt", s.downloadLog)
	mux.HandleFunc("/", s.servePage)
	sockets := s.sockets()
	s.handler = s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isUpgrade(r) {
			sockets.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return s
}

// Ticket makes a token that logs in once, for the owner of the process.
func (s *Server) Ticket() string { return s.tickets.issue() }

// Handler serves everything.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends all sessions, and with them their WebSockets.
func (s *Server) Close() { s.end() }

// Serve answers on a listener until ctx ends; then it ends all sessions and returns nil. trouble gets
// what no visitor is told: broken requests and connections, without their content.
func (s *Server) Serve(ctx context.Context, listener net.Listener, trouble *log.Logger) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          trouble,
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.Close()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		err := server.Shutdown(patience)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		closed := make(chan struct{})
		go func() {
			s.open.Wait()
			close(closed)
		}()
		select {
		case <-closed:
		case <-patience.Done():
		}
		ended <- err
	})
	err := server.Serve(listener)
	if stop() { // it ended by itself
		s.Close()
		return err
	}
	return <-ended
}

// guard refuses what does not come from the server's own page, before anything looks at it.
func (s *Server) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		newProblem(http.StatusForbidden, "this request comes from another page; open the Console's own").write(w)
	}))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", filePolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Embedder-Policy", "require-corp")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if s.secure() {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if r.URL.Path == healthPath {
			header.Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("ok\n"))
			return
		}
		// Browsers say how long what they send is. A length that a proxy before us may understand in another
		// way than we do is how one visitor's request gets into another's.
		if len(r.TransferEncoding) > 0 {
			header.Set("Connection", "close")
			newProblem(http.StatusLengthRequired, "the header Content-Length is missing").write(w)
			return
		}
		if !s.isOwnHost(r.Host) {
			newProblem(http.StatusMisdirectedRequest, "this is not the address of the Console; use the one that it was started with").write(w)
			return
		}
		if strings.HasPrefix(r.URL.Path, apiPrefix) {
			header.Set("Cache-Control", "no-store")
			r.Header.Del("Accept") // all answers are JSON, and huma's reading of this header panics for "q=1;,;"
		}
		// Browsers say where a request that changes something comes from. CrossOriginProtection lets those
		// pass that don't, for clients that are no browsers; here there are none.
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Origin") == "" {
			newProblem(http.StatusForbidden, "the header Origin is missing; open the Console's own page").write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) secure() bool { return s.team != nil && s.team.Secure }

// isOwnHost reports whether a request was sent to one of our names. A page elsewhere can have its own name
// resolve to our address (DNS rebinding), and then the browser takes us for its server. The port is
// whatever a tunnel made of it.
func (s *Server) isOwnHost(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false // the port becomes a part of the cookie's name
	}
	return slices.ContainsFunc(s.hosts, func(own string) bool { return strings.EqualFold(own, host) })
}

// visit is what is known of a request.
type visit struct {
	session *session    // nil: not logged in
	id      string      // of the session: its cookie
	cookie  string      // the name of that
	header  http.Header // of the answer
}

type visitKey struct{}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// visit finds the session of a request.
func (s *Server) visit(r *http.Request, pageKey string) visit {
	v := visit{cookie: cookieName}
	if s.secure() {
		v.cookie = "__Host-" + cookieName
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		v.cookie += "-" + port
	}
	if found, err := r.Cookie(v.cookie); err == nil {
		v.id = found.Value
		v.session = s.sessions.of(v.id, pageKey)
	}
	return v
}

// withVisit puts the visit into a request's context, which ends with the session.
func (s *Server) withVisit(ctx huma.Context, r *http.Request, header http.Header, next func(huma.Context)) {
	v := s.visit(r, r.Header.Get(pageKeyHeader))
	v.header = header
	inner := context.WithValue(r.Context(), visitKey{}, v)
	if v.session != nil {
		var cancel context.CancelFunc
		inner, cancel = context.WithCancel(inner)
		defer cancel()
		defer context.AfterFunc(v.session.ctx, cancel)()
	}
	next(huma.WithContext(ctx, inner))
}
