package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// browser is a page of the Console that is logged in.
type browser struct {
	t       testing.TB
	server  *httptest.Server
	cookies []*http.Cookie
	pageKey string
}

// openConsole serves the Console for a kubeconfig, and logs in.
func openConsole(t testing.TB, kubeconfig string) *browser {
	t.Helper()
	server := console.New(console.Options{
		Page: fstest.MapFS{"index.html": {Data: []byte("<title>page</title>")}},
		Kube: kube.Options{Kubeconfig: kubeconfig, UserAgent: "test"},
	})
	t.Cleanup(server.Close)
	b := &browser{t: t, server: httptest.NewServer(server.Handler())}
	t.Cleanup(b.server.Close)
	b.login(server.Ticket())
	return b
}

func (b *browser) login(token string) {
	b.t.Helper()
	response, body := b.send(http.MethodPost, "/login", map[string]any{"token": token})
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("login: %s %s", response.Status, body)
	}
	var answer console.LoggedIn
	if err := json.Unmarshal(body, &answer); err != nil {
		b.t.Fatal(err)
	}
	b.cookies, b.pageKey = response.Cookies(), answer.PageKey
}

// send makes a request as the page would.
func (b *browser) send(method, path string, input any) (*http.Response, []byte) {
	b.t.Helper()
	var body io.Reader
	if input != nil {
		text, err := json.Marshal(input)
		if err != nil {
			b.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+"/api/v1"+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", b.server.URL)
	request.Header.Set("Apolo-Page-Key", b.pageKey)
	for _, cookie := range b.cookies {
		request.AddCookie(cookie)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, answer
}

// do makes a request that must end with a status, and reads its answer.
func (b *browser) do(status int, method, path string, input, output any) {
	b.t.Helper()
	response, body := b.send(method, path, input)
	if response.StatusCode != status {
		b.t.Fatalf("%s %s: %s, %s", method, path, response.Status, body)
	}
	if output == nil {
		return
	}
	if err := json.Unmarshal(body, output); err != nil {
		b.t.Fatalf("%s %s: %v in %s", method, path, err, body)
	}
}

// get is do for what is only read.
func get[T any](b *browser, path string) (output T) {
	b.t.Helper()
	b.do(http.StatusOK, http.MethodGet, path, nil, &output)
	return output
}

// dial opens a WebSocket as the page would.
func (b *browser) dial(path string) *websocket.Conn {
	b.t.Helper()
	header := http.Header{"Origin": {b.server.URL}}
	for _, cookie := range b.cookies {
		header.Add("Cookie", cookie.String())
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(b.server.URL, "http", "ws", 1)+"/api/v1"+path,
		&websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"apolo.console", b.pageKey}})
	if err != nil {
		b.t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	b.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// next reads one message.
func next(t testing.TB, conn *websocket.Conn) (websocket.MessageType, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kind, data, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return kind, data
}

func frame[T any](t testing.TB, data []byte) (frame T) {
	t.Helper()
	if err := json.Unmarshal(data, &frame); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return frame
}

// readLog reads the log of a job until it says that it is complete.
func (b *browser) readLog(name string) string {
	b.t.Helper()
	conn := b.dial("/jobs/" + name + "/log")
	var log strings.Builder
	for {
		_, data := next(b.t, conn)
		f := frame[console.LogFrame](b.t, data)
		if f.Error != "" {
			b.t.Fatalf("log of %s: %s", name, f.Error)
		}
		log.WriteString(f.Data)
		if f.End {
			return log.String()
		}
	}
}

func TestConsoleSecrets(t *testing.T) {
	t.Setenv("KUBECACHEDIR", t.TempDir()) // where it is remembered which namespaces one has used
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)

	session := get[console.Session](alice, "/session")
	if !session.Authenticated || session.User != "alice" || session.Mode != "local" {
		t.Errorf("%+v", session)
	}
	contexts := get[console.Contexts](alice, "/contexts")
	if contexts.Current.Namespace != namespace || len(contexts.Clusters) != 1 || !contexts.Clusters[0].Current {
		t.Errorf("%+v", contexts)
	}
	if list := get[console.SecretList](alice, "/secrets"); list.Items == nil || len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}

	const canary = "p@$$w0rd123-canary"
	var stored console.StoredSecret
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "db_Password", "value": []byte(canary)}, &stored)
	if stored != (console.StoredSecret{Key: "db_Password", Bytes: len(canary), Created: true}) {
		t.Errorf("%+v", stored)
	}
	var problem console.Problem
	alice.do(http.StatusConflict, http.MethodPost, "/secrets", map[string]any{"key": "db_Password", "value": []byte("other")}, &problem)
	if !strings.Contains(problem.Detail, "already exists") {
		t.Errorf("%+v", problem)
	}
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "db_Password", "value": []byte(canary + "2"), "overwrite": true}, &stored)
	if stored.Created {
		t.Errorf("%+v", stored)
	}
	if got := c.kubectl(t, "alice", "get", "secrets", "-n", namespace, "-l", "apolo.us/secret=true", "-o", `jsonpath={.items[*].data.db_Password}`); got != "cEAkJHcwcmQxMjMtY2FuYXJ5Mg==" {
		t.Errorf("stored: %s", got)
	}
	for field, input := range map[string]map[string]any{
		"key":   {"key": "a/b", "value": []byte("x")},
		"value": {"key": "k", "value": make([]byte, 1<<20+1)},
	} {
		alice.do(http.StatusUnprocessableEntity, http.MethodPost, "/secrets", input, &problem)
		if problem.Field != field {
			t.Errorf("%s: %+v", field, problem)
		}
	}
	// The largest value that is possible, of every byte.
	largest := bytes.Repeat([]byte{0, 1, 127, 128, 254, 255, '\n', '\r'}, 1<<17)
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "largest", "value": largest}, nil)
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "empty", "value": []byte{}}, nil)

	alice.do(http.StatusCreated, http.MethodPost, "/secrets/db_Password/access", map[string]any{"grantee": "bob"}, nil)
	alice.do(http.StatusCreated, http.MethodPost, "/secrets/db_Password/access", map[string]any{"grantee": "group:dev/s", "level": "manage"}, nil)
	grants := get[console.GrantList](alice, "/secrets/db_Password/access")
	if len(grants.Items) != 2 || grants.Items[0].Grantee.ID != "bob" || grants.Items[0].Level != "read" {
		t.Errorf("%+v", grants)
	}
	list := get[console.SecretList](alice, "/secrets")
	if len(list.Items) != 3 || list.Items[0].Key != "db_Password" || !list.Items[0].Shared || list.Items[1].Shared {
		t.Errorf("%+v", list)
	}
	// Whatever a name is, it is data: JSON that no browser takes for a page.
	markup := "<img src=x onerror=alert(1)>"
	alice.do(http.StatusUnprocessableEntity, http.MethodPost, "/secrets/empty/access", map[string]any{"grantee": markup + "\x1b]52;c;eA==\a"}, nil)
	alice.do(http.StatusCreated, http.MethodPost, "/secrets/empty/access", map[string]any{"grantee": markup}, nil)
	response, body := alice.send(http.MethodGet, "/secrets/empty/access", nil)
	if h := response.Header; h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", h)
	}
	if bytes.ContainsAny(body, "\x1b\a") {
		t.Errorf("%q", body)
	}
	if who := get[console.GrantList](alice, "/secrets/empty/access"); len(who.Items) != 1 || who.Items[0].Grantee.Name != markup {
		t.Errorf("%+v", who)
	}
	alice.do(http.StatusNoContent, http.MethodDelete, "/secrets/empty/access/"+url.PathEscape(markup), nil, nil)
	shared := get[console.AccessList](alice, "/access").ByMe
	if len(shared) != 2 {
		t.Errorf("%+v", shared)
	}
	alice.do(http.StatusNoContent, http.MethodDelete, "/secrets/db_Password/access/group:dev%2Fs", nil, nil)
	alice.do(http.StatusNotFound, http.MethodDelete, "/secrets/db_Password/access/group:dev%2Fs", nil, &problem)
	if grants := get[console.GrantList](alice, "/secrets/db_Password/access"); len(grants.Items) != 1 {
		t.Errorf("%+v", grants)
	}

	_, bobs := c.namespace(t, "bob")
	bob := openConsole(t, bobs)
	shares := func(path string) bool {
		return slices.ContainsFunc(get[console.AccessList](bob, path).WithMe, func(a console.Access) bool {
			return a.URI == "secret://default/"+namespace+"/db_Password" && a.Level == "read"
		})
	}
	eventually(t, "bob to see what alice shares", func() bool { return shares("/access?namespace=" + namespace) })
	if !shares("/access") { // bob may not list namespaces, but has looked there
		t.Error("what is shared is not remembered")
	}
	usable := get[console.UsableSecretList](bob, "/usable-secrets").Items
	if len(usable) != 1 || usable[0] != (console.UsableSecret{URI: "secret:/" + namespace + "/db_Password", Key: "db_Password", Owner: namespace}) {
		t.Errorf("%+v", usable)
	}
	bob.do(http.StatusForbidden, http.MethodGet, "/secrets?namespace="+namespace, nil, &problem)
	if !strings.Contains(problem.Detail, "you lack permission to list secrets") {
		t.Errorf("%+v", problem)
	}

	alice.do(http.StatusNoContent, http.MethodDelete, "/secrets/db_Password", nil, nil)
	alice.do(http.StatusNotFound, http.MethodDelete, "/secrets/db_Password", nil, &problem)
	if list := get[console.SecretList](alice, "/secrets"); len(list.Items) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestConsoleJobs(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)
	const value = "hunter2-canary"
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "k", "value": []byte(value)}, nil)

	events := alice.dial("/jobs/events")
	_, data := next(t, events)
	if first := frame[console.JobsFrame](t, data); first.Type != "list" || first.Items == nil || len(first.Items) != 0 {
		t.Fatalf("%s", data)
	}

	var problem console.Problem
	for field, change := range map[string]map[string]any{
		"image":                 {"image": "UPPER"},
		"name":                  {"name": "No"},
		"preset":                {"preset": "no-such"},
		"environment[0].name":   {"environment": []any{map[string]any{"name": "1=", "value": "x"}}},
		"environment[1].secret": {"environment": []any{map[string]any{"name": "A", "secret": "secret:k"}, map[string]any{"name": "B", "secret": "secret:missing"}}},
		"files[0].path":         {"files": []any{map[string]any{"path": "relative", "secret": "secret:k"}}},
		"files[0].mode":         {"files": []any{map[string]any{"path": "/a", "secret": "secret:k", "mode": "999"}}},
		"files[0].secret":       {"files": []any{map[string]any{"path": "/a", "secret": "nothing"}}},
		"volumes[0].source":     {"volumes": []any{map[string]any{"kind": "disk", "source": "A_B", "path": "/a"}}},
		"volumes[0].path":       {"volumes": []any{map[string]any{"kind": "storage", "source": "a", "path": "/proc/x"}}},
	} {
		input := map[string]any{"image": "busybox:1"}
		for name, value := range change {
			input[name] = value
		}
		alice.do(http.StatusUnprocessableEntity, http.MethodPost, "/jobs", input, &problem)
		if problem.Field != field || problem.Detail == "" {
			t.Errorf("%s: %+v", field, problem)
		}
	}

	input := map[string]any{
		"name": "first", "image": "busybox:1", "preset": "cpu-small",
		"command":     []string{"sh", "-c", `printf %s "$SECRET" | sha256sum; echo "$SECRET"; printf 'gr\303\274n \377\n'; sha256sum < /s/file; stat -c %a /s/file`},
		"environment": []any{map[string]any{"name": "SECRET", "secret": "secret:k"}, map[string]any{"name": "PLAIN", "value": "<img src=x onerror=alert(1)>"}},
		"files":       []any{map[string]any{"path": "/s/file", "secret": "secret:k", "mode": "0400"}},
	}
	var created console.CreatedJob
	dry := map[string]any{"dryRun": true}
	for name, value := range input {
		dry[name] = value
	}
	alice.do(http.StatusCreated, http.MethodPost, "/jobs", dry, &created)
	if jobs := get[console.JobList](alice, "/jobs?all=true"); created.UID != "" || len(jobs.Items) != 0 {
		t.Errorf("a dry run ran: %+v, %+v", created, jobs)
	}
	alice.do(http.StatusCreated, http.MethodPost, "/jobs", input, &created)
	if created.Name != "first" || created.UID == "" {
		t.Errorf("%+v", created)
	}
	alice.do(http.StatusConflict, http.MethodPost, "/jobs", input, &problem)

	sum := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(value)))
	want := sum + "***\ngrün \ufffd\n" + sum + "400\n"
	if log := alice.readLog("first"); log != want {
		t.Errorf("log %q, want %q", log, want)
	}
	response, download := alice.send(http.MethodGet, "/jobs/first/log.txt", nil)
	if want := strings.Replace(want, "\ufffd", "\xff", 1); string(download) != want || !strings.Contains(response.Header.Get("Content-Disposition"), `attachment; filename="first.log"`) {
		t.Errorf("download %q, %v", download, response.Header)
	}

	live := map[string]string{}
	for live["first"] != "succeeded" {
		follow(t, events, live)
	}
	details := get[console.JobDetails](alice, "/jobs/first")
	if details.Status != "succeeded" || *details.ExitCode != 0 || len(details.Pods) != 1 || details.Node == "" || len(details.Events) == 0 {
		t.Errorf("%+v", details)
	}
	if len(details.Secrets) != 1 || details.Secrets[0] != "secret:/"+namespace+"/k" || details.Preset != "cpu-small" ||
		len(details.Environment) != 2 || details.Environment[0].Secret != "secret:k" || details.Files[0].Path != "/s/file" || details.Files[0].Mode != "0400" {
		t.Errorf("%+v", details)
	}

	if got := details.Environment[1]; got.Value != "<img src=x onerror=alert(1)>" {
		t.Errorf("%+v", got)
	}

	alice.do(http.StatusNoContent, http.MethodDelete, "/jobs/first", nil, nil)
	for len(live) > 0 {
		follow(t, events, live)
	}
	alice.do(http.StatusNotFound, http.MethodGet, "/jobs/first", nil, &problem)
	alice.do(http.StatusUnprocessableEntity, http.MethodGet, "/jobs/%3Cimg%20src=x%3E", nil, nil)
}

