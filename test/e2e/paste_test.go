package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A key that is pasted where a value is asked for is not stored in part, and its other lines are no commands of the
// shell that comes next.
func TestPastedLinesReachNoShell(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	_, kubeconfig := c.namespace(t, "alice")
	history := filepath.Join(t.TempDir(), "history")
	for name, end := range map[string]string{"whole lines": "\n", "no end of the last line": ""} {
		t.Run(name, func(t *testing.T) {
			term := startTerminal(t, kubeconfig, "env", "HISTFILE="+history, "PS1=ready> ", "bash", "--norc", "--noprofile", "-i")
			term.waitFor("ready> ")
			term.typeLine(filepath.Join(bin, "kubectl-apolo_secret") + " add pasted\n")
			term.waitFor("(not shown): ")
			term.typeLine("-----BEGIN canary-KEY-----\n" + strings.Repeat("echo canary-ran\n", 27) + "-----END canary-KEY-----" + end)
			term.waitFor("several lines at once: nothing was stored; use @FILE")
			term.clear()
			term.typeLine("echo all is we''ll; exit\n")
			screen, _ := term.end()
			if strings.Contains(screen, "canary") || !strings.Contains(screen, "all is well") {
				t.Errorf("the screen is:\n%s", screen)
			}
			if lines, err := os.ReadFile(history); err != nil || strings.Contains(string(lines), "canary") {
				t.Errorf("the history is %q, %v", lines, err)
			}
		})
	}
}

// A terminal that keeps lines cuts them at 4095 bytes. A longer one is taken whole, with the keys that correct it, and the
// terminal is left as it was.
func TestPastedLongLine(t *testing.T) {
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	value := strings.Repeat("0123456789abcdef", 2000) + "é-end"
	term := startTerminal(t, kubeconfig, filepath.Join(bin, "kubectl-apolo_secret"), "add", "long")
	term.waitFor("(not shown): ")
	term.typeLine("wrong\x15" + value + "é!\x7f\x7f\n") // Ctrl-U, and two times Backspace
	term.waitFor("Repeat value: ")
	if echoes(t, term.file) {
		t.Error("the terminal echoes")
	}
	term.typeLine(value + "\n")
	screen, code := term.end()
	if code != 0 || strings.Contains(screen, "0123456789") || strings.Contains(screen, "wrong") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if !echoes(t, term.file) {
		t.Error("the terminal is left without echo")
	}
	stored := c.kubectl(t, "admin", "-n", namespace, "get", "secret", "long", "-o", "go-template={{.data.long | base64decode}}")
	if stored != value {
		t.Errorf("stored are %d bytes of %d", len(stored), len(value))
	}
}

// Ctrl-D ends the input, and Ctrl-C the command, as ever; both leave the terminal as it was.
func TestKeysAtThePrompt(t *testing.T) {
	c, bin := openCluster(t), binaries(t)
	_, kubeconfig := c.namespace(t, "alice")
	for keys, want := range map[string]string{
		"\x04":             "no value was entered; nothing was stored",
		"\n":               "no value was entered; nothing was stored",
		"half a value\x03": "error: interrupted",
	} {
		term := startTerminal(t, kubeconfig, filepath.Join(bin, "kubectl-apolo_secret"), "add", "token")
		term.waitFor("(not shown): ")
		term.typeLine(keys)
		screen, code := term.end()
		if code == 0 || !strings.Contains(screen, want) || strings.Contains(screen, "half") {
			t.Errorf("%q: code %d, the screen is:\n%s", keys, code, screen)
		}
		if !echoes(t, term.file) {
			t.Errorf("%q: the terminal is left without echo", keys)
		}
	}
}
