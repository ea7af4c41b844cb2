package kube

import (
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// firstRequestSerializer lets the first request make the connection, and those that come meanwhile wait for it: net/http gives
// each of them a separate TLS handshake, of which HTTP/2 then needs one.
type firstRequestSerializer struct {
	next  http.RoundTripper
	begun atomic.Bool
	ready chan struct{} // closed once the first request has a connection, or won't get one
}

func serializeFirstRequest(next http.RoundTripper) http.RoundTripper {
	return &firstRequestSerializer{next: next, ready: make(chan struct{})}
}

// RoundTrip implements http.RoundTripper.
func (f *firstRequestSerializer) RoundTrip(request *http.Request) (*http.Response, error) {
	if f.begun.CompareAndSwap(false, true) {
		ready := sync.OnceFunc(func() { close(f.ready) })
		defer ready()
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { ready() }}
		return f.next.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	}
	select {
	case <-f.ready:
		return f.next.RoundTrip(request)
	case <-request.Context().Done():
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, request.Context().Err()
	}
}

// WrappedRoundTripper is how apimachinery finds the transport below.
func (f *firstRequestSerializer) WrappedRoundTripper() http.RoundTripper { return f.next }
