package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// subprotocol is what page and server speak. The page offers it together with its key, because a
	// browser lets it set no headers and a URL is not for secrets.
	subprotocol = "apolo.console"

	maxMessage   = 64 << 10 // bytes that a page may send at once
	writeTimeout = time.Minute
	pingInterval = 30 * time.Second
	pingTimeout  = 20 * time.Second
)

// socket is an open WebSocket.
type socket struct {
	*websocket.Conn
	session *session
	ctx     context.Context // for what is done for the page: ends with the session, and when the page is closed
	wire    context.Context // for reading and writing, whose end cuts the connection
	held    *atomic.Bool    // what came last is not taken yet, so that no pong can be read after it
}

// sockets are the routes of WebSockets.
func (s *Server) sockets() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+apiPrefix+"/jobs/events", s.accept(s.streamJobs))
	mux.HandleFunc("GET "+apiPrefix+"/jobs/{name}/log", s.accept(s.streamLog))
	mux.HandleFunc("GET "+apiPrefix+"/jobs/{name}/terminal", s.accept(s.streamTerminal))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		newProblem(http.StatusNotFound, "there is no WebSocket at "+r.URL.Path).write(w)
	})
	return mux
}

func isUpgrade(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// accept opens a WebSocket for the page of a session, and for nobody else.
func (s *Server) accept(serve func(*socket, Where, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme := "http://"
		if s.secure() {
			scheme = "https://"
		}
		if !strings.EqualFold(r.Header.Get("Origin"), scheme+r.Host) {
			newProblem(http.StatusForbidden, "this connection comes from another page; open the Console's own").write(w)
			return
		}
		visit := s.visit(r, offeredKey(r))
		if visit.session == nil {
			notLoggedIn().write(w)
			return
		}
		place, name, problem := target(r)
		if problem != nil {
			problem.write(w)
			return
		}
		done := visit.session.stream()
		if done == nil {
			newProblem(http.StatusTooManyRequests, "too many logs and terminals are open; close some").write(w)
			return
		}
		defer done()
		s.open.Add(1)
		defer s.open.Done()
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
		if err != nil {
			return // it has answered
		}
		conn.SetReadLimit(maxMessage)
		wire, cut := context.WithCancel(context.Background()) // the request's own means nothing any more
		defer cut()
		ctx, gone := context.WithCancel(visit.session.ctx)
		defer gone()
		closed := make(chan struct{})
		finish := func() {
			code, reason := websocket.StatusNormalClosure, ""
			if visit.session.ctx.Err() != nil {
				code, reason = websocket.StatusGoingAway, "the session has ended"
			}
			_ = conn.Close(code, reason) // whoever is gone is gone
			close(closed)
		}
		ended := context.AfterFunc(visit.session.ctx, finish) // also where a write waits for a slow page
		opened := &socket{Conn: conn, session: visit.session, ctx: ctx, wire: wire, held: new(atomic.Bool)}
		go opened.keepAlive(gone, pingInterval, pingTimeout)
		serve(opened, place, name)
		if ended() {
			finish()
		}
		<-closed
	}
}

// offeredKey is the page's key in a handshake.
func offeredKey(r *http.Request) string {
	var offered []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for word := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(word))
		}
	}
	if len(offered) != 2 || offered[0] != subprotocol {
		return ""
	}
	return offered[1]
}

// target reads what a WebSocket is about.
func target(r *http.Request) (Where, string, *Problem) {
	query := r.URL.Query()
	place, name := Where{Cluster: query.Get("cluster"), Namespace: query.Get("namespace")}, r.PathValue("name")
	if place.Namespace != "" && len(validation.IsDNS1123Label(place.Namespace)) > 0 {
		p := newProblem(http.StatusUnprocessableEntity, "this is not the name of a namespace")
		p.Field = "namespace"
		return place, name, p
	}
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		p := newProblem(http.StatusUnprocessableEntity, "this is not the name of a job")
		p.Field = "name"
		return place, name, p
	}
	return place, name, nil
}

// keepAlive calls gone when the other side is gone, also where it could not say so. It needs somebody who
// reads. While the reader holds what it has read (a job that has not started takes no input), nothing is known.
func (c *socket) keepAlive(gone context.CancelFunc, interval, timeout time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if c.held.Load() {
				continue
			}
			patience, cancel := context.WithTimeout(c.wire, timeout)
			err := c.Ping(patience)
			cancel()
			if err != nil && !c.held.Load() {
				gone()
				return
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// until is the same connection with a context that ends earlier.
func (c *socket) until(ctx context.Context) *socket {
	return &socket{Conn: c.Conn, session: c.session, ctx: ctx, wire: c.wire, held: c.held}
}

// listenOnly is for sockets to which the page sends nothing: its context ends when the page is closed.
func (c *socket) listenOnly() (listening *socket, stop func()) {
	ctx, gone := context.WithCancel(c.ctx)
	context.AfterFunc(c.CloseRead(c.wire), gone)
	return c.until(ctx), gone
}

// send writes a message as JSON. It waits for a page that reads slowly, so that nothing piles up here.
func (c *socket) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.write(websocket.MessageText, text)
}

func (c *socket) write(kind websocket.MessageType, data []byte) error {
	ctx, cancel := context.WithTimeout(c.wire, writeTimeout)
	defer cancel()
	return c.Write(ctx, kind, data)
}