// follow reads one message about jobs, as the page does, into their statuses by name.
func follow(t testing.TB, events *websocket.Conn, live map[string]string) {
	t.Helper()
	_, data := next(t, events)
	switch f := frame[console.JobsFrame](t, data); f.Type {
	case "list":
		clear(live)
		for _, job := range f.Items {
			live[job.Name] = job.Status
		}
	case "set":
		live[f.Job.Name] = f.Job.Status
	case "delete":
		delete(live, f.Name)
	}
}

func TestConsoleTerminal(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)
	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "secret-password", "value": []byte("p@$$w0rd123")}, nil)
	alice.do(http.StatusCreated, http.MethodPost, "/jobs", map[string]any{
		"name": "shell", "image": "ubuntu:24.04", "command": []string{"bash"}, "terminal": true,
		"environment": []any{map[string]any{"name": "var1", "secret": "secret:secret-password"}},
	}, nil)
	conn := alice.dial("/jobs/shell/terminal")
	write(t, conn, websocket.MessageText, `{"resize":{"cols":101,"rows":31}}`)
	write(t, conn, websocket.MessageBinary, "printf %s \"$var1\" | sha256sum\n")
	expect(t, conn, "d109123103061d6a20c5b427883a45e52b0513ad4d65473ad8ce69344dbec0b0")
	write(t, conn, websocket.MessageBinary, "stty size\n")
	expect(t, conn, "31 101")
	write(t, conn, websocket.MessageText, `{"resize":{"cols":82,"rows":25}}`)
	eventuallyTyped(t, conn, "stty size\n", "25 82")
	conn.Close(websocket.StatusNormalClosure, "")

	// The job keeps running without the page, and the next page finds it as it was left; a second shell is
	// another process.
	conn = alice.dial("/jobs/shell/terminal")
	write(t, conn, websocket.MessageText, `{"resize":{"cols":80,"rows":24}}`)
	write(t, conn, websocket.MessageBinary, "echo still $((40+2))\n")
	expect(t, conn, "still 42")
	write(t, conn, websocket.MessageBinary, "exit 7\n")
	for {
		kind, data := next(t, conn)
		if kind != websocket.MessageText {
			continue
		}
		f := frame[console.TerminalOutput](t, data)
		if f.Error != "" {
			t.Fatal(f.Error)
		}
		if f.Exit != nil {
			if f.Exit.Code != 7 {
				t.Errorf("exit code %d", f.Exit.Code)
			}
			break
		}
	}

	alice.do(http.StatusCreated, http.MethodPost, "/jobs", map[string]any{"name": "sleeper", "image": "busybox:1", "command": []string{"sleep", "600"},
		"files": []any{map[string]any{"path": "/secret", "secret": "secret:secret-password"}}}, nil)
	eventually(t, "the job to run", func() bool { return get[console.JobDetails](alice, "/jobs/sleeper").Status == "running" })
	var list console.SecretList
	eventually(t, "the jobs that use the secret", func() bool {
		list = get[console.SecretList](alice, "/secrets")
		return len(list.Items) == 1 && slices.Equal(list.Items[0].UsedBy, []string{"job/sleeper"})
	})
	if t.Failed() {
		t.Fatalf("%+v", list)
	}
	conn = alice.dial("/jobs/sleeper/terminal")
	write(t, conn, websocket.MessageBinary, "echo $TERM; exit 3\n")
	expect(t, conn, "xterm-256color")
	for {
		if kind, data := next(t, conn); kind == websocket.MessageText {
			if f := frame[console.TerminalOutput](t, data); f.Exit == nil || f.Exit.Code != 3 {
				t.Errorf("%s", data)
			}
			break
		}
	}
}

