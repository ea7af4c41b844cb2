package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

// proxy stands between a command and the API server and counts. It ends TLS on both sides, with the
// user's credentials towards the API server, and speaks HTTP/2 as the API server does. The bytes are
// those that the command receives on the wire: TLS, headers and compression included.
type proxy struct {
	server   *httptest.Server
	received atomic.Int64
	requests atomic.Int64
	// answer, if any, answers requests in the API server's place, and returns whether it did.
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func startProxy(config *rest.Config) (*proxy, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization")
		},
		Transport:     transport,
		FlushInterval: -1, // watches and logs must not wait
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		if answer := p.answer.Load(); answer != nil && (*answer)(w, r) {
			return
		}
		forward.ServeHTTP(w, r)
	}))
	p.server.Listener = countingListener{p.server.Listener, &p.received}
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	return p, nil
}

func (p *proxy) reset() {
	p.received.Store(0)
	p.requests.Store(0)
}

// settled returns the counts once the last bytes of a command that has ended are counted.
func (p *proxy) settled() (received, requests int64) {
	for {
		received = p.received.Load()
		time.Sleep(20 * time.Millisecond)
		if received == p.received.Load() {
			return received, p.requests.Load()
		}
	}
}

func (p *proxy) close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// countingListener counts what is written to the connections that it accepts.
type countingListener struct {
	net.Listener
	written *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{conn, l.written}, nil
}

type countingConn struct {
	net.Conn
	written *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}
