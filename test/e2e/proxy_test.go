package e2e

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// commandTimeout is how long any command of these tests may take.
const commandTimeout = 2 * time.Minute

// faultKind is when a proxy injects a fault, relative to the request that it waits for.
type faultKind string

const (
	never      faultKind = "no fault"
	killBefore faultKind = "kill before" // SIGKILL to the command; the request never reaches the API server
	killAfter  faultKind = "kill after"  // SIGKILL to the command, once the API server has answered and before the answer continues
	cutBefore  faultKind = "cut before"  // the same two points, but only the connection ends
	cutAfter   faultKind = "cut after"

	// The API server gets the request, and of its answer comes
	late    faultKind = "too late"  // nothing for as long as the command waits, up to tooLong
	cutBody faultKind = "cut body"  // half, and then the connection ends
	half    faultKind = "half body" // half, as if it were all

	// The API server gets the request after slowness, or never, because something else answers.
	slow         faultKind = "slow"
	busy         faultKind = "429" // with Retry-After
	failing      faultKind = "500"
	unavailable  faultKind = "503"
	conflict     faultKind = "409"
	unauthorized faultKind = "401"
	webPage      faultKind = "web page" // with 200
	emptyBody    faultKind = "no body"  // with 200
	badGateway   faultKind = "502"      // and a web page
)

func (m faultKind) kills() bool  { return m == killBefore || m == killAfter }
func (m faultKind) before() bool { return m == killBefore || m == cutBefore }

// afterwards reports whether the API server has carried out the request that the fault is injected into, so that the
// command can't know what became of it.
func (m faultKind) afterwards() bool {
	return slices.Contains([]faultKind{killAfter, cutAfter, late, cutBody, half}, m)
}

// tooLong is how long an answer is held back from a command that waits for requestTimeout at most.
const (
	tooLong        = 30 * time.Second
	requestTimeout = 3 * time.Second
)

// fault is what a proxy does to one command.
type fault struct {
	kind  faultKind
	nth   int                       // of the requests that match; the first is 1
	match func(request string) bool // nil: all requests that are answered at once
	slow  time.Duration             // for the kind slow
}

// proxy stands between one command and the API server. The command takes it for the server; the
// server takes it for the user. It speaks HTTP/1.1 and HTTP/2.
type proxy struct {
	t          testing.TB
	kubeconfig string // for the command
	fault      fault
	env        []string // for the command
	upstream   *httputil.ReverseProxy
	handshakes atomic.Int32         // connections that the command has made
	hold       func(request string) // nil, or returns once the request may continue

	// answer is nil, or answers in place of the server, where no fault is injected, and reports whether it did.
	answer func(http.ResponseWriter, *http.Request) bool

	// turn lets one request through at a time, streams apart, so that at the n-th it is certain
	// what the ones before have done.
	turn sync.Mutex

	lock      sync.Mutex // for what follows
	command   *exec.Cmd
	exited    chan struct{}
	matched   int
	injected  bool
	cut       any  // the connection that was ended
	outwaited bool // the command waited for longer than an answer was held back
	forwarded []string
	streams   []string
}

// connectionKey finds the connection of a request in its context.
type connectionKey struct{}

// newProxy starts a proxy for the user of a kubeconfig, until the test ends.
func newProxy(t testing.TB, kubeconfig string, f fault) *proxy {
	t.Helper()
	p := &proxy{t: t, fault: f}
	p.upstream, p.kubeconfig = stand(t, kubeconfig, p, func() { p.handshakes.Add(1) })
	return p
}

// stand lets a handler stand between commands and the API server, until the test ends. It returns what forwards to the
// API server as the user of a kubeconfig, and a kubeconfig for the commands. Each new connection is told to connected,
// and is in the context of its requests.
func stand(t testing.TB, kubeconfig string, handler http.Handler, connected func()) (upstream *httputil.ReverseProxy, proxied string) {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	direct, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(direct.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(direct) // with the user's client certificate
	if err != nil {
		t.Fatal(err)
	}
	older := rest.CopyConfig(direct)
	older.NextProtos = []string{"http/1.1"} // HTTP/2 can't be upgraded to a WebSocket
	upgrades, err := rest.TransportFor(older)
	if err != nil {
		t.Fatal(err)
	}
	silent := log.New(io.Discard, "", 0) // of connections that end early, as they are meant to
	upstream = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: byUpgrade{transport, upgrades},
		ErrorLog:  silent,
	}

	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = silent
	server.Config.ConnContext = func(ctx context.Context, connection net.Conn) context.Context {
		connected()
		return context.WithValue(ctx, connectionKey{}, connection)
	}
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	name := config.Contexts[config.CurrentContext].Cluster
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server:                   server.URL,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{config.Contexts[config.CurrentContext].AuthInfo: {}}
	proxied = filepath.Join(t.TempDir(), "proxied")
	if err := clientcmd.WriteToFile(*config, proxied); err != nil {
		t.Fatal(err)
	}
	return upstream, proxied
}

