package console

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

const canary = "hunter2-canary-value"

// local serves for a kubeconfig whose cluster is not there.
func local(t testing.TB) (*Server, *httptest.Server) {
	t.Helper()
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"k","cluster":{"server":"https://` + closed.Addr().String() + `"}}],
		"users":[{"name":"u","user":{"token":"x"}}],
		"contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	page := fstest.MapFS{
		"index.html":       {Data: []byte(`<meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/assets/a.js" nonce="__CSP_NONCE__"></script>`)},
		"assets/a.js":      {Data: []byte("1")},
		"assets/logo.svg":  {Data: []byte("<svg/>")},
		".vite/notes.json": {Data: []byte("{}")},
	}
	return serve(t, New(Options{Page: page, Version: "v1", Kube: kube.Options{Kubeconfig: kubeconfig}}))
}

func serve(t testing.TB, s *Server) (*Server, *httptest.Server) {
	server := httptest.NewUnstartedServer(s.Handler())
	server.Config.MaxHeaderBytes = maxHeaderBytes
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return s, server
}

// tester is what a test, a fuzz target and a property test have in common.
type tester interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// ask makes a request as the page would, changed by with.
func ask(t tester, server *httptest.Server, method, path, body string, with func(*http.Request)) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", server.URL)
	request.Header.Set("Content-Type", "application/json")
	if with != nil {
		with(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

// credentials are what a page that is logged in has.
type credentials struct {
	cookie  *http.Cookie
	pageKey string
}

func (c credentials) on(r *http.Request) {
	r.AddCookie(c.cookie)
	r.Header.Set(pageKeyHeader, c.pageKey)
}

func logIn(t tester, server *httptest.Server, token string, with func(*http.Request)) credentials {
	t.Helper()
	response, body := ask(t, server, http.MethodPost, "/api/v1/login", `{"token":"`+token+`"}`, with)
	var answer LoggedIn
	if response.StatusCode != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || len(response.Cookies()) != 1 {
		t.Fatalf("login: %s %s", response.Status, body)
	}
	return credentials{response.Cookies()[0], answer.PageKey}
}

func TestOtherHostsAreRefused(t *testing.T) {
	_, server := local(t)
	for host, want := range map[string]int{
		"127.0.0.1":                   http.StatusOK,
		"127.0.0.1:1":                 http.StatusOK, // a tunnel
		"LocalHost:8080":              http.StatusOK,
		"evil.example":                http.StatusMisdirectedRequest,
		"evil.example:80":             http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example":      http.StatusMisdirectedRequest,
		"localhost.evil.example:8080": http.StatusMisdirectedRequest,
		"127.0.0.1@evil.example":      http.StatusMisdirectedRequest,
		"0.0.0.0":                     http.StatusMisdirectedRequest,
		"[::1]:80":                    http.StatusMisdirectedRequest,
		"127.0.0.1:80,evil.example":   http.StatusMisdirectedRequest,
		"127.0.0.1:x":                 http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/", "/api/v1/session", "/assets/a.js"} {
			response, _ := ask(t, server, http.MethodGet, path, "", func(r *http.Request) { r.Host = host })
			if response.StatusCode != want {
				t.Errorf("%s at %s: %s", path, host, response.Status)
			}
		}
	}
}

func TestOtherOriginsAreRefused(t *testing.T) {
	s, server := local(t)
	token := s.Ticket()
	for name, with := range map[string]func(*http.Request){
		"another site":             func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"another port":             func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") },
		"a sandboxed frame":        func(r *http.Request) { r.Header.Set("Origin", "null") },
		"none":                     func(r *http.Request) { r.Header.Del("Origin") },
		"cross-site by the header": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site, another port":  func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		response, body := ask(t, server, http.MethodPost, "/api/v1/login", `{"token":"`+token+`"}`, with)
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", name, response.Status, body)
		}
	}
	logIn(t, server, token, nil) // none of them used it up
}

func TestTicketsLogInOnce(t *testing.T) {
	s, server := local(t)
	now := time.Now()
	s.tickets.now = func() time.Time { return now }
	refused := func(token string) {
		t.Helper()
		response, body := ask(t, server, http.MethodPost, "/api/v1/login", `{"token":"`+token+`"}`, nil)
		if response.StatusCode != http.StatusUnauthorized || len(response.Cookies()) != 0 || strings.Contains(body, "pageKey") {
			t.Errorf("token %q: %s %s", token, response.Status, body)
		}
	}
	refused("")
	refused("AAAAAAAAAAAAAAAAAAAAAAAAAA")
	token := s.Ticket()
	refused(token[:len(token)-1])
	refused(strings.ToLower(token))
	logIn(t, server, token, nil)
	refused(token)
	old := s.Ticket()
	now = now.Add(ticketLifetime)
	refused(old)
	if s.Ticket(); len(s.tickets.until) != 1 {
		t.Errorf("%d tickets are kept, of which one is valid", len(s.tickets.until))
	}
}

