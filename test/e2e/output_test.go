package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/util/rand"
)

// numbers is what seq prints.
func numbers(last int) string {
	var b strings.Builder
	for i := 1; i <= last; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

// The end of a log is there, however soon the container ends after it.
func TestEveryLineOfAShortLog(t *testing.T) {
	long(t)
	t.Parallel()
	const runs, atOnce = 50, 10
	_, kubeconfig := openCluster(t).namespace(t, "alice")
	want := numbers(20000)
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range runs {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			command := plugin(t, kubeconfig, "kubectl-apolo_run", "-q", "--rm", "busybox:1", "--", "seq", "20000")
			var stderr bytes.Buffer
			command.Stderr = &stderr
			if got, err := command.Output(); err != nil || string(got) != want {
				t.Errorf("run %d: %v, %d bytes, want %d\n%s", i, err, len(got), len(want), &stderr)
			}
		})
	}
	all.Wait()
}

// Commands whose log is rotated. Between the lines of the first there is never as much time as a rotation
// takes, so that nothing has to be doubted; the second ends with a part that is large enough to be doubted.
const (
	aLotOfLines = 450_000
	aLot        = "for i in $(seq 0 14); do seq $((i*30000+1)) $(((i+1)*30000)); sleep 1; done"
	twoBursts   = "seq 1 300000; sleep 8; seq 300001 450000"
)

// A reader that takes nothing until the job has ended gets every line.
func TestSlowReaderOfARotatedLog(t *testing.T) {
	long(t)
	t.Parallel()
	namespace, kubeconfig := openCluster(t).namespace(t, "alice")
	name := "slow-" + rand.String(5)
	command := plugin(t, kubeconfig, "kubectl-apolo_run", "--name", name, "busybox:1", "--", "sh", "-c", aLot)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	waitForJob(t, namespace, name)
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	// On a busy machine it may be too late to exclude that something is missing.
	err = command.Wait()
	doubts := strings.Contains(stderr.String(), "may be missing")
	if holes, whole := compareLines(string(got), numbers(aLotOfLines)); !whole || err != nil && !doubts {
		t.Errorf("%v, missing: %q\n%s", err, holes, &stderr)
	}
}

// mostLost is how much the node loses at most when it changes files while a container writes: what containerd had read
// at once and was writing to the old file, which the kubelet had left already (decision 0017).
const mostLost = 32 << 10

// compareLines finds what is missing in got of want, whose lines are all different. It is whole if there is no more than the
// node itself loses.
func compareLines(got, want string) (holes []string, whole bool) {
	for got != want {
		same := 0
		for same < min(len(got), len(want)) && got[same] == want[same] {
			same++
		}
		// The part of a line that belongs together is as long as the next whole line shows.
		_, rest, _ := strings.Cut(got[same:], "\n")
		next, _, found := strings.Cut(rest, "\n")
		at := strings.Index(want, "\n"+next+"\n")
		if at < 0 || !found {
			return append(holes, want[same:]), false
		}
		at -= len(got[same:]) - len(rest) - 1
		if at <= same {
			return append(holes, want[same:]), false
		}
		holes = append(holes, want[same:at])
		if at-same > mostLost {
			return holes, false
		}
		got, want = got[same:], want[at:]
	}
	return holes, true
}

func TestCompareLines(t *testing.T) {
	t.Parallel()
	want := numbers(30000)
	for name, test := range map[string]struct {
		got   string
		lost  int
		whole bool
	}{
		"whole":           {want, 0, true},
		"within lines":    {want[:1001] + want[9002:], 8001, true},
		"between lines":   {want[:strings.Index(want, "200\n")] + want[strings.Index(want, "\n300\n")+1:], 400, true},
		"two holes":       {want[:1001] + want[9002:20000] + want[20007:], 8008, true},
		"a file":          {want[:1001] + want[1001+mostLost+1:], mostLost + 1, false},
		"the end":         {want[:len(want)-4], 4, false},
		"twice":           {want[:1000] + want[990:], len(want) - 1000, false},
		"other beginning": {"hello\n" + want, len(want), false},
	} {
		holes, whole := compareLines(test.got, want)
		if lost := len(strings.Join(holes, "")); whole != test.whole || test.whole && lost != test.lost {
			t.Errorf("%s: %d bytes lost, whole %v", name, lost, whole)
		}
	}
}

