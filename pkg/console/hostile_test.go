package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What an attacker, or a page gone wrong, could send: every route of the description, with input of the
// right form, of the wrong type, malformed, and huge; against a cluster that works, one that is away, and one
// that answers nonsense. Whatever comes, the server answers in bounded time with a Problem or with what the
// description says, blames itself for nothing, and lets no value out.

// operation is a route of the description.
type operation struct {
	method, path string
	parameters   []parameter
	body         *schema
}

type parameter struct {
	Name, In string
	Schema   schema
}

// schema is as much of JSON Schema as the description uses.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               // a name, or several
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Enum       []any             `json:"enum"`
}

type description struct {
	Paths map[string]map[string]struct {
		Parameters  []parameter
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

func describedAPI(t testing.TB) (d description, operations []operation) {
	t.Helper()
	text, err := OpenAPI()
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range d.Paths {
		for method, one := range methods {
			o := operation{method: strings.ToUpper(method), path: path, parameters: one.Parameters}
			if content, ok := one.RequestBody.Content["application/json"]; ok {
				o.body = &content.Schema
			}
			operations = append(operations, o)
		}
	}
	if len(operations) < 17 {
		t.Fatalf("the description has only %d operations", len(operations))
	}
	slices.SortFunc(operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return d, operations
}

// hostile are strings that have broken programs: ends of strings and lines, escapes of terminals, markup, paths,
// templates, other alphabets that look alike, and what is not text at all.
var hostile = []string{
	"", " ", "\x00", "a\x00b", "\r\nX-Evil: 1", "\x1b[2J\x1b]52;c;aGFja2Vk\x07", "<img src=x onerror=alert(1)>", `"><script>alert(1)</script>`,
	"../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", `C:\`, "a/b", "//evil.example", "%", "%zz", "%00", "%c0%af", "{{7*7}}", "${jndi:ldap://evil.example}",
	"' OR 1=1 --", "$(id)", "`id`", "--kubeconfig=/etc/passwd", "-", "@/etc/passwd", "secret:", "secret:/", "secret:///", "secret://evil.example/n/k",
	"secret:k:/x", "secret:/kube-system/../default/k", "group:", "sa:", "sa:a:b:c", "system:masters", "\u202egnp.exe", "раураl", "\u2028", "\ufeffa", "\xff\xfe", "\xed\xa0\x80",
	"null", "true", "NaN", "1e999", "0x10", "-1", "18446744073709551616", strings.Repeat("a", 253), strings.Repeat("a", 70_000), strings.Repeat("é", 300), strings.Repeat("../", 2000),
}

var fitting = []string{"default", "kube-system", "secrets-1", "my-key", "bob", "group:devs", "sa:default:robot", "read", "manage", "secret:secrets-1", "/var/x", "A", "image:1", "storage", "c", "k"}

func text(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.SampledFrom(fitting), rapid.SampledFrom(hostile), rapid.StringN(0, 40, 200)).Draw(t, label)
}

// document is JSON for a schema, with something wrong in it here and there.
func (d description) document(t *rapid.T, s schema, depth int) string {
	if s.Ref != "" {
		s = d.Components.Schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]
	}
	if depth > 4 || rapid.IntRange(0, 9).Draw(t, "how") == 0 {
		return wrongDocument(t)
	}
	kind, _ := s.Type.(string)
	switch kind {
	case "object":
		var fields []string
		for _, name := range sortedNames(s.Properties) {
			if rapid.IntRange(0, 5).Draw(t, "with") == 0 {
				continue
			}
			content := d.document(t, s.Properties[name], depth+1)
			if name == "value" && s.Properties["overwrite"].Type != nil && rapid.Bool().Draw(t, "value") {
				content = quoted(base64.StdEncoding.EncodeToString([]byte(canary))) + rapid.SampledFrom([]string{"", "", "", "!", `,"a"`}).Draw(t, "behind")
			}
			fields = append(fields, quoted(name)+":"+content)
		}
		switch rapid.IntRange(0, 9).Draw(t, "besides") {
		case 0:
			fields = append(fields, quoted(text(t, "unknown"))+":1")
		case 1:
			if len(fields) > 0 {
				fields = append(fields, fields[0]) // twice the same
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	case "array":
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			if s.Items != nil {
				items = append(items, d.document(t, *s.Items, depth+1))
			}
		}
		return "[" + strings.Join(items, ",") + "]"
	case "boolean":
		return rapid.SampledFrom([]string{"true", "false", "1", `"true"`}).Draw(t, "boolean")
	case "string":
		if len(s.Enum) > 0 && rapid.Bool().Draw(t, "known") {
			return quoted(fmt.Sprint(s.Enum[rapid.IntRange(0, len(s.Enum)-1).Draw(t, "which")]))
		}
		return quoted(text(t, "string"))
	}
	return rapid.SampledFrom([]string{"0", "-1", "1e999", "99999999999999999999"}).Draw(t, "number")
}

func wrongDocument(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"null", "true", "0", "1e999", `""`, "[]", "{}", "[[[[]]]]", `{"a":{"a":{"a":{}}}}`, `"\ud800"`, `"\u0000"`, "{", "[1,", `{"a"`, "", "nul", "\xff", "'a'", "{a:1}", "[,]", "NaN",
		`"` + strings.Repeat("x", 100_000) + `"`, strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 5_000), "[" + strings.Repeat("1,", 5_000) + "1]",
	}).Draw(t, "wrong")
}

func quoted(s string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s)
	return strings.TrimSuffix(out.String(), "\n")
}

func sortedNames(properties map[string]schema) []string {
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// request is a hostile one for an operation.
func (o operation) request(t *rapid.T, d description, server string) *http.Request {
	path, query := "/api/v1"+o.path, url.Values{}
	for _, p := range o.parameters {
		value := text(t, p.Name)
		switch p.In {
		case "path":
			if strings.Contains(value, "\x00") || rapid.Bool().Draw(t, "escaped") {
				value = url.PathEscape(value)
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		case "query":
			if rapid.IntRange(0, 2).Draw(t, "given") == 0 {
				query.Add(p.Name, value)
			}
		}
	}
	method := o.method
	if rapid.IntRange(0, 19).Draw(t, "tampered") == 0 {
		method = rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"}).Draw(t, "method")
	}
	body := ""
	if o.body != nil || rapid.IntRange(0, 9).Draw(t, "uninvited") == 0 {
		body = wrongDocument(t)
		if o.body != nil {
			body = d.document(t, *o.body, 0)
		}
	}
	request := httptest.NewRequest(http.MethodGet, server, strings.NewReader(body))
	request.Method, request.RequestURI = method, ""
	request.URL = &url.URL{Scheme: "http", Host: request.URL.Host, Opaque: printable(path), RawQuery: query.Encode()}
	request.Header.Set("Origin", server)
	request.Header.Set("Content-Type", rapid.SampledFrom([]string{
		"application/json", "application/json", "application/json", "application/json; charset=utf-7", "application/problem+json", "application/cbor", "text/plain", "text/xml",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "a/b/c", "*/*",
	}).Draw(t, "content type"))
	request.Header.Set("Accept", rapid.SampledFrom([]string{"*/*", "application/json", "application/cbor", "text/html", "application/xml", "a", "q=1;,;"}).Draw(t, "accept"))
	if rapid.IntRange(0, 9).Draw(t, "overridden") == 0 {
		request.Header.Set("X-HTTP-Method-Override", "DELETE")
		request.Header.Set("X-Forwarded-Host", "evil.example")
	}
	return request
}

// printable leaves of a path what a line of HTTP can hold; the rest is percent-encoded.
func printable(path string) string {
	var out strings.Builder
	for _, c := range []byte(path) {
		if c <= ' ' || c >= 0x7f || c == '#' || c == '?' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// secretCluster is smallCluster, and gives the value of every secret that is asked for by its name.
func secretCluster(w http.ResponseWriter, r *http.Request) {
	name, wanted := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/default/secrets/")
	if r.Method == http.MethodGet && !wanted {
		smallCluster(w, r)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		smallCluster(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	object := map[string]any{"kind": "Secret", "apiVersion": "v1", "data": map[string]string{name: base64.StdEncoding.EncodeToString([]byte(canary))}, "metadata": map[string]any{
		"name": name, "namespace": "default", "uid": "00000001-a", "resourceVersion": "1", "labels": map[string]string{"apolo.us/secret": "true"}, "annotations": map[string]string{"apolo.us/key": name},
	}}
	_ = json.NewEncoder(w).Encode(object)
}

// nonsenseCluster answers as no API server does, another way each time.
func nonsenseCluster() http.HandlerFunc {
	var (
		mutex sync.Mutex
		count int
	)
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
			smallCluster(w, r)
			return
		}
		mutex.Lock()
		count++
		turn := count
		mutex.Unlock()
		for _, answer := range []func(){
			func() { fmt.Fprint(w, "<html>"+canary+"</html>") },
			func() {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"kind":"SecretList","items":[{"metadata":`)
			},
			func() { w.Header().Set("Content-Type", "application/json"); fmt.Fprint(w, "null") },
			func() {
				w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
				fmt.Fprint(w, "k8s\x00\xff\xff\xff\xff")
			},
			func() {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, strings.Repeat("[", 100_000))
			},
			func() { http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound) },
			func() { http.Error(w, canary, http.StatusTeapot) },
			func() {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"kind":"Status","status":"Failure","code":-7,"message":"\u001b[2J\u202e"}`)
			},
			func() { panic(http.ErrAbortHandler) },
		}[turn%9:][:1] {
			answer()
		}
	}
}

// hostileWorld is a server and what its log gets.
type hostileWorld struct {
	server *httptest.Server
	logged *lockedBuffer
	page   credentials
	logIn  func(tester) credentials
}

type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

// Write is part of io.Writer.
func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(data)
}

// String is part of fmt.Stringer.
func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

func newHostileWorld(t testing.TB, cluster http.HandlerFunc) *hostileWorld {
	t.Helper()
	w := &hostileWorld{logged: &lockedBuffer{}}
	if cluster == nil {
		s, server := local(t)
		w.server, w.logIn = server, func(t tester) credentials { return logIn(t, server, s.Ticket(), w.again) }
	} else {
		_, server := forSmallCluster(t, cluster)
		w.server, w.logIn = server, func(t tester) credentials { return logIn(t, server, "alices", w.again) }
	}
	w.server.Config.ErrorLog = log.New(w.logged, "", 0)
	w.page = w.logIn(t)
	return w
}

// again ends the session before with the next login.
func (w *hostileWorld) again(r *http.Request) {
	if w.page.cookie != nil {
		w.page.on(r)
	}
}

// try sends a request and checks what must hold for each.
func (w *hostileWorld) try(t *rapid.T, client *http.Client, o operation, request *http.Request) {
	w.page.on(request)
	shown := request.Method + " " + request.URL.Opaque + "?" + request.URL.RawQuery
	// net/http refuses what is no path, and closes without having read the body, which resets the connection.
	_, noPath := url.PathUnescape(request.URL.Opaque)
	cut := func(err error) bool { return noPath != nil && errors.Is(err, syscall.ECONNRESET) }
	response, err := client.Do(request)
	if cut(err) {
		return
	}
	if err != nil {
		t.Fatalf("%s: %v; logged: %.3000s", shown, err, w.logged)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if cut(err) {
		return
	}
	if err != nil {
		t.Fatalf("%s: %v; logged: %.3000s", shown, err, w.logged)
	}
	if o.path == "/logout" || o.path == "/login" || response.StatusCode == http.StatusUnauthorized {
		w.page = w.logIn(t)
	}
	switch response.StatusCode {
	case http.StatusInternalServerError, http.StatusNotImplemented:
		t.Fatalf("%s: %s %.300s", shown, response.Status, answer)
	}
	if bytes.Contains(answer, []byte(canary)) || bytes.Contains(answer, []byte(base64.StdEncoding.EncodeToString([]byte(canary)))) {
		t.Fatalf("%s: the answer has a value: %.300s", shown, answer)
	}
	for _, inside := range []string{"goroutine ", "runtime error", ".go:", "root:x:", "panic", "reflect."} {
		if bytes.Contains(answer, []byte(inside)) {
			t.Fatalf("%s: the answer shows the program's inside: %.300s", shown, answer)
		}
	}
	if response.Header.Get("Content-Security-Policy") == "" {
		return // refused by net/http itself, as no HTTP
	}
	if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Fatalf("%s: nosniff is missing", shown)
	}
	kind := response.Header.Get("Content-Type")
	if len(answer) > 0 && response.StatusCode >= 400 && kind != problemType {
		t.Fatalf("%s: %s is %q", shown, response.Status, kind)
	}
	if kind != problemType || len(answer) == 0 {
		return
	}
	var p Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Status != response.StatusCode || p.Detail == "" || len(answer) > 20_000 ||
		strings.ContainsFunc(p.Detail+p.Field, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Fatalf("%s: %s %.300q", shown, response.Status, answer)
	}
}

func (w *hostileWorld) nothingLeaked(t testing.TB) {
	t.Helper()
	if logged := w.logged.String(); strings.Contains(logged, "panic") || strings.Contains(logged, canary) || strings.Contains(logged, w.page.pageKey) {
		t.Errorf("the log has %s", logged)
	}
}

func TestHostileInput(t *testing.T) {
	d, operations := describedAPI(t)
	// Longer than all limits of the server: who waits for that long hangs.
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, cluster := range map[string]http.HandlerFunc{"a cluster": secretCluster, "no cluster": nil, "nonsense": nonsenseCluster()} {
		t.Run(name, func(t *testing.T) {
			w := newHostileWorld(t, cluster)
			for _, o := range operations {
				rapid.Check(t, func(t *rapid.T) { w.try(t, client, o, o.request(t, d, w.server.URL)) })
			}
			w.nothingLeaked(t)
		})
	}
}

func FuzzHostileInput(f *testing.F) {
	d, operations := describedAPI(f)
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w := newHostileWorld(f, secretCluster)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		o := rapid.SampledFrom(operations).Draw(t, "operation")
		w.try(t, client, o, o.request(t, d, w.server.URL))
	}))
}
