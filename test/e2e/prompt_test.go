package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a command that runs at its own pseudo-terminal.
type terminal struct {
	t       *testing.T
	command *exec.Cmd
	file    *os.File

	lock    sync.Mutex
	changed *sync.Cond
	screen  bytes.Buffer
	closed  bool
}

func startTerminal(t *testing.T, kubeconfig string, name string, args ...string) *terminal {
	t.Helper()
	command := exec.Command(name, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	file, err := pty.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, command: command, file: file}
	term.changed = sync.NewCond(&term.lock)
	t.Cleanup(func() { file.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			term.lock.Lock()
			term.screen.Write(buffer[:n])
			term.closed = err != nil
			term.changed.Broadcast()
			term.lock.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// waitFor returns once the screen shows text.
func (term *terminal) waitFor(text string) {
	term.t.Helper()
	deadline := time.AfterFunc(time.Minute, func() {
		_ = term.command.Process.Kill() // what was read by now tells what is wrong
		term.lock.Lock()
		defer term.lock.Unlock()
		term.closed = true
		term.changed.Broadcast()
	})
	defer deadline.Stop()
	term.lock.Lock()
	defer term.lock.Unlock()
	// zsh takes the space after what it completes back, and writes it again.
	for !bytes.Contains(bytes.ReplaceAll(term.screen.Bytes(), []byte(" \b"), nil), []byte(text)) {
		if term.closed {
			term.t.Fatalf("%q never appeared; the screen is:\n%s", text, term.screen.String())
		}
		term.changed.Wait()
	}
}

// shown is what the screen shows by now.
func (term *terminal) shown() string {
	term.lock.Lock()
	defer term.lock.Unlock()
	return term.screen.String()
}

// clear forgets what the screen showed.
func (term *terminal) clear() {
	term.lock.Lock()
	defer term.lock.Unlock()
	term.screen.Reset()
}

func (term *terminal) typeLine(text string) {
	term.t.Helper()
	if _, err := io.WriteString(term.file, text); err != nil {
		term.t.Fatal(err)
	}
}

// end waits for the command and returns the whole screen and the exit code.
func (term *terminal) end() (screen string, code int) {
	term.t.Helper()
	_ = term.command.Wait() // the exit code says it
	term.lock.Lock()
	defer term.lock.Unlock()
	for !term.closed {
		term.changed.Wait()
	}
	return term.screen.String(), term.command.ProcessState.ExitCode()
}

func TestPromptDoesNotEcho(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	term := startTerminal(t, kubeconfig, filepath.Join(bin, "kubectl-apolo_secret"), "add", "token")
	term.waitFor("(not shown): ")
	term.typeLine("typed-canary\n")
	term.waitFor("Repeat value: ")
	term.typeLine("typed-canary\n")
	screen, code := term.end()
	if code != 0 || bytes.Contains([]byte(screen), []byte("canary")) {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if value := c.kubectl(t, "admin", "-n", namespace, "get", "secret", "token", "-o", "go-template={{.data.token | base64decode}}"); value != "typed-canary" {
		t.Errorf("stored %q", value)
	}
}

func TestCtrlCAtPromptRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	_, kubeconfig := c.namespace(t, "alice")
	term := startTerminal(t, kubeconfig, filepath.Join(bin, "kubectl-apolo_secret"), "add", "token")
	term.waitFor("(not shown): ")
	if echoes(t, term.file) {
		t.Fatal("the terminal echoes while the value is typed")
	}
	if err := term.command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	screen, code := term.end()
	if code != 130 || !bytes.Contains([]byte(screen), []byte("error: interrupted")) {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if !echoes(t, term.file) {
		t.Error("the terminal is left without echo")
	}
}

func echoes(t *testing.T, file *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}