func TestASessionNeedsCookieAndPageKey(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	if c := page.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || len(c.Value) < 26 {
		t.Errorf("%+v", c)
	}
	other := logIn(t, server, s.Ticket(), nil)
	status := func(with func(*http.Request)) int {
		response, body := ask(t, server, http.MethodGet, "/api/v1/contexts", "", with)
		if response.StatusCode == http.StatusUnauthorized && !strings.Contains(body, "log in") {
			t.Errorf("%s", body)
		}
		return response.StatusCode
	}
	for name, with := range map[string]func(*http.Request){
		"nothing":            nil,
		"the cookie alone":   func(r *http.Request) { r.AddCookie(page.cookie) },
		"the key alone":      func(r *http.Request) { r.Header.Set(pageKeyHeader, page.pageKey) },
		"another page's key": func(r *http.Request) { r.AddCookie(page.cookie); r.Header.Set(pageKeyHeader, other.pageKey) },
		"a key in the URL":   func(r *http.Request) { r.AddCookie(page.cookie); r.URL.RawQuery = pageKeyHeader + "=" + page.pageKey },
		"the cookie of another port": func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: cookieName + "-1", Value: page.cookie.Value})
			r.Header.Set(pageKeyHeader, page.pageKey)
		},
	} {
		if got := status(with); got != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := status(page.on); got != http.StatusOK {
		t.Errorf("both: %d", got)
	}
	response, _ := ask(t, server, http.MethodPost, "/api/v1/logout", "", page.on)
	if response.StatusCode != http.StatusNoContent || response.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %s %v", response.Status, response.Cookies())
	}
	if got := status(page.on); got != http.StatusUnauthorized {
		t.Errorf("after logging out: %d", got)
	}
	if got := status(other.on); got != http.StatusOK {
		t.Errorf("the other session: %d", got)
	}
	s.Close()
	if got := status(other.on); got != http.StatusUnauthorized {
		t.Errorf("after the end: %d", got)
	}
}

// Every route of the description needs a session, but for those that are for logging in.
func TestNoRouteIsOpen(t *testing.T) {
	_, server := local(t)
	var description struct {
		Paths map[string]map[string]any
	}
	text, err := OpenAPI()
	if err == nil {
		err = json.Unmarshal(text, &description)
	}
	if err != nil || len(description.Paths) < 12 {
		t.Fatalf("%v, %d paths", err, len(description.Paths))
	}
	for path, methods := range description.Paths {
		for method := range methods {
			want := http.StatusUnauthorized
			switch path {
			case "/session":
				want = http.StatusOK
			case "/logout":
				want = http.StatusNoContent
			}
			response, body := ask(t, server, strings.ToUpper(method), "/api/v1"+strings.NewReplacer("{", "", "}", "").Replace(path), "{}", nil)
			if path == "/session" && !strings.Contains(body, `"version":""`) {
				t.Errorf("the version is told to strangers: %s", body)
			}
			if path == "/login" {
				want = http.StatusUnprocessableEntity
			}
			if response.StatusCode != want {
				t.Errorf("%s %s: %s %s", method, path, response.Status, body)
			}
		}
	}
	if response, _ := ask(t, server, http.MethodGet, "/api/v1/jobs/x/log.txt", "", nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("download: %s", response.Status)
	}
	if response, _ := ask(t, server, http.MethodGet, "/api/v1/openapi.json", "", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("unknown: %s", response.Status)
	}
}