// waitForJob returns when a job has ended well.
func waitForJob(t *testing.T, namespace, name string) {
	t.Helper()
	c := openCluster(t)
	c.kubectl(t, "alice", "wait", "-n", namespace, "--for=create", "job/"+name, "--timeout=5m")
	c.kubectl(t, "alice", "wait", "-n", namespace, "--for=condition=Complete", "job/"+name, "--timeout=5m")
}

// A process that is stopped meanwhile has all lines, or says that it has not.
func TestStoppedReaderOfARotatedLog(t *testing.T) {
	long(t)
	t.Parallel()
	namespace, kubeconfig := openCluster(t).namespace(t, "alice")
	name := "stopped-" + rand.String(5)
	command := plugin(t, kubeconfig, "kubectl-apolo_run", "--name", name, "busybox:1", "--", "sh", "-c", aLot)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReaderSize(out, 16).ReadString('\n')
	if err != nil || first != "1\n" {
		t.Errorf("it begins with %q, %v\n%s", first, err, &stderr)
	}
	if err := command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitForJob(t, namespace, name)
	if err := command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(rest), "\n10\n") // the first few were taken already
	_, want, _ := strings.Cut(numbers(aLotOfLines), "\n10\n")
	holes, whole := compareLines(got, want)
	err = command.Wait()
	if said := strings.Contains(stderr.String(), "may be missing"); !whole && (err == nil || !said) || said != (err != nil) {
		t.Errorf("%v, missing: %d bytes\n%s", err, len(strings.Join(holes, "")), &stderr)
	}
}

// What is there after a rotation is not all, and it is said.
func TestLogsAfterRotation(t *testing.T) {
	long(t)
	t.Parallel()
	namespace, kubeconfig := openCluster(t).namespace(t, "alice")
	name := "rotated-" + rand.String(5)
	if got := runDirect(t, kubeconfig, "kubectl-apolo_run", "--detach", "--name", name, "busybox:1", "--", "sh", "-c", twoBursts); got.code != 0 {
		t.Fatal(got)
	}
	waitForJob(t, namespace, name)
	got := runDirect(t, kubeconfig, "kubectl-apolo_job", "logs", name)
	if got.code != 0 || strings.HasPrefix(got.stdout, "1\n") || !strings.HasSuffix(got.stdout, "\n450000\n") {
		t.Fatalf("exit code %d, %.20q…, %s", got.code, got.stdout, got.stderr)
	}
	if !strings.Contains(got.stderr, "earlier lines are missing if the node has rotated") {
		t.Errorf("stderr %q", got.stderr)
	}
}

// Output that can't be written is an error, whoever prints it.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	_, kubeconfig := openCluster(t).namespace(t, "alice")
	if got := runDirect(t, kubeconfig, "kubectl-apolo_secret", "add", "key", "value"); got.code != 0 {
		t.Fatal(got)
	}
	for _, words := range []string{
		"kubectl-apolo --help", "kubectl-apolo --version", "kubectl-apolo completion bash",
		"kubectl-apolo_secret --help", "kubectl-apolo_secret get key", "kubectl-apolo_secret ls", "kubectl-apolo_secret ls -o json",
		"kubectl-apolo_secret add other value", "kubectl-apolo_secret export -o yaml", "kubectl-apolo_acl ls", "kubectl-apolo_doctor",
		"kubectl-apolo_run --name full -q busybox:1 -- echo hello", "kubectl-apolo_run --list-presets", "kubectl-apolo_job ls -a",
		"kubectl-apolo_job logs full", "kubectl-apolo_job status full", "kubectl-apolo_job generate-run-command full",
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		command := strings.Fields(words)
		process := plugin(t, kubeconfig, command[0], command[1:]...)
		var stderr bytes.Buffer
		process.Stdout, process.Stderr = full, &stderr
		_ = process.Run() // its exit code says more
		full.Close()
		if code := process.ProcessState.ExitCode(); code != 1 || !isErrorLine(stderr.String()) || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("%s: exit code %d, %q", words, code, &stderr)
		}
	}
}
