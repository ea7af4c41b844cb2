package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inPod is a shell that finds what a pod has: the variables of the API server, and the token of a service account. Its
// mounts are its own.
func (c *cluster) inPod(t *testing.T, namespace, script string, args ...string) *exec.Cmd {
	t.Helper()
	folder := t.TempDir()
	c.kubectl(t, "admin", "-n", namespace, "create", "serviceaccount", "pod")
	c.kubectl(t, "admin", "-n", namespace, "create", "rolebinding", "pod", "--clusterrole=admin", "--serviceaccount="+namespace+":pod")
	authority, err := os.ReadFile(c.CA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"token": strings.TrimSpace(c.kubectl(t, "admin", "-n", namespace, "create", "token", "pod")), "ca.crt": string(authority), "namespace": namespace,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mount := `mount -t tmpfs none /var/run && mkdir -p /var/run/secrets/kubernetes.io/serviceaccount && cp ` + folder +
		`/* /var/run/secrets/kubernetes.io/serviceaccount && `
	command := exec.Command("unshare", append([]string{"--mount", "bash", "-c", mount + script, "bash"}, args...)...)
	host, port, _ := strings.Cut(strings.TrimPrefix(c.Server, "https://"), ":")
	command.Env = append(os.Environ(), "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port, "KUBECONFIG=", "HOME="+t.TempDir(),
		"PATH="+binaries(t)+":"+os.Getenv("PATH"))
	return command
}

// TestKubeconfigFromAPipe works on two namespaces with a kubeconfig that can be read once, in a pod whose own identity
// may remove the same key elsewhere.
func TestKubeconfigFromAPipe(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	pod, ofPod := c.namespace(t, "alice")
	mine, kubeconfig := c.namespace(t, "alice")
	other, _ := c.namespace(t, "alice")
	for _, namespace := range []string{pod, mine, other} {
		if got := runDirect(t, ofPod, "kubectl-apolo_secret", "add", "k", "value", "-n", namespace); got.code != 0 {
			t.Fatal(got)
		}
	}
	there := func(namespace string) bool {
		return runDirect(t, ofPod, "kubectl-apolo_secret", "get", "k", "-n", namespace).code == 0
	}
	run := func(script string) outcome {
		command := c.inPodAgain(t, pod, script, kubeconfig, other)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		_ = command.Run() // the exit code says it
		return outcome{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
	if got := run(`kubectl-apolo_secret ls -q`); got.code != 0 || got.stdout != "k\n" {
		t.Fatal("a pod's own identity:", got)
	}
	if got := run(`kubectl-apolo_secret ls --as nobody`); got.code != 1 || !strings.Contains(got.stderr, "impersonate") {
		t.Error("--as is ignored:", got)
	}
	for name, script := range map[string]string{
		"an empty file":      `kubectl-apolo_secret rm k --kubeconfig /dev/null`,
		"an empty pipe":      `kubectl-apolo_secret rm k --kubeconfig <(true)`,
		"a missing variable": `KUBECONFIG=/no/such/file kubectl-apolo_secret rm k`,
		"an empty variable":  `KUBECONFIG=/dev/null kubectl-apolo_secret rm k`,
		"a missing context":  `kubectl-apolo_secret rm k --context staging`,
	} {
		if got := run(script); got.code != 1 || !isErrorLine(got.stderr) || !there(pod) {
			t.Errorf("%s: %s", name, got)
		}
	}
	got := run(`kubectl-apolo_secret rm k secret:/"$2"/k --kubeconfig <(cat "$1")`)
	if got.code != 0 || strings.Count(got.stdout, "deleted") != 2 || there(mine) || there(other) || !there(pod) {
		t.Error("process substitution:", got)
	}
	if got := run(`cat "$1" | kubectl-apolo_secret add k value --kubeconfig /dev/stdin`); got.code != 0 || !there(mine) {
		t.Error("standard input:", got)
	}
	if got := run(`kubectl-apolo_secret cp k secret:/"$2"/k --kubeconfig <(cat "$1")`); got.code != 0 || !there(other) {
		t.Error("cp:", got)
	}
}

// inPodAgain is inPod where the service account may be there.
func (c *cluster) inPodAgain(t *testing.T, namespace, script string, args ...string) *exec.Cmd {
	t.Helper()
	c.kubectl(t, "admin", "-n", namespace, "delete", "serviceaccount/pod", "rolebinding/pod", "--ignore-not-found")
	return c.inPod(t, namespace, script, args...)
}

// TestOneInterruptEndsWhatWaits sends a single SIGINT to commands that wait for input.
func TestOneInterruptEndsWhatWaits(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	for _, words := range []string{
		"kubectl-apolo_secret add k -",
		"kubectl-apolo_secret add k @-",
		"kubectl-apolo_secret add k @PIPE",
		"kubectl-apolo_secret import --from-env-file -",
		"kubectl-apolo_secret import --from-env-file PIPE",
		"kubectl-apolo_secret import --from-file k=PIPE",
		"kubectl-apolo_run --env-file - busybox:1",
		"kubectl-apolo_run --env-file PIPE busybox:1",
		"kubectl-apolo_secret ls --kubeconfig PIPE",
		"kubectl-apolo_run busybox:1 --kubeconfig /dev/stdin",
		"kubectl-apolo_console --no-browser --kubeconfig PIPE",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := unix.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(pipe, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			argv := strings.Fields(strings.ReplaceAll(words, "PIPE", pipe))
			command := plugin(t, kubeconfig, argv[0], argv[1:]...)
			var stderr bytes.Buffer
			command.Stdin, command.Stderr = file, &stderr
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = command.Process.Kill() })
			if _, err := file.WriteString("A"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the command has read what there is, and waits for more", func() bool {
				unread, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCINQ)
				return err == nil && unread == 0
			})
			if err := command.Process.Signal(unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			_ = command.Wait() // the exit code says it
			if code := command.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("code %d, %s", code, &stderr)
			}
		})
	}
}
