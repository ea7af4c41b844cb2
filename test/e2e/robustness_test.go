package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestSignalsLeaveNothing sends SIGINT or SIGTERM to run at each of its requests in turn, streams
// included: nothing is left that was not asked for, and the exit code is the signal's.
func TestSignalsLeaveNothing(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	other, otherKubeconfig := c.namespace(t, "alice")
	for config, key := range map[string]string{kubeconfig: "own", otherKubeconfig: "shared"} {
		if got := runDirect(t, config, "kubectl-apolo_secret", "add", key, "value"); got.code != 0 {
			t.Fatal(got)
		}
	}
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		for what, flags := range map[string][]string{
			"attached": {"--env", "A=secret:own", "--env", "B=secret:/" + other + "/shared"},
			"shared":   {"--share", "bob"},
			"detached": {"--detach", "--wait-start", "--env", "B=secret:/" + other + "/shared"},
		} {
			t.Run(fmt.Sprintf("%s %s", signal, what), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n++ {
					name := fmt.Sprintf("%s-%d-%d", what, signal, n)
					p := newProxy(t, kubeconfig, fault{kind: never})
					var seen atomic.Int32
					p.hold = func(string) {
						if seen.Add(1) == int32(n) {
							p.lock.Lock()
							defer p.lock.Unlock()
							if err := p.command.Process.Signal(signal); err != nil {
								t.Error(err)
							}
						}
					}
					got := p.run(append(append([]string{"kubectl-apolo_run", "--name", name}, flags...), "busybox:1", "--", "sleep", "2")...)
					if seen.Load() < int32(n) {
						if got.code != 0 {
							t.Errorf("without a signal: %s", got)
						}
						return
					}
					job, err := c.tryKubectl("admin", "-n", namespace, "get", "job", name, "-o", "name")
					switch {
					case got.code == 0 && (what == "detached") == (strings.TrimSpace(got.stdout) == name):
						// The signal came when all was done.
					case got.code != code:
						t.Errorf("at request %d: %s", n, got)
					case err == nil:
						t.Errorf("at request %d %s is left: %s", n, job, got)
					}
				}
			})
		}
	}
	t.Cleanup(func() {
		eventually(t, "copies and roles are gone with their jobs", func() bool {
			c.kubectl(t, "admin", "-n", namespace, "delete", "jobs", "--all")
			left := c.kubectl(t, "admin", "-n", namespace, "get", "roles,rolebindings,secrets", "-l", "apolo.us/secret!=true", "-o", "name")
			return strings.TrimSpace(strings.ReplaceAll(left, "rolebinding.rbac.authorization.k8s.io/admin", "")) == ""
		})
	})
}

// TestSignalLeavesTheJobToLogs ends job logs -f, which must not touch the job.
func TestSignalLeavesTheJobToLogs(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	if got := runDirect(t, kubeconfig, "kubectl-apolo_run", "--no-wait-start", "--name", "goes-on", "busybox:1", "--", "sh", "-c", "echo begun; sleep 300"); got.code != 0 {
		t.Fatal(got)
	}
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		command := plugin(t, kubeconfig, "kubectl-apolo_job", "logs", "-f", "goes-on")
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("begun\n"))); err != nil {
			t.Fatal(err)
		}
		if err := command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait() // the exit code says it
		if got := command.ProcessState.ExitCode(); got != code {
			t.Errorf("%s: code %d, want %d", signal, got, code)
		}
	}
	if running := c.kubectl(t, "admin", "-n", namespace, "get", "job", "goes-on", "-o", "jsonpath={.status.active}"); running != "1" {
		t.Errorf("the job has %q active pods", running)
	}
}