func TestHeaders(t *testing.T) {
	_, server := local(t)
	nonces := map[string]bool{}
	for _, path := range []string{"/", "/jobs/some-job", "/index.html", "/assets/a.js", "/assets/logo.svg", "/assets/none.js", "/api/v1/session", "/api/v1/nothing", "/api/v1/secrets"} {
		response, body := ask(t, server, http.MethodGet, path, "", nil)
		h := response.Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", path, policy)
		}
		if strings.HasPrefix(path, "/api/") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", path, h.Get("Cache-Control"))
		}
		if !strings.Contains(body, "csp-nonce") {
			continue
		}
		nonce := regexp.MustCompile(`style-src 'self' 'nonce-([A-Z0-9]{26})'; `).FindStringSubmatch(policy)
		if nonce == nil || strings.Count(body, `nonce="`+nonce[1]+`"`) != 2 || strings.Contains(body, nonceMark) || nonces[nonce[1]] {
			t.Errorf("%s: %s\n%s", path, policy, body)
			continue
		}
		nonces[nonce[1]] = true
		if !strings.Contains(policy, "script-src 'self';") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", path, policy)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces", len(nonces))
	}
}

func TestFilesThatAreNone(t *testing.T) {
	_, server := local(t)
	for _, path := range []string{"/assets/none.js", "/.vite/notes.json", "/.git/config", "/assets/../.vite/notes.json", "/%2evite/notes.json", "/a.js/../../../etc/passwd.js", "/assets%2fa.js/x.js"} {
		response, body := ask(t, server, http.MethodGet, path, "", nil)
		if response.StatusCode != http.StatusNotFound || response.Header.Get("Content-Type") != problemType || len(body) > 300 {
			t.Errorf("%s: %s %.300s", path, response.Status, body)
		}
	}
}

// Two servers in a row must agree where a request ends.
func TestRequestsOfUnknownLengthAreRefused(t *testing.T) {
	_, server := local(t)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const hidden = "GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	if _, err := io.WriteString(conn, "POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+hidden); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(conn) // until it closes
	if err != nil || !strings.HasPrefix(string(answers), "HTTP/1.1 411 ") || strings.Count(string(answers), "HTTP/1.1") != 1 {
		t.Errorf("%s %v", answers, err)
	}
}

func TestPageThatIsNotBuilt(t *testing.T) {
	_, server := serve(t, New(Options{Page: fstest.MapFS{".gitkeep": {}}}))
	_, body := ask(t, server, http.MethodGet, "/", "", nil)
	if !strings.Contains(body, "make web") || strings.Contains(body, "<script") {
		t.Errorf("%s", body)
	}
}

func TestHandshakes(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	dial := func(path string, change func(*websocket.DialOptions)) (*websocket.Conn, int) {
		options := &websocket.DialOptions{
			HTTPHeader:   http.Header{"Origin": {server.URL}, "Cookie": {page.cookie.Name + "=" + page.cookie.Value}},
			Subprotocols: []string{subprotocol, page.pageKey},
		}
		if change != nil {
			change(options)
		}
		conn, response, err := websocket.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1)+path, options)
		if err != nil && response == nil {
			t.Fatal(err)
		}
		return conn, response.StatusCode
	}
	const events = "/api/v1/jobs/events"
	for name, test := range map[string]struct {
		path   string
		change func(*websocket.DialOptions)
		want   int
	}{
		"no cookie":        {events, func(o *websocket.DialOptions) { o.HTTPHeader.Del("Cookie") }, http.StatusUnauthorized},
		"no key":           {events, func(o *websocket.DialOptions) { o.Subprotocols = []string{subprotocol} }, http.StatusUnauthorized},
		"a wrong key":      {events, func(o *websocket.DialOptions) { o.Subprotocols[1] = "AAAAAAAAAAAAAAAAAAAAAAAAAA" }, http.StatusUnauthorized},
		"the key in a URL": {events + "?token=" + page.pageKey, func(o *websocket.DialOptions) { o.Subprotocols = []string{subprotocol} }, http.StatusUnauthorized},
		"no origin":        {events, func(o *websocket.DialOptions) { o.HTTPHeader.Del("Origin") }, http.StatusForbidden},
		"another site":     {events, func(o *websocket.DialOptions) { o.HTTPHeader.Set("Origin", "http://evil.example") }, http.StatusForbidden},
		"another port":     {events, func(o *websocket.DialOptions) { o.HTTPHeader.Set("Origin", "http://127.0.0.1:1") }, http.StatusForbidden},
		"another scheme":   {events, func(o *websocket.DialOptions) { o.HTTPHeader.Set("Origin", "https"+server.URL[4:]) }, http.StatusForbidden},
		"a sandbox":        {events, func(o *websocket.DialOptions) { o.HTTPHeader.Set("Origin", "null") }, http.StatusForbidden},
		"another host": {events, func(o *websocket.DialOptions) {
			o.Host = "evil.example"
			o.HTTPHeader.Set("Origin", "http://evil.example")
		}, http.StatusMisdirectedRequest},
		"no such namespace": {events + "?namespace=a%2F..", nil, http.StatusUnprocessableEntity},
		"no such job":       {"/api/v1/jobs/%3Cimg%3E/log", nil, http.StatusUnprocessableEntity},
		"no such route":     {"/api/v1/secrets", nil, http.StatusNotFound},
	} {
		if conn, got := dial(test.path, test.change); got != test.want {
			t.Errorf("%s: %d", name, got)
			if conn != nil {
				conn.CloseNow()
			}
		}
	}

	var open []*websocket.Conn
	for range maxStreams {
		conn, status := dial(events, nil)
		if conn == nil {
			t.Fatal(status)
		}
		defer conn.CloseNow()
		if conn.Subprotocol() != subprotocol {
			t.Errorf("subprotocol %q", conn.Subprotocol())
		}
		open = append(open, conn)
	}
	if _, status := dial(events, nil); status != http.StatusTooManyRequests {
		t.Errorf("one more: %d", status)
	}
	ask(t, server, http.MethodPost, "/api/v1/logout", "", page.on)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, conn := range open {
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				if websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Errorf("after logging out: %v", err)
				}
				break
			}
		}
	}
	s.open.Wait()
	s.hub.mutex.Lock()
	defer s.hub.mutex.Unlock()
	if len(s.hub.feeds) != 0 {
		t.Errorf("%d watches go on though nobody listens", len(s.hub.feeds))
	}
}

