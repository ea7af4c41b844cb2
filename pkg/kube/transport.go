package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// transport sends requests with client-go's own transport, and sees to what that leaves open: answers
// that are no API server's or not whole, credentials that were renewed meanwhile, and what would hold a
// command forever.
type transport struct {
	config   *rest.Config
	patience time.Duration // for the beginning of a stream, and for credentials; 0: forever

	ahead atomic.Int64 // nanoseconds that the API server's clock is ahead of this machine's

	lock sync.Mutex
	base http.RoundTripper
	used fileCredentials // that base has
}

// smallSkew is how far clocks must be apart to be told apart: the server says whole seconds, and an answer takes time.
const smallSkew = 5 * time.Second

// readClock notes how far the clocks of the API server and of this machine are apart.
func (t *transport) readClock(answer http.Header, now time.Time) {
	there, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return
	}
	ahead := there.Sub(now)
	if ahead.Abs() < smallSkew {
		ahead = 0
	}
	t.ahead.Store(int64(ahead))
}

// newTransport makes the transport of a connection. config.Timeout is the patience.
func newTransport(config *rest.Config) (*transport, error) {
	base, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	used, _ := readCredentials(config) // base has read them already
	return &transport{config: config, patience: config.Timeout, base: base, used: used}, nil
}

// maxCuts is how often the same read is tried again because its answer broke off.
const maxCuts = 2

// RoundTrip is part of http.RoundTripper. client-go sends a read again whose connection ended before the answer
// began; what broke off later is sent again here.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	for cuts := 0; ; cuts++ {
		response, err := t.try(request)
		if cuts == maxCuts || request.Method != http.MethodGet || !errors.As(err, new(*cutError)) {
			return response, err
		}
	}
}

// try sends a request once, or a second time with newer credentials, and checks the answer.
func (t *transport) try(request *http.Request) (*http.Response, error) {
	t.lock.Lock()
	base := t.base
	t.lock.Unlock()
	response, err := t.send(base, request)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		response, err = t.sendAgain(request, response)
	}
	if err != nil {
		return nil, err
	}
	t.readClock(response.Header, time.Now())
	return checked(request, response)
}

// sendAgain sends a request again that the API server has refused for its credentials, where there are
// other ones now. It has carried out nothing, so that this is safe for every request. It returns the
// refusal where there is nothing better.
func (t *transport) sendAgain(request *http.Request, refusal *http.Response) (*http.Response, error) {
	if request.Body != nil && request.GetBody == nil {
		return refusal, nil
	}
	base, renewed := t.renew()
	if !renewed {
		return refusal, nil
	}
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return refusal, nil
		}
		again.Body = body
	}
	refusal.Body.Close()
	return t.send(base, again)
}

// renew looks for newer credentials than those that were refused. A plugin's were renewed by client-go
// already, when it saw the refusal. Those in files it reads again only every few minutes.
func (t *transport) renew() (base http.RoundTripper, renewed bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.config.ExecProvider != nil {
		return t.base, true
	}
	now, err := readCredentials(t.config)
	if err != nil || now.equal(t.used) {
		return nil, false
	}
	config := rest.CopyConfig(t.config)
	if config.CertFile != "" {
		config.CertFile, config.CertData = "", now.certificate
		config.KeyFile, config.KeyData = "", now.key
	}
	if config.BearerTokenFile != "" {
		config.BearerTokenFile, config.BearerToken = "", string(bytes.TrimSpace(now.token))
	}
	if base, err = rest.TransportFor(config); err != nil {
		return nil, false
	}
	t.base, t.used = base, now
	return base, true
}

// fileCredentials are the credentials that a kubeconfig keeps in their own files.
type fileCredentials struct{ certificate, key, token []byte }

func readCredentials(config *rest.Config) (read fileCredentials, err error) {
	for _, file := range []struct {
		path string
		data *[]byte
	}{{config.CertFile, &read.certificate}, {config.KeyFile, &read.key}, {config.BearerTokenFile, &read.token}} {
		if file.path == "" {
			continue
		}
		if *file.data, err = os.ReadFile(file.path); err != nil {
			return read, err
		}
	}
	return read, nil
}

func (c fileCredentials) equal(other fileCredentials) bool {
	return bytes.Equal(c.certificate, other.certificate) && bytes.Equal(c.key, other.key) && bytes.Equal(c.token, other.token)
}

// send sends a request and waits for the head of the answer, but no longer than a request may take.
func (t *transport) send(base http.RoundTripper, request *http.Request) (*http.Response, error) {
	limited := t.patience > 0 && beginsAtOnce(request)
	if !limited && t.config.ExecProvider == nil {
		return base.RoundTrip(request.Clone(request.Context())) // it may add headers, which must not be there the next time
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	if limited {
		defer time.AfterFunc(t.patience, func() { cancel(context.DeadlineExceeded) }).Stop()
	}
	var connecting atomic.Bool // so there are credentials
	if t.patience > 0 && t.config.ExecProvider != nil {
		// A little earlier than the request as a whole: net/http has its own error then.
		defer time.AfterFunc(t.patience-t.patience/50, func() {
			if !connecting.Load() {
				cancel(context.DeadlineExceeded)
			}
		}).Stop()
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { connecting.Store(true) }})
	type answer struct {
		response *http.Response
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		response, err := base.RoundTrip(request.Clone(traced))
		answers <- answer{response, err}
	}()
	select {
	case a := <-answers:
		if a.err == nil {
			a.response.Body = &closingBody{a.response.Body, cancel}
			return a.response, nil
		}
		defer cancel(nil)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if !connecting.Load() && t.config.ExecProvider != nil {
			return nil, &pluginError{plugin: t.config.ExecProvider.Command, hint: t.config.ExecProvider.InstallHint, cause: a.err}
		}
		return nil, a.err
	case <-ctx.Done():
		defer cancel(nil)
		go func() { // nobody needs it any more, whenever it comes
			if a := <-answers; a.err == nil {
				a.response.Body.Close()
			}
		}()
		cause := context.Cause(ctx)
		if !connecting.Load() && t.config.ExecProvider != nil && errors.Is(cause, context.DeadlineExceeded) {
			return nil, &pluginError{plugin: t.config.ExecProvider.Command, cause: cause}
		}
		return nil, cause
	}
}

