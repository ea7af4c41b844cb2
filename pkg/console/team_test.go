package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

func team(t *testing.T, secure bool) (*kubetest.Server, *httptest.Server) {
	t.Helper()
	cluster := kubetest.Start(t)
	for token, user := range map[string]string{"alices": "alice", "bots": "system:serviceaccount:ci:bot", "nobodys": "system:anonymous"} {
		cluster.SetUser(token, user)
	}
	cluster.Forbid("*", "*")
	page := fstest.MapFS{"assets/a.js": {Data: []byte(strings.Repeat("compressible ", 1000))}}
	_, server := serve(t, New(Options{Page: page, Team: &Team{
		Cluster: kube.TokenOptions{Cluster: "c", Server: cluster.URL},
		Hosts:   []string{"console.example.com"},
		Secure:  secure,
	}}))
	return cluster, server
}

// behindTLS is a request as an ingress passes it on.
func behindTLS(r *http.Request) {
	r.Host = "console.example.com"
	r.Header.Set("Origin", "https://console.example.com")
}

func TestTeamBehindTLS(t *testing.T) {
	cluster, server := team(t, true)
	login := func(token string) *http.Response {
		response, _ := ask(t, server, http.MethodPost, "/api/v1/login", `{"token":"`+token+`"}`, behindTLS)
		return response
	}
	for _, token := range []string{"", "wrong", "nobodys", "alices\\nX-Evil: 1", "alices alices", "älices"} {
		if got := login(token).StatusCode; got != http.StatusUnauthorized {
			t.Errorf("token %q: %d", token, got)
		}
	}
	response := login("alices")
	c := response.Cookies()[0]
	if c.Name != "__Host-apolo-console" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("%+v", c)
	}
	if response.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to come with TLS")
	}
	if response, _ := ask(t, server, http.MethodGet, "/", "", func(r *http.Request) { r.Host = "127.0.0.1" }); response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %s", response.Status)
	}
	if response, _ := ask(t, server, http.MethodGet, "/healthz", "", func(r *http.Request) { r.Host = "10.0.0.1:8080" }); response.StatusCode != http.StatusOK {
		t.Errorf("a kubelet's probe: %s", response.Status)
	}
	response, _ = ask(t, server, http.MethodGet, "/assets/a.js", "", func(r *http.Request) { behindTLS(r); r.Header.Set("Accept-Encoding", "gzip") })
	if response.Header.Get("Content-Encoding") != "gzip" || response.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%v", response.Header)
	}
	for _, token := range cluster.Tokens() {
		if strings.ContainsAny(token, "\n ä") {
			t.Errorf("the cluster got the token %q", token)
		}
	}
}

func TestTeamSessionEndsWithItsToken(t *testing.T) {
	cluster, server := team(t, true)
	bot, alice := logIn(t, server, "bots", behindTLS), logIn(t, server, "alices", behindTLS)
	get := func(path string, who credentials) (int, string) {
		response, body := ask(t, server, http.MethodGet, path, "", func(r *http.Request) { behindTLS(r); who.on(r) })
		return response.StatusCode, body
	}
	status, body := get("/api/v1/contexts", bot)
	if status != http.StatusOK || !strings.Contains(body, `"current":{"cluster":"c","namespace":"ci"}`) || !strings.Contains(body, `"namespaces":["ci"]`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get("/api/v1/secrets?cluster=other", bot); status != http.StatusUnprocessableEntity {
		t.Errorf("another cluster: %d %s", status, body)
	}
	cluster.ForgetRequests()
	if status, body := get("/api/v1/secrets", alice); status != http.StatusForbidden {
		t.Errorf("%d %s", status, body)
	}
	for _, token := range cluster.Tokens() {
		if token != "alices" {
			t.Errorf("alice's request went out with the token %q", token)
		}
	}
	cluster.SetUser("alices", "")
	if status, body := get("/api/v1/secrets", alice); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get("/api/v1/session", alice); status != http.StatusOK || !strings.Contains(body, `"authenticated":false`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get("/api/v1/contexts", bot); status != http.StatusOK {
		t.Errorf("the other session: %d", status)
	}
}
