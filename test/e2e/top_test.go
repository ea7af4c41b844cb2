package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestTop answers for the metrics API, which the local cluster doesn't have, with the names of the real
// pods.
func TestTop(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	for _, name := range []string{"busy", "new"} {
		runDirect(t, kubeconfig, "kubectl-apolo_run", "--no-wait-start", "--quiet", "--name", name, "--memory", "64Mi", "busybox:1", "--", "sleep", "300")
	}
	eventually(t, "both jobs run", func() bool {
		return strings.Count(runDirect(t, kubeconfig, "kubectl-apolo_job", "ls", "-q", "--status", "running").stdout, "\n") == 2
	})
	pod := c.kubectl(t, "admin", "-n", namespace, "get", "pods", "-l", "batch.kubernetes.io/job-name=busy", "-o", "jsonpath={.items[0].metadata.name}")

	p := newProxy(t, kubeconfig, fault{kind: never})
	p.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/apis/metrics.k8s.io/v1beta1/namespaces/"+namespace+"/pods" || r.URL.Query().Get("labelSelector") != "apolo.us/job=true" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		err := json.NewEncoder(w).Encode(map[string]any{
			"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1",
			"items": []any{map[string]any{
				"metadata": map[string]any{"name": pod}, "timestamp": "2026-01-02T03:04:05Z", "window": "15s",
				"containers": []any{
					map[string]any{"name": "sidecar", "usage": map[string]any{"cpu": "3", "memory": "1Gi"}},
					map[string]any{"name": "job", "usage": map[string]any{"cpu": "12345678n", "memory": "34567Ki"}},
				},
			}},
		})
		if err != nil {
			t.Error(err)
		}
		return true
	}
	got := p.run("kubectl-apolo_job", "top")
	for _, line := range []string{`^  NAME +CPU +CPU LIMIT +MEMORY +MEMORY LIMIT$`, `^  busy +13m +33Mi +64Mi$`, `^  new +64Mi$`} {
		if got.code != 0 || !regexp.MustCompile("(?m)"+line).MatchString(got.stdout) {
			t.Errorf("no line like %s: %s", line, fmt.Sprint(got))
		}
	}
	if one := p.run("kubectl-apolo_job", "top", "new"); strings.Contains(one.stdout, "busy") || !strings.Contains(one.stdout, "new") {
		t.Errorf("top new: %s", fmt.Sprint(one))
	}
}