// byUpgrade sends requests for another protocol another way.
type byUpgrade struct{ usual, upgrades http.RoundTripper }

func (b byUpgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") != "" {
		return b.upgrades.RoundTrip(r)
	}
	return b.usual.RoundTrip(r)
}

// describeRequest is a request as the tests name it: "GET NAMESPACE/RESOURCE/NAME", with what
// makes it a stream.
func describeRequest(r *http.Request) (text string, stream bool) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	if rest, ok := strings.CutPrefix(path, "/apis/"); ok {
		path = strings.Join(strings.Split(rest, "/")[2:], "/")
	}
	text = r.Method + " " + strings.TrimPrefix(path, "namespaces/")
	switch {
	case r.URL.Query().Get("watch") != "":
		return text + " watch", true
	case strings.HasSuffix(path, "/log"):
		return text + " follow=" + r.URL.Query().Get("follow"), true
	case r.Header.Get("Upgrade") != "":
		return text + " " + strings.ToLower(r.Header.Get("Upgrade")), true
	}
	return text, false
}

// ServeHTTP forwards a request, or injects the fault.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, stream := describeRequest(r)
	if !stream {
		p.turn.Lock()
		defer p.turn.Unlock()
	}
	if p.hold != nil {
		p.hold(text)
	}
	hit := p.meet(r, text, stream)
	switch {
	case !hit:
	case p.fault.kind.before():
		p.inject(r)
	case p.fault.kind == slow:
		hit = false
		pause(r.Context(), p.fault.slow)
	case p.replies(w, r):
		return
	}
	if p.isRehearsal(r) {
		query := r.URL.Query()
		query.Set("dryRun", "All")
		r.URL.RawQuery = query.Encode()
	}
	sent := r
	if hit && !stream {
		sent = whole(r)
	}
	p.lock.Lock()
	if stream {
		p.streams = append(p.streams, text)
	} else {
		p.forwarded = append(p.forwarded, text)
	}
	p.lock.Unlock()
	switch {
	case hit && stream && p.fault.kind != late:
		w = &injectingWriter{w, func() { p.inject(r) }}
	case hit && r.Header.Get("Upgrade") != "":
		p.holdBack(r) // what it leads to does not begin
	case hit:
		answer := httptest.NewRecorder()
		p.serve(answer, sent) // all of it
		switch p.fault.kind {
		case late:
			p.holdBack(r)
		case half:
			passHalf(w, answer, answer.Body.Len()/2)
			return
		case cutBody:
			passHalf(w, answer, answer.Body.Len())
		}
		p.inject(r)
	}
	p.serve(w, r)
}

// whole is a request that the API server carries out, whatever becomes of the command meanwhile. It doesn't return to its
// caller where the command did not send all of it.
func whole(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	if p.answer == nil || !p.answer(w, r) {
		p.upstream.ServeHTTP(w, r)
	}
}

// isRehearsal reports whether a request would change what all tests share. The API server then only says what it
// would do.
func (p *proxy) isRehearsal(r *http.Request) bool {
	return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/clusterrole")
}

// holdBack keeps an answer back until the command has given up, and doesn't return to its caller.
func (p *proxy) holdBack(r *http.Request) {
	if !pause(r.Context(), tooLong) {
		p.lock.Lock()
		p.outwaited = true
		p.lock.Unlock()
	}
	panic(http.ErrAbortHandler)
}

// pause waits, and reports whether the context ended before.
func pause(ctx context.Context, d time.Duration) (ended bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-ctx.Done():
		return true
	}
}

// passHalf passes on the first half of an answer that is said to have so many bytes.
func passHalf(w http.ResponseWriter, answer *httptest.ResponseRecorder, length int) {
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // the command may not want it any more
}

