package kube

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
)

// What is taken from a server at most, so that one that is broken, or is none of Kubernetes, can fill neither
// memory nor time. Sizes are of what came out of any compression.
const (
	// maxAnswer is in bytes. The largest honest answer is a page of 500 objects; most have a few kilobytes, none
	// more than 1.5 MiB (etcd's limit for a request).
	maxAnswer = 64 << 20
	// maxRefusal is the same for an error. The rest is dropped.
	maxRefusal = 1 << 20
	// maxRetryAfter is how long a server may have the client wait before it asks again.
	maxRetryAfter = 30 * time.Second
	// maxRedirects is how often one request is sent on within a server.
	maxRedirects = 5
)

// tooLarge says that an answer has more than a number of bytes.
type tooLarge struct{ limit int64 }

func (e *tooLarge) Error() string {
	return fmt.Sprintf("the answer has more than %d MiB, which no API server sends", e.limit>>20)
}

// crossHostRedirectError says that a server sent a request on to another one.
type crossHostRedirectError struct{ to string }

func (e *crossHostRedirectError) Error() string {
	return fmt.Sprintf("it sends the request on to %s, which is not followed, because your credentials are not for that", e.to)
}

// httpClient returns a client that is bounded in what it takes from the server. streams says that an answer continues as
// long as it likes, once it is no refusal.
func httpClient(transport http.RoundTripper, config *rest.Config, streams bool) *http.Client {
	client := &http.Client{Transport: newGuard(transport, config, streams), CheckRedirect: withinServer}
	if !streams {
		client.Timeout = config.Timeout
	}
	return client
}

func newGuard(next http.RoundTripper, config *rest.Config, streams bool) *guard {
	return &guard{next: next, streams: streams, patience: config.Timeout}
}

// withinServer lets a server send a request on to another of its own paths, or from HTTP to HTTPS. client-go adds a
// bearer token to every request that it makes, also to one that goes elsewhere.
func withinServer(request *http.Request, via []*http.Request) error {
	from := via[0].URL
	upgraded := from.Scheme == "http" && request.URL.Scheme == "https" && request.URL.Hostname() == from.Hostname()
	if !upgraded && !sameServer(request.URL, from) {
		return &crossHostRedirectError{to: request.URL.Scheme + "://" + request.URL.Host}
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("it sends the request on for the %dth time", len(via))
	}
	return nil
}

func sameServer(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// guard bounds the answers that come through it.
type guard struct {
	next     http.RoundTripper
	streams  bool
	patience time.Duration // for the whole of a refusal in place of a stream; 0: any
}

// RoundTrip is part of http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := g.next.RoundTrip(request)
	if err != nil || response.StatusCode == http.StatusSwitchingProtocols {
		return response, err
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > int(maxRetryAfter.Seconds()) {
		response.Header.Set("Retry-After", strconv.Itoa(int(maxRetryAfter.Seconds())))
	}
	switch {
	case !g.streams:
		response.Body = bounded(response)
	case refused(response):
		response.Body = g.refusal(response.Body)
	}
	return response, nil
}

// refusal reads all of it, because nothing else bounds how long that takes: a stream has no time limit.
func (g *guard) refusal(body io.ReadCloser) io.ReadCloser {
	if g.patience > 0 {
		timer := time.AfterFunc(g.patience, func() { body.Close() })
		defer timer.Stop()
	}
	defer body.Close()
	text, _ := io.ReadAll(beginning(body)) // what there is of it is good enough
	return io.NopCloser(bytes.NewReader(text))
}

func refused(response *http.Response) bool { return response.StatusCode >= http.StatusMultipleChoices }

// bounded is the body of an answer that is no stream.
func bounded(response *http.Response) io.ReadCloser {
	if refused(response) {
		return beginning(response.Body)
	}
	return &boundedBody{ReadCloser: response.Body, limit: maxAnswer, left: maxAnswer}
}

// beginning is as much of an error as is read. The status code, which comes before it, says what kind of error it is.
func beginning(body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, maxRefusal), body}
}

// WrappedRoundTripper lets client-go find what is inside (k8s.io/apimachinery/pkg/util/net, RoundTripperWrapper).
func (g *guard) WrappedRoundTripper() http.RoundTripper { return g.next }

// boundedBody fails where a body is larger than the limit.
type boundedBody struct {
	io.ReadCloser
	limit, left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, &tooLarge{b.limit}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, &tooLarge{b.limit}
	}
	return n, err
}