func TestSizesAreBounded(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	for path, size := range map[string]int{
		"/api/v1/login":             maxLoginBody + 1,
		"/api/v1/secrets":           maxSecretBody + 1,
		"/api/v1/jobs":              maxBody + 1,
		"/api/v1/secrets/k/access":  maxBody + 1,
		"/api/v1/secrets?padding=1": 50 << 20,
	} {
		response, body := ask(t, server, http.MethodPost, path, `{"key":"`+strings.Repeat("x", size)+`"}`, page.on)
		if response.StatusCode != http.StatusRequestEntityTooLarge || len(body) > 1000 {
			t.Errorf("%s: %s, %.200s", path, response.Status, body)
		}
	}
	response, _ := ask(t, server, http.MethodGet, "/api/v1/session", "", func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 2*maxHeaderBytes)) })
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers: %s", response.Status)
	}
}

func TestValuesDoNotComeBack(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	value := base64.StdEncoding.EncodeToString([]byte(canary))
	for name, body := range map[string]string{
		"a wrong key":      `{"key":"a/b","value":"` + value + `"}`,
		"no base64":        `{"key":"a","value":"` + canary + `"}`,
		"another type":     `{"key":"a","value":{"` + canary + `":1}}`,
		"a list":           `{"key":"a","value":["` + canary + `"]}`,
		"an unknown field": `{"key":"a","value":"` + value + `","` + canary + `":"` + canary + `"}`,
		"no JSON":          `{"key":"a","value":"` + canary,
		"no object":        `"` + canary + `"`,
		"no cluster":       `{"key":"a","value":"` + value + `"}`,
	} {
		response, answer := ask(t, server, http.MethodPost, "/api/v1/secrets", body, page.on)
		if response.StatusCode < 400 || strings.Contains(answer, value) {
			t.Errorf("%s: %s %s", name, response.Status, answer)
		}
		if name != "an unknown field" && strings.Contains(answer, canary) {
			t.Errorf("%s: %s %s", name, response.Status, answer)
		}
		if response.Header.Get("Content-Type") != problemType {
			t.Errorf("%s: %s", name, response.Header.Get("Content-Type"))
		}
	}
}