// replies answers in place of the API server, where that is the fault.
func (p *proxy) replies(w http.ResponseWriter, r *http.Request) bool {
	const page = "<html><body><h1>Welcome to the Airport Wi-Fi</h1></body></html>"
	var (
		code   int
		reason string
	)
	switch p.fault.kind {
	case busy:
		w.Header().Set("Retry-After", "1")
		code, reason = http.StatusTooManyRequests, "TooManyRequests"
	case failing:
		code, reason = http.StatusInternalServerError, "InternalError"
	case unavailable:
		code, reason = http.StatusServiceUnavailable, "ServiceUnavailable"
	case conflict:
		code, reason = http.StatusConflict, "Conflict"
		if r.Method == http.MethodPost {
			reason = "AlreadyExists"
		}
	case unauthorized:
		code, reason = http.StatusUnauthorized, "Unauthorized"
	case webPage, badGateway:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if p.fault.kind == badGateway {
			w.WriteHeader(http.StatusBadGateway)
		}
		fmt.Fprint(w, page)
		return true
	case emptyBody:
		w.Header().Set("Content-Type", "application/json")
		return true
	default:
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": %q, "code": %d, "message": "made up by the proxy of the tests"}`, reason, code)
	return true
}

// meet counts a request and reports whether it is the one. One that waited for its turn while the
// command was killed, or its connection cut, goes no further.
func (p *proxy) meet(r *http.Request, text string, stream bool) (hit bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.injected && (p.fault.kind.kills() || r.Context().Value(connectionKey{}) == p.cut) {
		panic(http.ErrAbortHandler)
	}
	if p.injected || p.fault.kind == never || (p.fault.match == nil && stream) || (p.fault.match != nil && !p.fault.match(text)) {
		return false
	}
	p.matched++
	p.injected = p.matched == p.fault.nth
	return p.injected
}

// inject doesn't return to its caller. Where it kills, the command is dead before its connection ends.
func (p *proxy) inject(r *http.Request) {
	if p.fault.kind.kills() {
		p.lock.Lock()
		command, exited := p.command, p.exited
		p.lock.Unlock()
		if err := command.Process.Kill(); err != nil {
			p.t.Errorf("cannot kill the command: %v", err)
		}
		<-exited
	}
	if connection, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
		p.lock.Lock()
		p.cut = connection
		p.lock.Unlock()
		connection.Close()
	}
	panic(http.ErrAbortHandler)
}

// injectingWriter injects the fault at the first part of an answer.
type injectingWriter struct {
	http.ResponseWriter
	inject func()
}

func (w *injectingWriter) Write([]byte) (int, error) {
	w.inject()
	return 0, nil
}

func (w *injectingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// settle waits until the API server has carried out the request that it got last, whether the command waited or not.
func (p *proxy) settle() {
	p.turn.Lock()
	defer p.turn.Unlock()
}

// sent reports whether the API server got such a request, and how often.
func (p *proxy) sent(request string) int {
	p.lock.Lock()
	defer p.lock.Unlock()
	count := 0
	for _, text := range p.forwarded {
		if text == request {
			count++
		}
	}
	return count
}

// requests are all that the API server got, streams apart.
func (p *proxy) requests() []string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return slices.Clone(p.forwarded)
}

// outcome is how a command ended; the code is -1 where it was killed.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("code %d\nstdout: %s\nstderr: %s", o.code, o.stdout, o.stderr)
}

// run runs one command through the proxy to its end.
func (p *proxy) run(command ...string) outcome {
	p.t.Helper()
	p.lock.Lock()
	cmd, end := start(p.t, p.kubeconfig, command, p.env...)
	p.command, p.exited = cmd, make(chan struct{})
	p.lock.Unlock()
	defer close(p.exited)
	return end()
}

// runDirect runs one command without a proxy.
func runDirect(t testing.TB, kubeconfig string, command ...string) outcome {
	t.Helper()
	_, end := start(t, kubeconfig, command)
	return end()
}

func start(t testing.TB, kubeconfig string, command []string, env ...string) (cmd *exec.Cmd, end func() outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	cmd = exec.CommandContext(ctx, filepath.Join(binaries(t), command[0]), command[1:]...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+filepath.Dir(kubeconfig))
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	return cmd, func() outcome {
		defer cancel()
		_ = cmd.Wait() // the exit code says it
		if ctx.Err() != nil {
			t.Errorf("%v did not end within %s", command, commandTimeout)
		}
		return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
}
