package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// loadImage makes an image that holds our binaries and nothing else, as docs/console.md and docs/ci.md do, and
// loads it into the cluster. The first binary is what it runs.
func loadImage(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	content := sha256.New()
	for _, name := range names {
		binary, err := os.ReadFile(filepath.Join(binaries(t), name))
		if err != nil {
			t.Fatal(err)
		}
		content.Write(binary)
		if err := os.WriteFile(filepath.Join(root, name), binary, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	image := fmt.Sprintf("apolo-test:%x", content.Sum(nil)[:6])
	out, err := exec.CommandContext(t.Context(), "go", "-C", "../cluster", "run", ".", "load-image", image, root, "/"+names[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return image
}

// teamManifest is docs/console-team.yaml with what this cluster needs otherwise: the namespace of the
// test, and the host's network, because pods reach the API server only there.
func teamManifest(t *testing.T, c *cluster, namespace, image string, port int) []byte {
	t.Helper()
	file, err := os.Open("../../docs/console-team.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var changed bytes.Buffer
	for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); err == io.EOF {
			return changed.Bytes()
		} else if err != nil {
			t.Fatal(err)
		}
		if object.GetKind() == "Namespace" {
			continue // it would demand that no pod uses the host's network
		}
		object.SetNamespace(namespace)
		if object.GetKind() == "Deployment" {
			path := []string{"spec", "template", "spec"}
			pod, _, err := unstructured.NestedMap(object.Object, path...)
			if err != nil {
				t.Fatal(err)
			}
			container := pod["containers"].([]any)[0].(map[string]any)
			pod["hostNetwork"], container["image"] = true, image
			container["ports"] = []any{map[string]any{"name": "http", "containerPort": int64(port)}}
			container["args"] = []any{"--in-cluster", "--host=127.0.0.1", "--plain-http", "--cluster-name=default",
				"--address=127.0.0.1:" + strconv.Itoa(port), "--api-server=" + c.Server}
			if err := unstructured.SetNestedMap(object.Object, pod, path...); err != nil {
				t.Fatal(err)
			}
		}
		text, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&changed, "---\n%s\n", text) // what begins with a brace is no YAML to an older kubectl
	}
}

// visitor makes a service account that is admin of its own namespace, and returns both and a
// token of it.
func (c *cluster) visitor(t *testing.T, name string) (namespace, token string) {
	t.Helper()
	namespace, _ = c.namespace(t, name)
	c.kubectl(t, "admin", "create", "serviceaccount", "visitor", "-n", namespace)
	c.kubectl(t, "admin", "create", "rolebinding", "visitor", "-n", namespace, "--clusterrole=admin", "--serviceaccount="+namespace+":visitor")
	return namespace, strings.TrimSpace(c.kubectl(t, "admin", "create", "token", "visitor", "-n", namespace))
}

func TestConsoleForATeam(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	home, _ := c.namespace(t, "carol")
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	apply := exec.CommandContext(t.Context(), filepath.Join(c.BinDir, "kubectl"), "apply", "-f", "-")
	apply.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig("admin"))
	apply.Stdin = bytes.NewReader(teamManifest(t, c, home, loadImage(t, "kubectl-apolo_console"), port))
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := c.tryKubectl("admin", "rollout", "status", "deployment/console", "-n", home, "--timeout=1m"); err != nil {
		t.Fatalf("%s\n%s\n%s", out, c.kubectl(t, "admin", "describe", "deployments,pods", "-n", home), c.kubectl(t, "admin", "logs", "deployment/console", "-n", home))
	}

	open := func(token string) *browser {
		b := &browser{t: t, server: &httptest.Server{URL: "http://127.0.0.1:" + strconv.Itoa(port)}}
		b.login(token)
		return b
	}
	alices, aliceToken := c.visitor(t, "alice")
	bobs, bobToken := c.visitor(t, "bob")
	alice, bob := open(aliceToken), open("Bearer "+bobToken+"\n")

	for _, one := range []struct {
		*browser
		namespace string
	}{{alice, alices}, {bob, bobs}} {
		session := get[console.Session](one.browser, "/session")
		if session.User != "system:serviceaccount:"+one.namespace+":visitor" || session.Mode != "team" || !session.Authenticated {
			t.Errorf("%+v", session)
		}
		contexts := get[console.Contexts](one.browser, "/contexts")
		if contexts.Current != (console.Place{Cluster: "default", Namespace: one.namespace}) {
			t.Errorf("%+v", contexts)
		}
	}

	const value = "hunter2-canary"
	eventually(t, "alice's rights", func() bool {
		response, _ := alice.send(http.MethodPost, "/secrets", map[string]any{"key": "k", "value": []byte(value), "overwrite": true})
		return response.StatusCode == http.StatusCreated
	})
	eventually(t, "bob's rights", func() bool {
		response, _ := bob.send(http.MethodGet, "/secrets", nil)
		return response.StatusCode == http.StatusOK
	})
	alice.do(http.StatusCreated, http.MethodPost, "/jobs", map[string]any{
		"name": "private", "image": "busybox:1", "command": []string{"sh", "-c", "echo the log of alice; echo $V"},
		"environment": []any{map[string]any{"name": "V", "secret": "secret:k"}},
	}, nil)
	if log := alice.readLog("private"); log != "the log of alice\n***\n" {
		t.Errorf("%q", log)
	}

	// Neither sees the other's: the API server says so, since each is who their token says.
	if list := get[console.SecretList](bob, "/secrets"); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	for _, path := range []string{"/secrets", "/jobs", "/jobs/private", "/jobs/private/log.txt", "/secrets/k/access"} {
		var problem console.Problem
		bob.do(http.StatusForbidden, http.MethodGet, path+"?namespace="+alices, nil, &problem)
		if !strings.Contains(problem.Detail, "you lack permission to ") {
			t.Errorf("%s: %+v", path, problem)
		}
	}
	conn := bob.dial("/jobs/private/log?namespace=" + alices)
	if _, data := next(t, conn); !strings.Contains(frame[console.LogFrame](t, data).Error, "you lack permission to ") {
		t.Errorf("%s", data)
	}
	conn = bob.dial("/jobs/private/terminal?namespace=" + alices)
	if _, data := next(t, conn); !strings.Contains(frame[console.TerminalOutput](t, data).Error, "you lack permission to ") {
		t.Errorf("%s", data)
	}
	// A stolen half of a session is no session, and a session is nobody else's.
	mixed := &browser{t: t, server: alice.server, cookies: alice.cookies, pageKey: bob.pageKey}
	mixed.do(http.StatusUnauthorized, http.MethodGet, "/secrets", nil, nil)
	for _, wrong := range []string{"", "wrong", aliceToken[:len(aliceToken)-4] + "AAAA"} {
		response, _ := (&browser{t: t, server: alice.server}).send(http.MethodPost, "/login", map[string]any{"token": wrong})
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %q: %s", wrong, response.Status)
		}
	}
	alice.do(http.StatusNoContent, http.MethodPost, "/logout", nil, nil)
	alice.do(http.StatusUnauthorized, http.MethodGet, "/secrets", nil, nil)
	bob.do(http.StatusOK, http.MethodGet, "/secrets", nil, nil)

	// The server itself is nobody, and keeps nothing.
	if volumes := c.kubectl(t, "admin", "get", "pods", "-n", home, "-l", "app.kubernetes.io/name=apolo-console", "-o", "jsonpath={.items[*].spec.volumes[*].name}"); volumes != "authority" {
		t.Errorf("the pod has the volumes %s", volumes)
	}
	log := c.kubectl(t, "admin", "logs", "deployment/console", "-n", home)
	for _, secret := range []string{value, aliceToken, bobToken, alice.pageKey, alice.cookies[0].Value, "private"} {
		if strings.Contains(log, secret) {
			t.Errorf("the server's log has %q:\n%s", secret, log)
		}
	}
	// Who deletes a service account ends its sessions.
	c.kubectl(t, "admin", "delete", "serviceaccount", "visitor", "-n", bobs)
	eventually(t, "bob's session to end with his account", func() bool {
		response, _ := bob.send(http.MethodGet, "/secrets", nil)
		return response.StatusCode == http.StatusUnauthorized
	})
}
