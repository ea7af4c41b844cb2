package console

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// smallCluster is as much of an API server as the lists of a page need: who asks, and 10 objects of
// every kind that is listed.
func smallCluster(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"alice"}}}`)
		return
	}
	if r.URL.Query().Get("watch") != "" {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	kind, version := "PartialObjectMetadataList", "meta.k8s.io/v1"
	resource := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
		kind = map[string]string{"jobs": "JobList", "pods": "PodList", "rolebindings": "RoleBindingList"}[resource]
		version = map[string]string{"jobs": "batch/v1", "pods": "v1", "rolebindings": "rbac.authorization.k8s.io/v1"}[resource]
	}
	items := make([]any, 10)
	for i := range items {
		items[i] = map[string]any{"metadata": map[string]any{
			"name": fmt.Sprintf("%s-%d", resource, i), "namespace": "default", "uid": fmt.Sprintf("%08d-%s", i, resource),
			"labels": map[string]string{"apolo.us/job": "true", "apolo.us/secret": "true"},
		}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]string{"resourceVersion": "1"}, "items": items})
}

func forSmallCluster(t testing.TB, api http.HandlerFunc) (*Server, *httptest.Server) {
	t.Helper()
	cluster := httptest.NewTLSServer(api)
	t.Cleanup(cluster.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})
	return serve(t, New(Options{Page: fstest.MapFS{}, Team: &Team{
		Cluster: kube.TokenOptions{Cluster: "c", Server: cluster.URL, CAData: authority}, Hosts: []string{"127.0.0.1"},
	}}))
}

// A page may stay open for days. A thousand refreshes of what it shows must leave nothing behind.
func TestMemoryStaysConstant(t *testing.T) {
	s, server := forSmallCluster(t, smallCluster)
	page := logIn(t, server, "alices", nil)
	refresh := func(path string, times int) {
		for range times {
			response, body := ask(t, server, http.MethodGet, "/api/v1"+path, "", page.on)
			if response.StatusCode != http.StatusOK || strings.Count(body, `"created":`) != 10 {
				t.Fatalf("%s %.300s", response.Status, body)
			}
		}
	}
	look := func(times int) {
		for range times {
			conn := dialEvents(t, server, page)
			if _, data, err := conn.Read(t.Context()); err != nil || strings.Count(string(data), `"uid":`) != 10 {
				t.Fatalf("%.200s %v", data, err)
			}
			conn.Close(websocket.StatusNormalClosure, "")
		}
		s.open.Wait()
	}
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools held is gone after the second
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	refresh("/secrets", 50)
	refresh("/jobs", 50)
	look(3)
	before := heap()
	refresh("/secrets", 1000)
	refresh("/jobs", 100)
	look(10)
	after := heap()
	if after > before+1<<20 {
		t.Errorf("%d bytes before and %d after", before, after)
	}
	s.hub.mutex.Lock()
	defer s.hub.mutex.Unlock()
	if len(s.hub.feeds) != 0 {
		t.Errorf("%d watches are left", len(s.hub.feeds))
	}
}

// What a page shows must cost the cluster little, however many look at it.
func TestRequestsAreFew(t *testing.T) {
	var (
		mutex   sync.Mutex
		seen    []string
		watches int
	)
	s, server := forSmallCluster(t, func(w http.ResponseWriter, r *http.Request) {
		watch := r.URL.Query().Get("watch") != ""
		mutex.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path)
		if watch {
			watches++
		}
		mutex.Unlock()
		smallCluster(w, r)
		if watch {
			mutex.Lock()
			watches--
			mutex.Unlock()
		}
	})
	page := logIn(t, server, "alices", nil)
	for path, want := range map[string][]string{
		"/session":  nil,
		"/contexts": {"GET /api/v1/namespaces"},
		"/secrets": {"GET /api/v1/namespaces/default/pods", "GET /api/v1/namespaces/default/secrets", "GET /api/v1/namespaces/default/serviceaccounts",
			"GET /apis/apps/v1/namespaces/default/daemonsets", "GET /apis/apps/v1/namespaces/default/deployments",
			"GET /apis/apps/v1/namespaces/default/replicasets", "GET /apis/apps/v1/namespaces/default/statefulsets",
			"GET /apis/batch/v1/namespaces/default/cronjobs", "GET /apis/batch/v1/namespaces/default/jobs",
			"GET /apis/networking.k8s.io/v1/namespaces/default/ingresses",
			"GET /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", "GET /apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"},
		"/leftovers": {"GET /api/v1/namespaces/default/pods", "GET /api/v1/namespaces/default/secrets",
			"GET /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", "GET /apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"},
		"/jobs": {"GET /api/v1/namespaces/default/pods", "GET /apis/batch/v1/namespaces/default/jobs"},
	} {
		mutex.Lock()
		seen = nil
		mutex.Unlock()
		if response, body := ask(t, server, http.MethodGet, "/api/v1"+path, "", page.on); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
		if slices.Sort(seen); !slices.Equal(seen, want) {
			t.Errorf("%s: %q", path, seen)
		}
	}

	var open []*websocket.Conn
	for range 5 {
		conn := dialEvents(t, server, page)
		if _, data, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(data), `"type":"list"`) {
			t.Fatalf("%s %v", data, err)
		}
		open = append(open, conn)
	}
	count := func() int {
		mutex.Lock()
		defer mutex.Unlock()
		return watches
	}
	waitFor(t, "the watches to be open", func() bool { return count() >= 2 })
	if n := count(); n != 2 { // of jobs, and of pods
		t.Errorf("%d watches for five that look at the same", n)
	}
	for _, conn := range open {
		conn.Close(websocket.StatusNormalClosure, "")
	}
	s.open.Wait()
	waitFor(t, "the watches to end", func() bool { return count() == 0 })
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("waited in vain for %s", what)
	}
}

func dialEvents(t *testing.T, server *httptest.Server, page credentials) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws"+server.URL[4:]+"/api/v1/jobs/events", &websocket.DialOptions{
		HTTPHeader:   http.Header{"Origin": {server.URL}, "Cookie": {page.cookie.Name + "=" + page.cookie.Value}},
		Subprotocols: []string{subprotocol, page.pageKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	return conn
}
