package console

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/coder/websocket"

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

// A page may stay open for days. A thousand refreshes of what it shows must leave nothing behind.
func TestMemoryStaysConstant(t *testing.T) {
	cluster := httptest.NewTLSServer(http.HandlerFunc(smallCluster))
	t.Cleanup(cluster.Close)
	s, server := serve(t, New(Options{Page: fstest.MapFS{}, Team: &Team{
		Cluster: kube.TokenOptions{Cluster: "c", Server: cluster.URL, CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})},
		Hosts:   []string{"127.0.0.1"},
	}}))
	page := logIn(t, server, "alices", nil)
	refresh := func(times int) {
		for range times {
			for _, path := range []string{"/secrets", "/jobs"} {
				response, body := ask(t, server, http.MethodGet, "/api/v1"+path, "", page.on)
				if response.StatusCode != http.StatusOK || strings.Count(body, `"created":`) != 10 {
					t.Fatalf("%s %.300s", response.Status, body)
				}
			}
		}
	}
	look := func(times int) {
		for range times {
			conn, _, err := websocket.Dial(t.Context(), "ws"+server.URL[4:]+"/api/v1/jobs/events", &websocket.DialOptions{
				HTTPHeader:   http.Header{"Origin": {server.URL}, "Cookie": {page.cookie.Name + "=" + page.cookie.Value}},
				Subprotocols: []string{subprotocol, page.pageKey},
			})
			if err != nil {
				t.Fatal(err)
			}
			conn.SetReadLimit(-1)
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
	refresh(50)
	look(3)
	before := heap()
	refresh(1000)
	look(10)
	after := heap()
	if after > before+1<<20 {
		t.Errorf("%d bytes before and %d after", before, after)
	}
	t.Logf("%d bytes before and %d after", before, after)
	s.hub.mutex.Lock()
	defer s.hub.mutex.Unlock()
	if len(s.hub.feeds) != 0 {
		t.Errorf("%d watches are left", len(s.hub.feeds))
	}
}
