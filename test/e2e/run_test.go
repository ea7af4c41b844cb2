package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plugin is a command under test, in a namespace of alice's.
func plugin(t *testing.T, kubeconfig, name string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(filepath.Join(binaries(t), name), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	return command
}

// restart stops a component of the cluster and starts it again.
func restart(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"-C", filepath.Join("..", "cluster"), "run", ".", "restart"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("restart %v: %v\n%s", args, err, out)
	}
}

// TestRunSurvivesRestarts counts 10,000 numbered lines while the API server is killed, is stopped in
// good order, etcd is killed, and the kubelet is restarted; and then looks at the exit code. Beside it job logs -f does
// the same.
func TestRunSurvivesRestarts(t *testing.T) {
	long(t)
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	// The job waits for a sign that all has happened, so that no machine is too fast or too slow.
	command := plugin(t, kubeconfig, "kubectl-apolo_run", "--name", "count", "busybox:1", "--", "sh", "-c",
		`i=0; while [ $i -lt 10000 ]; do i=$((i+1)); echo "line $i"; [ $((i % 50)) -ne 0 ] || [ -e /tmp/go ] || sleep 0.2; done
		until [ -e /tmp/go ]; do sleep 0.1; done; echo end; exit 7`)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill() })

	lines := bufio.NewScanner(stdout)
	read := 0
	var all strings.Builder
	next := func() bool {
		if !lines.Scan() {
			return false
		}
		read++
		fmt.Fprintln(&all, lines.Text())
		if want := fmt.Sprintf("line %d", read); read <= 10000 && lines.Text() != want {
			t.Fatalf("line %d is %q\n%s", read, lines.Text(), stderr.String())
		}
		return true
	}
	if !next() {
		t.Fatalf("no log\n%s", stderr.String())
	}
	follow := plugin(t, kubeconfig, "kubectl-apolo_job", "logs", "-f", "-q", "count")
	follow.Stderr = os.Stderr
	pipe, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { follow.Process.Kill() })
	followed := bufio.NewReader(pipe)
	if _, err := followed.Peek(1); err != nil { // it has begun
		t.Fatal(err)
	}
	follower := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(followed) // what is missing is seen
		follower <- string(text)
	}()

	for _, args := range [][]string{{"--kill", "apiserver"}, {"apiserver"}, {"--kill", "etcd"}, {"kubelet"}} {
		for goal := read + 300; read < goal; {
			if !next() {
				t.Fatalf("the log ended at line %d\n%s", read, stderr.String())
			}
		}
		restart(t, args...)
	}
	pod := strings.TrimSpace(kubectlAs(t, c, kubeconfig, "get", "pods", "-l", "job-name=count", "-o", "name"))
	kubectlAs(t, c, kubeconfig, "exec", pod, "--", "touch", "/tmp/go")
	for next() {
	}
	if read != 10001 {
		t.Errorf("%d lines", read)
	}
	exit := (*exec.ExitError)(nil)
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	text := <-follower
	if err := follow.Wait(); err != nil || text != all.String() {
		t.Errorf("job logs -f: %v, and %d of %d bytes are there", err, len(text), all.Len())
	}
}

func kubectlAs(t *testing.T, c *cluster, kubeconfig string, args ...string) string {
	t.Helper()
	command := exec.Command(filepath.Join(c.BinDir, "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestRunSurvivesLogRotation reads three times as much as the kubelet keeps in one file. The kubelet
// looks for files to rotate every ten seconds, so the job waits for that between its parts. kubectl
// logs -f loses a part of three here most of the time.
func TestRunSurvivesLogRotation(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	const lines, rounds = 120_000, 3
	command := plugin(t, kubeconfig, "kubectl-apolo_run", "-q", "busybox:1", "--", "sh", "-c", fmt.Sprintf(
		`sleep 3; for r in $(seq %d); do seq %d | sed "s/.*/$r-& %s/"; sleep 12; done`, rounds, lines, strings.Repeat("x", 90)))
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill() })
	scanner := bufio.NewScanner(stdout)
	for round := 1; round <= rounds; round++ {
		for i := 1; i <= lines; i++ {
			want := fmt.Sprintf("%d-%d ", round, i)
			if !scanner.Scan() || !strings.HasPrefix(scanner.Text(), want) {
				t.Fatalf("want %q, got %.20q", want, scanner.Text())
			}
		}
	}
	if rest, err := io.ReadAll(stdout); scanner.Scan() || len(rest) > 0 || err != nil {
		t.Errorf("more: %.20q, %v", rest, err)
	}
	// On a busy machine it may be too late to exclude that something is missing.
	if err := command.Wait(); err != nil && !strings.Contains(stderr.String(), "may be missing") {
		t.Errorf("%v\n%s", err, &stderr)
	}
}

// TestRunIsInterruptedTwice does what timeout(1) does: a signal to the process, and at once to its
// group. Two at the same moment may count as one.
func TestRunIsInterruptedTwice(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	command := plugin(t, kubeconfig, "kubectl-apolo_run", "--name", "twice", "busybox:1", "--", "sh", "-c", "trap exit TERM; echo started; while :; do sleep 0.1; done")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := command.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	exit := (*exec.ExitError)(nil)
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v", err)
	}
	if left := kubectlAs(t, c, kubeconfig, "get", "jobs", "-o", "name"); strings.Contains(left, "twice") {
		t.Errorf("left: %s", left)
	}
}