func write(t testing.TB, conn *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// expect reads a terminal until it has shown a text.
func expect(t testing.TB, conn *websocket.Conn, text string) {
	t.Helper()
	shown := ""
	for !strings.Contains(shown, text) {
		kind, data := next(t, conn)
		if kind == websocket.MessageBinary {
			shown += string(data)
		} else if f := frame[console.TerminalOutput](t, data); f.Error != "" || f.Exit != nil {
			t.Fatalf("%s, after %q", data, shown)
		}
	}
}

// eventuallyTyped types a line again and again until the terminal shows a text.
func eventuallyTyped(t testing.TB, conn *websocket.Conn, line, text string) {
	t.Helper()
	shown := ""
	for !strings.Contains(shown, text) {
		if strings.Count(shown, "\n") >= strings.Count(shown, line[:len(line)-1]) {
			write(t, conn, websocket.MessageBinary, line)
		}
		if kind, data := next(t, conn); kind == websocket.MessageBinary {
			shown += string(data)
		}
	}
}

// A namespace's own presets and actions are what its page completion.
func TestConsoleOffers(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)
	if actions := get[console.ActionList](alice, "/actions").Items; len(actions) != 2 || actions[0].Title != "Terminal" || !actions[0].Terminal || actions[1].Image != "" {
		t.Errorf("%+v", actions)
	}
	if presets := get[console.PresetList](alice, "/presets").Items; len(presets) != 3 || presets[0].Name != "cpu-small" || presets[0].CPU != "500m" {
		t.Errorf("%+v", presets)
	}
	c.kubectl(t, "alice", "create", "configmap", "apolo-actions", "-n", namespace,
		"--from-literal=hello=title: <b>Hello</b>\nimage: busybox:1\ncommand: [echo, hello]\npreset: tiny", "--from-literal=wrong=imagee: x")
	c.kubectl(t, "alice", "create", "configmap", "apolo-presets", "-n", namespace, "--from-literal=tiny=cpu: 10m", "--from-literal=wrong=cpu: much")
	actions := get[console.ActionList](alice, "/actions")
	if len(actions.Items) != 3 || actions.Items[2].Title != "<b>Hello</b>" || actions.Items[2].Preset != "tiny" || len(actions.Notes) != 1 {
		t.Errorf("%+v", actions)
	}
	presets := get[console.PresetList](alice, "/presets")
	if len(presets.Items) != 1 || presets.Items[0].CPU != "10m" || len(presets.Notes) != 1 {
		t.Errorf("%+v", presets)
	}
}