// TestManyJobsAtOnce runs 40 jobs from one machine, each attached to its own.
func TestManyJobsAtOnce(t *testing.T) {
	long(t)
	t.Parallel()
	_, kubeconfig := openCluster(t).namespace(t, "alice")
	const many = 40
	var all errgroup.Group
	for i := range many {
		all.Go(func() error {
			var errOut bytes.Buffer
			command := plugin(t, kubeconfig, "kubectl-apolo_run", "busybox:1", "--", "sh", "-c", fmt.Sprintf("echo this is %d; exit %d", i, i%7))
			out := &watchedOutput{command: command}
			command.Stdout, command.Stderr = out, &errOut
			_ = command.Run() // the exit code says it
			if got := out.text.String(); command.ProcessState.ExitCode() != i%7 || got != fmt.Sprintf("this is %d\n", i) {
				return fmt.Errorf("job %d: code %d, %q\n%s", i, command.ProcessState.ExitCode(), got, &errOut)
			}
			if out.memory > mostMemory {
				return fmt.Errorf("job %d took %d MB", i, out.memory>>20)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// mostMemory is how many bytes of memory a command may take, whatever it shows.
const mostMemory = 60 << 20

// watchedOutput is what a command prints, and the peak of its memory in bytes at the last line.
//
// The peak that the system reports of a process that has ended is of no use: it counts the memory of
// the one that started it.
type watchedOutput struct {
	command      *exec.Cmd
	text         bytes.Buffer // its beginning
	memory       int64
	bytes, lines int
}

func (o *watchedOutput) Write(p []byte) (int, error) {
	if room := 4096 - o.text.Len(); room > 0 {
		o.text.Write(p[:min(room, len(p))])
	}
	o.bytes += len(p)
	o.lines += bytes.Count(p, []byte("\n"))
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.command.Process.Pid)); err == nil {
		_, peak, _ := strings.Cut(string(status), "VmHWM:")
		var kilobytes int64
		if _, err := fmt.Sscan(peak, &kilobytes); err == nil { // none of one that is ending
			o.memory = max(o.memory, kilobytes<<10)
		}
	}
	return len(p), nil
}

// logLine is a line of a long log, and logTime how the node writes its time.
const (
	logLine = "a line of a log that is very very long, of which nothing may be kept in memory; a job is a job is a job is a job\n"
	logTime = "2006-01-02T15:04:05.000000000Z07:00"
)

// TestLongLogInConstantMemory streams a log of 256 MiB, which stands in for the node's: a kubelet keeps
// less. All else is the real cluster's.
func TestLongLogInConstantMemory(t *testing.T) {
	long(t)
	t.Parallel()
	const lines = (256<<20)/len(logLine) + 1
	_, kubeconfig := openCluster(t).namespace(t, "alice")
	for _, command := range [][]string{
		{"kubectl-apolo_secret", "add", "password", "never-printed"},
		{"kubectl-apolo_run", "-q", "--name", "ended", "--env", "P=secret:password", "busybox:1", "--", "true"},
	} {
		if got := runDirect(t, kubeconfig, command...); got.code != 0 {
			t.Fatal(got)
		}
	}
	for name, command := range map[string][]string{
		"run":      {"kubectl-apolo_run", "-q", "--env", "P=secret:password", "busybox:1", "--", "true"},
		"job logs": {"kubectl-apolo_job", "logs", "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, kubeconfig, fault{kind: never})
			p.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/log") {
					return false
				}
				writeLog(w, lines, r.URL.Query().Get("timestamps") == "true", r.URL.Query().Get("sinceTime"))
				return true
			}
			process := plugin(t, p.kubeconfig, command[0], command[1:]...)
			var stderr bytes.Buffer
			process.Stderr = &stderr
			out := &watchedOutput{command: process}
			process.Stdout = out
			if err := process.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			if out.lines != lines || out.bytes != lines*len(logLine) {
				t.Errorf("%d lines of %d bytes, want %d of %d", out.lines, out.bytes, lines, lines*len(logLine))
			}
			if out.memory == 0 || out.memory > mostMemory {
				t.Errorf("it took %d MB of memory", out.memory>>20)
			}
		})
	}
}

// writeLog writes lines, a microsecond apart, as a node does.
func writeLog(w io.Writer, lines int, timed bool, since string) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := 0
	if from, err := time.Parse(time.RFC3339, since); err == nil && from.After(begin) {
		first = int(from.Sub(begin) / time.Microsecond)
	}
	var chunk []byte
	for i := first; i < lines; i++ {
		if timed {
			chunk = begin.Add(time.Duration(i)*time.Microsecond).AppendFormat(chunk, logTime)
			chunk = append(chunk, ' ')
		}
		chunk = append(chunk, logLine...)
		if len(chunk) > 64<<10 || i == lines-1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			chunk = chunk[:0]
		}
	}
}
