package console

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// tokenServer is as much of an API server as knows who has a token. What it does not know it refuses as
// an API server does.
type tokenServer struct {
	mutex sync.Mutex
	users map[string]string
	seen  []string // tokens, in the order of the requests
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.seen = append(s.seen, token)
	user, ok := s.users[token]
	w.Header().Set("Content-Type", "application/json")
	if ok && strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		review := authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}}
		review.Status.UserInfo.Username = user
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
		return
	}
	code, reason := http.StatusUnauthorized, metav1.StatusReasonUnauthorized
	if ok {
		code, reason = http.StatusForbidden, metav1.StatusReasonForbidden
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason,
		Message: "User cannot list resource",
	})
}

func (s *tokenServer) forget(token string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.users, token)
}

func team(t *testing.T, secure bool) (*tokenServer, *httptest.Server) {
	t.Helper()
	users := &tokenServer{users: map[string]string{
		"alices": "alice", "bots": "system:serviceaccount:ci:bot", "nobodys": "system:anonymous",
	}}
	api := httptest.NewTLSServer(users)
	t.Cleanup(api.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	page := fstest.MapFS{"assets/a.js": {Data: []byte(strings.Repeat("compressible ", 1000))}}
	_, server := serve(t, New(Options{Page: page, Team: &Team{
		Cluster: kube.TokenOptions{Cluster: "c", Server: api.URL, CAData: authority},
		Hosts:   []string{"console.example.com"},
		Secure:  secure,
	}}))
	return users, server
}

// behindTLS is a request as an ingress passes it on.
func behindTLS(r *http.Request) {
	r.Host = "console.example.com"
	r.Header.Set("Origin", "https://console.example.com")
}

func TestTeamBehindTLS(t *testing.T) {
	users, server := team(t, true)
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
	for _, token := range users.seen {
		if strings.ContainsAny(token, "\n ä") {
			t.Errorf("the cluster got the token %q", token)
		}
	}
}

func TestTeamSessionEndsWithItsToken(t *testing.T) {
	users, server := team(t, true)
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
	users.mutex.Lock()
	users.seen = nil
	users.mutex.Unlock()
	if status, body := get("/api/v1/secrets", alice); status != http.StatusForbidden {
		t.Errorf("%d %s", status, body)
	}
	for _, token := range users.seen {
		if token != "alices" {
			t.Errorf("alice's request went out with the token %q", token)
		}
	}
	users.forget("alices")
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