func TestNamesInPaths(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	for path, field := range map[string]string{
		"/secrets/a%2Fb":                  "key",
		"/secrets/a%20b":                  "key",
		"/secrets/%3Cimg%20src=x%3E":      "key",
		"/secrets/a%1Bb/access/bob":       "key",
		"/secrets/k/access/sa:":           "grantee",
		"/jobs/a%2F..%2Fb":                "name",
		"/jobs/UPPER":                     "name",
		"/jobs/x?namespace=kube-system/x": "namespace",
		"/jobs/x?namespace=a%00b":         "namespace",
	} {
		response, body := ask(t, server, http.MethodDelete, "/api/v1"+path, "", page.on)
		var p Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || response.StatusCode != http.StatusUnprocessableEntity || p.Field != field ||
			strings.ContainsAny(p.Detail, "\x1b\x00") {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
}

func TestClusterThatDoesNotAnswer(t *testing.T) {
	s, server := local(t)
	page := logIn(t, server, s.Ticket(), nil)
	for _, path := range []string{"/secrets", "/access", "/usable-secrets", "/presets", "/actions", "/jobs", "/jobs/x"} {
		response, body := ask(t, server, http.MethodGet, "/api/v1"+path, "", page.on)
		if response.StatusCode != http.StatusBadGateway || !strings.Contains(body, `cannot reach the cluster \"k\"`) {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
	response, body := ask(t, server, http.MethodGet, "/api/v1/contexts", "", page.on)
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `"namespaces":["default"]`) {
		t.Errorf("contexts: %s %s", response.Status, body)
	}
	response, body = ask(t, server, http.MethodGet, "/api/v1/secrets?cluster=other", "", page.on)
	if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `"field":"cluster"`) {
		t.Errorf("%s %s", response.Status, body)
	}
}

func TestServeEndsInGoodOrder(t *testing.T) {
	s, _ := local(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, listener, log.New(io.Discard, "", 0)) }()
	server := &httptest.Server{URL: "http://" + listener.Addr().String()}
	page := logIn(t, server, s.Ticket(), nil)
	conn, _, err := websocket.Dial(t.Context(), "ws"+server.URL[4:]+"/api/v1/jobs/events", &websocket.DialOptions{
		HTTPHeader:   http.Header{"Origin": {server.URL}, "Cookie": {page.cookie.Name + "=" + page.cookie.Value}},
		Subprotocols: []string{subprotocol, page.pageKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	cancel()
	for err == nil {
		_, _, err = conn.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("%v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("%v", err)
	}
}

func TestSessionLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newSessions(ctx, limits{sessions: 4, perUser: 2, idle: time.Hour, lifetime: 12 * time.Hour})
		begin := func(user string) credentials {
			id, pageKey := s.begin(&guest{}, user)
			time.Sleep(time.Second)
			return credentials{&http.Cookie{Value: id}, pageKey}
		}
		of := func(c credentials) *session { return s.of(c.cookie.Value, c.pageKey) }
		second, first := begin("alice"), begin("alice")
		bobs := begin("bob")
		of(second)
		third := begin("alice")
		if of(first) != nil || of(second) == nil || of(third) == nil || of(bobs) == nil {
			t.Error("who has too many sessions must lose the idlest, and no other")
		}
		begin("carol")
		begin("dave")
		if of(second) != nil || of(third) == nil || of(bobs) == nil {
			t.Error("on a full server, who has the most sessions must lose the idlest")
		}
		for range 3 {
			time.Sleep(50 * time.Minute)
			if of(bobs) == nil {
				t.Error("a session that is used must not end")
			}
		}
		synctest.Wait()
		if of(second) != nil || len(s.byID) != 1 || len(s.order) != 1 {
			t.Errorf("%d sessions, of which one is used", len(s.byID))
		}
		ended := of(bobs).ctx
		for range 20 {
			time.Sleep(30 * time.Minute)
			of(bobs)
		}
		synctest.Wait()
		if of(bobs) != nil || ended.Err() == nil || len(s.byID) != 0 {
			t.Error("a session must end after half a day")
		}
	})
}

// TestOneTenantCannotLockOutOthers logs in as many service accounts of one namespace as the server has sessions, and more.
func TestOneTenantCannotLockOutOthers(t *testing.T) {
	s := newSessions(t.Context(), limits{sessions: 50, perUser: 10})
	alice, pageKey := s.begin(&guest{}, "alice")
	sa, saKey := s.begin(&guest{}, "system:serviceaccount:team:robot")
	for i := range 200 {
		s.begin(&guest{}, fmt.Sprintf("system:serviceaccount:evil:sa-%d", i))
	}
	for i := range 20 {
		s.begin(&guest{}, fmt.Sprintf("user-%d", i))
	}
	if len(s.byID) != 50 || len(s.order) != 50 {
		t.Errorf("%d sessions", len(s.byID))
	}
	if s.of(alice, pageKey) == nil || s.of(sa, saKey) == nil {
		t.Error("other people's sessions have ended")
	}
	evil := s.count(func(other *session) bool { return tenantOf(other.user) == "namespace evil" })
	if evil != 50-2-20 {
		t.Errorf("%d sessions of one tenant", evil)
	}
}

func TestUpdate(t *testing.T) {
	job := func(uid, status string) Job { return Job{Name: "n" + uid, UID: uid, Status: status} }
	var page shown
	kinds := func(now snapshot) string {
		text := ""
		for _, frame := range page.update(now) {
			text += frame.Type + " "
		}
		return text
	}
	for _, step := range []struct {
		now  snapshot
		want string
	}{
		{snapshot{}, ""},
		{snapshot{rows: []Job{}}, "list "},
		{snapshot{rows: []Job{}}, ""},
		{snapshot{rows: []Job{job("1", "pending")}}, "set "},
		{snapshot{rows: []Job{job("2", "pending"), job("1", "running")}}, "set set "},
		{snapshot{rows: []Job{job("2", "pending")}}, "delete "},
		{snapshot{rows: []Job{job("2", "pending")}, trouble: "away"}, "trouble "},
		{snapshot{rows: []Job{job("2", "pending")}, trouble: "away"}, ""},
		{snapshot{rows: []Job{job("2", "pending")}}, "list "},
	} {
		if got := kinds(step.now); got != step.want {
			t.Errorf("%+v: %q, want %q", step.now, got, step.want)
		}
	}
	text, err := json.Marshal(JobsFrame{Type: "list", Items: []Job{}})
	if err != nil || string(text) != `{"type":"list","items":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("POST", "/api/v1/secrets", `{"key":"k","value":"aA=="}`)
	f.Add("DELETE", "/api/v1/secrets/k/access/group:a%2Fb", "")
	f.Add("GET", "/../../etc/passwd", "")
	f.Add("GET", "/api/v1/jobs/a?namespace=../b&cluster=%00", "")
	f.Add("POST", "/api/v1/jobs", `{"image":"a","command":["b"],"environment":[{"name":"a","value":"b"}],"dryRun":true}`)
	s, server := local(f)
	page := logIn(f, server, s.Ticket(), nil)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		request, err := http.NewRequest(method, server.URL, strings.NewReader(body))
		if err != nil {
			return
		}
		request.URL.Path, _, _ = strings.Cut(path, "?")
		_, request.URL.RawQuery, _ = strings.Cut(path, "?")
		request.Host, request.RequestURI = "127.0.0.1", path
		request.Header.Set("Origin", "http://127.0.0.1")
		request.Header.Set("Content-Type", "application/json")
		page.on(request)
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, request)
		if answer.Code == http.StatusInternalServerError || answer.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
		}
		if bytes.Contains(answer.Body.Bytes(), []byte("root:x:")) {
			t.Errorf("%s is a file of this machine", path)
		}
	})
}

func FuzzNewJob(f *testing.F) {
	f.Add("image", "name", "A", "secret:k", "/a", "disk", "claim")
	f.Add("a/b:c@d", "-", "=", "secret://c/n/k:/x", "/a:/b", "storage", "../x")
	f.Add("<img src=x>", "\x1b[2J", "A=B", "secret:\n", "/\x00", "", ":")
	f.Fuzz(func(t *testing.T, image, name, variable, secret, path, kind, source string) {
		job := &NewJob{
			Image: image, Name: name, Command: []string{name}, Environment: []NewVariable{{Name: variable, Secret: secret}, {Name: variable, Value: source}},
			Files: []NewFile{{Path: path, Secret: secret}}, Volumes: []NewVolume{{Kind: kind, Source: source, Path: path + "d"}},
		}
		spec, err := specOf(job)
		if err != nil {
			if p, ok := err.(*Problem); !ok || p.Status != http.StatusUnprocessableEntity || p.Detail == "" || strings.ContainsAny(p.Detail, "\x1b\n\x00") {
				t.Errorf("%#v", err)
			}
			return
		}
		if spec.Variables[0].Secret == nil || spec.Variables[0].Name != variable || spec.Files[0].Path != path || spec.Mounts[0].Path != path+"d" {
			t.Errorf("%+v of %+v", spec, job)
		}
		if _, err := jobs.NewPlan(&spec, "n"); err != nil && !strings.Contains(err.Error(), "cluster") {
			t.Logf("%v", err)
		}
	})
}

func FuzzResize(f *testing.F) {
	f.Add([]byte(`{"resize":{"cols":80,"rows":24}}`))
	f.Add([]byte(`{"resize":{"cols":-1}}`))
	f.Add([]byte(`{"resize":null}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		if size, ok := resize(message); ok && (size.Width == 0 || size.Height == 0) {
			t.Errorf("%s: %+v", message, size)
		}
	})
}