// beginsAtOnce reports whether the answer to a request is a stream that an API server begins without
// waiting for anything. The log of what runs begins with its first line. All that is no stream has a
// time limit as a whole.
func beginsAtOnce(request *http.Request) bool {
	query := request.URL.Query()
	return query.Get("watch") != "" || isLog(request) && query.Get("follow") != "true"
}

func isLog(request *http.Request) bool { return strings.HasSuffix(request.URL.Path, "/log") }

// handshake lets a connection that is to become a stream begin in time, for libraries that bring transports of
// their own.
type handshake struct {
	base     http.RoundTripper
	patience time.Duration // 0: any
}

// RoundTrip is part of http.RoundTripper.
func (h *handshake) RoundTrip(request *http.Request) (*http.Response, error) {
	if h.patience <= 0 {
		return h.base.RoundTrip(request)
	}
	type answer struct {
		response *http.Response
		err      error
	}
	answers := make(chan answer, 1)
	// Over SPDY, the end of the request's context does not end the wait for an answer.
	go func() {
		response, err := h.base.RoundTrip(request)
		answers <- answer{response, err}
	}()
	late := time.NewTimer(h.patience)
	defer late.Stop()
	select {
	case a := <-answers:
		return a.response, a.err
	case <-late.C:
		return nil, context.DeadlineExceeded
	case <-request.Context().Done():
		return nil, context.Cause(request.Context())
	}
}

// closingBody ends the context of a request with its answer.
type closingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close is part of io.Closer.
func (b *closingBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// pluginError says that the program that the kubeconfig names for credentials did not bring any.
type pluginError struct {
	plugin string
	hint   string // how to install it, as the kubeconfig says
	cause  error
}

func (e *pluginError) Error() string {
	if errors.Is(e.cause, context.DeadlineExceeded) {
		return fmt.Sprintf("the program %q, which your kubeconfig names for credentials, did not end in time; run it to see why, or give more with --request-timeout", e.plugin)
	}
	text := strings.TrimPrefix(e.cause.Error(), "getting credentials: ")
	text = strings.TrimPrefix(text, "exec: ")
	// client-go knows only by these words that there is no such program. Its advice after them is the same for all
	// programs; the kubeconfig's own is shown, each time, and in one line.
	text, advice, _ := strings.Cut(text, "\n")
	if hint := strings.Join(strings.Fields(e.hint), " "); hint != "" && (advice != "" || strings.HasSuffix(text, " not found")) {
		text += "; " + hint
	}
	return fmt.Sprintf("the program %q, which your kubeconfig names for credentials, brought none: %s", e.plugin, text)
}

func (e *pluginError) Unwrap() error { return e.cause }

// answerError says that an answer is not one of a Kubernetes API server.
type answerError struct{ what string }

func (e *answerError) Error() string {
	return "answered with " + e.what + "; is a proxy intercepting requests?"
}

// cutError says that an answer has a beginning only.
type cutError struct{ cause error }

func (e *cutError) Error() string { return "the answer was cut: " + e.cause.Error() }
func (e *cutError) Unwrap() error { return e.cause }

// checked makes sure that what looks like a success is the answer of an API server, and whole. client-go
// takes every answer with a 2xx for a success where nothing is read of it.
func checked(request *http.Request, response *http.Response) (*http.Response, error) {
	success := response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusMultipleChoices
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // "" where there is none
	asksForText := isLog(request) || strings.HasPrefix(request.Header.Get("Accept"), "text/plain")
	fits := slices.Contains([]string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf}, mediaType)
	if asksForText {
		fits = mediaType == "text/plain"
	}
	reads := request.Method == http.MethodGet
	switch {
	case success && !fits:
		response.Body.Close()
		return nil, &answerError{described(mediaType)}
	case asksForText, request.URL.Query().Get("watch") != "", !success && !reads, response.StatusCode == http.StatusSwitchingProtocols:
		return response, nil
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if known := response.ContentLength; success && known > 0 && known <= maxAnswer {
		body.Grow(int(known) + bytes.MinRead)
	}
	_, err := body.ReadFrom(bounded(response))
	switch {
	case isTimeout(err), errors.Is(err, context.Canceled), errors.As(err, new(*tooLarge)):
		return nil, err
	case err != nil:
		return nil, &cutError{err}
	case success && body.Len() == 0:
		return nil, &answerError{"nothing"}
	case !reads && !whole(mediaType, body.Bytes()): // of what is read, the reader sees to that
		return nil, &cutError{io.ErrUnexpectedEOF}
	}
	response.Body = io.NopCloser(&body)
	return response, nil
}

func described(mediaType string) string {
	switch mediaType {
	case "":
		return "something without a type"
	case "text/html":
		return "a web page"
	}
	return mediaType
}

// whole reports whether nothing is missing of an object as it was sent.
func whole(mediaType string, body []byte) bool {
	if mediaType == runtime.ContentTypeJSON {
		return json.Valid(body)
	}
	// The magic number of Kubernetes' protobuf, see k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
	object, ok := bytes.CutPrefix(body, []byte("k8s\x00"))
	return ok && len(object) > 0 && (&runtime.Unknown{}).Unmarshal(object) == nil
}
