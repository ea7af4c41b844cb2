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
