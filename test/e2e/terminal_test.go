package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// These tests type words in two parts, so that waitFor can't take the echo of what is typed for what
// it makes the shell print.

func startRun(t *testing.T, kubeconfig string, args ...string) *terminal {
	t.Helper()
	return startTerminal(t, kubeconfig, filepath.Join(binaries(t), "kubectl-apolo_run"), append([]string{"-t"}, args...)...)
}

// ready waits for a shell that was just attached to.
func (term *terminal) ready() {
	term.t.Helper()
	term.typeLine("\necho at''tached\n")
	term.waitFor("attached\r\n")
}

func (term *terminal) resize(rows, columns uint16) {
	term.t.Helper()
	if err := pty.Setsize(term.file, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		term.t.Fatal(err)
	}
}

func TestRunAtATerminal(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	term := startRun(t, kubeconfig, "--name", "shell", "busybox:1", "--", "sh")
	term.waitFor("job/shell runs, and you are attached to it: Ctrl-C goes to it, Ctrl-P Ctrl-Q leaves it running.")
	term.ready()
	if echoes(t, term.file) {
		t.Error("this terminal echoes, besides the one in the pod")
	}

	// The window's size arrives, at first and later.
	term.resize(31, 101)
	term.typeLine("until test \"$(stty size)\" = '31 101'; do sleep 0.1; done; echo si''ze 1\n")
	term.waitFor("size 1\r\n")
	term.resize(44, 132)
	term.typeLine("until test \"$(stty size)\" = '44 132'; do sleep 0.1; done; echo si''ze 2\n")
	term.waitFor("size 2\r\n")

	// Ctrl-C is the command's.
	term.typeLine("sh -c 'trap \"echo cau\\ght; exit\" INT; echo wai\\ting; while :; do sleep 0.1; done'\n")
	term.waitFor("waiting\r\n")
	term.typeLine("\x03")
	term.waitFor("caught\r\n")

	term.typeLine("exit 7\n")
	screen, code := term.end()
	if code != 7 || !strings.Contains(screen, "job/shell failed: exit code 7") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if !echoes(t, term.file) {
		t.Error("the terminal was not restored")
	}
}

func TestRunAtATerminalTooQuickToAttach(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	term := startRun(t, kubeconfig, "busybox:1", "--", "sh", "-c", "test -t 0 && test -t 1 && echo it is one; exit 3")
	screen, code := term.end()
	if code != 3 || !strings.Contains(screen, "it is one\r\n") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
}

func TestDetachAndAttachAgain(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	term := startRun(t, kubeconfig, "--name", "shell", "busybox:1", "--", "sh")
	term.waitFor("you are attached")
	term.ready()
	term.typeLine("kept=al''ive; echo se''t\n")
	term.waitFor("set\r\n")
	term.typeLine("\x10\x11")
	screen, code := term.end()
	if code != 0 || !strings.Contains(screen, "\r\ndetached: job/shell keeps running; come back with: kubectl apolo job attach shell -n ") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if !echoes(t, term.file) {
		t.Error("the terminal was not restored")
	}

	again := startTerminal(t, kubeconfig, filepath.Join(binaries(t), "kubectl-apolo_job"), "attach", "shell")
	again.waitFor("attached to job/shell: Ctrl-C goes to it, Ctrl-P Ctrl-Q leaves it running")
	again.ready()
	again.resize(33, 99)
	again.typeLine("until test \"$(stty size)\" = '33 99'; do sleep 0.1; done; echo still $kept\n")
	again.waitFor("still alive\r\n")
	again.typeLine("exit 5\n")
	screen, code = again.end()
	if code != 5 || !strings.HasSuffix(screen, "error: job shell failed: exit code 5\r\n") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
}

// TestSignalsAtATerminal: who closes a window, or loses the connection to where run is, finds the job
// again; who ends run ends the job, as without a terminal.
func TestSignalsAtATerminal(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	for _, test := range []struct {
		signal syscall.Signal
		code   int
		say    string
		stays  bool
	}{
		{syscall.SIGHUP, 129, "the terminal was closed: job/shell keeps running; come back with: kubectl apolo job attach shell", true},
		{syscall.SIGTERM, 143, "interrupted: job/shell deleted", false},
		{syscall.SIGINT, 130, "interrupted: job/shell deleted", false},
	} {
		t.Run(test.signal.String(), func(t *testing.T) {
			if !test.stays {
				long(t)
			}
			t.Parallel()
			_, kubeconfig := c.namespace(t, "alice")
			term := startRun(t, kubeconfig, "--name", "shell", "busybox:1", "--", "sh")
			term.waitFor("you are attached")
			term.ready()
			if err := term.command.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			screen, code := term.end()
			if code != test.code || !strings.Contains(screen, test.say) {
				t.Errorf("code %d, the screen is:\n%s", code, screen)
			}
			if !echoes(t, term.file) {
				t.Error("the terminal was not restored")
			}
			found := runDirect(t, kubeconfig, "kubectl-apolo_job", "status", "shell").code == 0
			if found != test.stays {
				t.Errorf("the job is there: %v", found)
			}
		})
	}
}

func TestExecAtATerminal(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	if o := runDirect(t, kubeconfig, "kubectl-apolo_run", "--detach", "--wait-start", "--name", "train", "busybox:1", "--", "sleep", "1000"); o.code != 0 {
		t.Fatal(o)
	}
	term := startTerminal(t, kubeconfig, filepath.Join(binaries(t), "kubectl-apolo_job"), "exec", "train", "--", "sh")
	term.ready()
	term.resize(40, 120)
	term.typeLine("until test \"$(stty size)\" = '40 120'; do sleep 0.1; done; echo si''ze\n")
	term.waitFor("size\r\n")
	term.typeLine("exit 6\n")
	if screen, code := term.end(); code != 6 || !echoes(t, term.file) {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}

	plain := startTerminal(t, kubeconfig, filepath.Join(binaries(t), "kubectl-apolo_job"), "exec", "-T", "train", "--", "sh", "-c", "test -t 1 || echo none; exit 2")
	if screen, code := plain.end(); code != 2 || screen != "none\r\n" {
		t.Errorf("with -T: code %d, the screen is:\n%s", code, screen)
	}
}
