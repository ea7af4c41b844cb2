package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pipeline is a pod without a kubeconfig, with the service accounts of docs/ci: it stores a secret, runs a job
// with it, and is done. The cluster has no network for pods, so that it uses the host's.
const pipeline = `
apiVersion: v1
kind: Pod
metadata:
  name: NAME
spec:
  restartPolicy: Never
  hostNetwork: true
  serviceAccountName: ACCOUNT
  automountServiceAccountToken: true
  containers:
  - name: step
    image: IMAGE
    command: COMMAND
    env:
    - {name: KUBERNETES_SERVICE_HOST, value: "API_HOST"}
    - {name: KUBERNETES_SERVICE_PORT, value: "API_PORT"}
    securityContext: {runAsUser: 65532, runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}
`

// TestInsideTheCluster runs the commands in pods that have nothing but their service account.
func TestInsideTheCluster(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, alice := c.namespace(t, "alice")
	image := loadImage(t, "kubectl-apolo", "kubectl-apolo_secret", "kubectl-apolo_run", "kubectl-apolo_doctor")
	server, err := url.Parse(c.Server)
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(input string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), filepath.Join(c.BinDir, "kubectl"), args...)
		command.Env = append(os.Environ(), "KUBECONFIG="+alice)
		command.Stdin = strings.NewReader(input)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		if err != nil {
			t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
		}
		return string(out)
	}
	step := func(name, account, command string) string {
		t.Helper()
		manifest := strings.NewReplacer("NAME", name, "ACCOUNT", account, "IMAGE", image, "COMMAND", command,
			"API_HOST", server.Hostname(), "API_PORT", server.Port()).Replace(pipeline)
		kubectl(manifest, "apply", "-f", "-")
		kubectl("", "wait", "pod/"+name, "--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}", "--timeout=3m")
		return kubectl("", "logs", name) + "exit code " +
			kubectl("", "get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}")
	}
	kubectl("", "apply", "-f", "../../docs/ci/writer.yaml", "-f", "../../docs/ci/runner.yaml")
	eventually(t, "the rights of the service accounts", func() bool {
		for account, right := range map[string]string{"secret-writer": "patch secrets", "job-runner": "create jobs.batch"} {
			verb, resource, _ := strings.Cut(right, " ")
			if out, _ := c.tryKubectl("admin", "auth", "can-i", verb, resource, "-n", namespace,
				"--as=system:serviceaccount:"+namespace+":"+account); !strings.HasPrefix(out, "yes") {
				return false
			}
		}
		return true
	})

	out := step("doctor", "secret-writer", `[/kubectl-apolo, doctor, --for, add]`)
	for _, want := range []string{
		`this is a pod, with the rights of its service account; namespace "` + namespace + `"`,
		"system:serviceaccount:" + namespace + ":secret-writer", "ok       add ", "exit code 0",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if got, want := step("write", "secret-writer", `[/kubectl-apolo, secret, add, TOKEN, from-the-pipeline, --overwrite]`),
		"secret/TOKEN created (17 bytes)\nexit code 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out = step("use", "job-runner", `[/kubectl-apolo, run, --name, deploy, --env, "T=secret:TOKEN", "busybox:1", --, sh, -c, "echo -n $T | sha256sum; exit 7"]`)
	if !strings.Contains(out, fmt.Sprintf("%x", sha256.Sum256([]byte("from-the-pipeline")))) {
		t.Errorf("the hash of the value is not in:\n%s", out)
	}
	if !strings.HasSuffix(out, "exit code 7") || strings.Contains(out, "\x1b") || strings.Contains(out, "\r") {
		t.Errorf("%q", out)
	}
	if out := step("refused", "secret-writer", `[/kubectl-apolo, secret, get, TOKEN]`); !strings.Contains(out, "error: ") || !strings.HasSuffix(out, "exit code 1") {
		t.Errorf("%q", out)
	}
}
