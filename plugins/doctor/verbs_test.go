package doctor

import (
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

func verb() verbtest.Plugin {
	return verbtest.Plugin{Name: "doctor", Build: New, Stored: func(s *kubetest.Server) []string {
		name := func(map[string]any) string { return "" }
		return verbtest.Stored(s, map[string]func(map[string]any) string{"roles": name, "rolebindings": name, "secrets": name})
	}}
}

func TestWrongUsage(t *testing.T) {
	verb().RunWrong(t, map[string]string{
		"x":               "takes no arguments, received 1",
		"--for x":         `invalid --for "x": must be one of add, list, get, remove, grant, run, attach`,
		"--rbac -o json":  "--rbac prints YAML: it can't be used with -o",
		"-o wide":         `invalid output format "wide": must be one of json, yaml, go-template, go-template-file, jsonpath, jsonpath-file, custom-columns, custom-columns-file`,
		"--for add --for": `--for needs a value`,
	})
}

func TestDoctorVerb(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // what is installed is another test's
	apiServer := func(command ...string) runtime.Object {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-apiserver", Labels: map[string]string{"component": "kube-apiserver"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "kube-apiserver", Command: command}}}}
	}
	const unknown = "unknown  encryption  whether values are encrypted at rest can't be seen with your rights; ask an administrator"
	metrics := func(text string) func(*kubetest.Server) {
		return func(s *kubetest.Server) {
			s.Always("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				fmt.Fprintln(w, text)
			})
		}
	}
	verb().Run(t, []verbtest.Case{
		{Command: "--for add", Has: []string{
			"ok       kubeconfig  context \"c\": cluster \"c\", namespace \"default\"\n", "Kubernetes v1.34.1\n", "ok       user        alice, of system:authenticated\n",
			"ok       namespace   \"default\" exists\n", "ok       add         you may add secrets and replace their values\n",
			"ok       discovery   acl ls finds what is shared with you in all namespaces\n", unknown + "\n",
		}},
		{Name: "all tasks", Command: "-q", Stdout: unknown},
		{Name: "encrypted", Command: "-q", Objects: []runtime.Object{apiServer("kube-apiserver", "--encryption-provider-config=x")}},
		{Name: "not encrypted", Command: "-q", Objects: []runtime.Object{apiServer("kube-apiserver", "--v=1")},
			Stdout: "warning  encryption  the API server has no --encryption-provider-config: values are in etcd as they are"},
		{Name: "encrypted, by its metrics", Command: "-q", Server: metrics(`apiserver_storage_transformation_operations_total{transformer_prefix="k8s:enc:kms:v2:"} 3`)},
		{Name: "not known", Command: "-q", Server: metrics("up 1"),
			Stdout: "unknown  encryption  the API server's metrics show no encryption at rest; look for --encryption-provider-config, or ask who runs it"},
		{Name: "missing", Command: "-q --for add", Server: func(s *kubetest.Server) { s.Forbid("create", "secrets") }, Code: 1, Has: []string{
			"missing  add         in namespace \"default\" you can't create secrets\n", "# Ask an administrator of the namespace for what is missing:\n", "  name: apolo:alice:add\n",
		}},
		{Command: "--rbac --for add -n team", Has: []string{"kind: Role\n", "kind: RoleBinding\n", "namespace: team", "name: alice"}, Requests: []string{"POST selfsubjectreviews"}},
		{Command: "-o jsonpath='{.healthy} {.user} {.namespace}'", Stdout: "true alice default"},
		{Name: "no such namespace", Command: "-q -n none", Code: 1, Has: []string{"missing  namespace   \"none\" does not exist; choose another with -n"}},
		{Name: "no such context", Command: "-q --context none", Code: 1, Stdout: `missing  kubeconfig  context "none" does not exist; choose one with --context: c`, Requests: []string{}},
	})
}
