package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// editing starts secret edit at a terminal, with an editor that shows where its file is and does as it is told.
func editing(t *testing.T, c *cluster, script string) (term *terminal, namespace, folder string) {
	t.Helper()
	bin := binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	editor := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/bash\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "admin", "-n", namespace, "create", "-f", writeSecret(t, "config", "first"))
	term = startTerminal(t, kubeconfig, "env", "KUBE_EDITOR="+editor, filepath.Join(bin, "kubectl-apolo_secret"), "edit", "config")
	term.waitFor("editing /")
	screen := term.shown()
	_, folder, _ = strings.Cut(screen, "editing ")
	folder, _, _ = strings.Cut(folder, "\r\n")
	folder = filepath.Dir(folder)
	if _, err := os.Stat(folder); err != nil {
		t.Fatal(err)
	}
	return term, namespace, folder
}

func writeSecret(t *testing.T, key, value string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.yaml")
	text := "apiVersion: v1\nkind: Secret\nmetadata: {name: " + key + ", labels: {apolo.us/secret: \"true\"}, annotations: {apolo.us/key: " + key + "}}\nstringData: {" + key + ": " + value + "}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func storedConfig(t *testing.T, c *cluster, namespace string) string {
	t.Helper()
	return c.kubectl(t, "admin", "-n", namespace, "get", "secret", "config", "-o", "go-template={{.data.config | base64decode}}")
}

// The editor has the terminal: what is typed goes to it, and so does Ctrl-C, which vi and others use for other things.
func TestCtrlCIsTheEditors(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	term, namespace, folder := editing(t, c, `trap 'echo "caught it"' INT
echo "editing $1"
while ! read -r -t 0.5 line; do :; done # bash runs a trap when read returns, and the key may come just before it waits
echo "$line" >"$1"
`)
	term.typeLine("\x03")
	term.waitFor("caught it")
	term.typeLine("second\n")
	screen, code := term.end()
	if code != 0 || !strings.Contains(screen, "secret/config edited (6 bytes)") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
	if got := storedConfig(t, c, namespace); got != "second" {
		t.Errorf("stored %q", got)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", folder, err)
	}
}

// A key that was typed in the editor is still the editor's when it arrives as the editor ends.
func TestKeysAtTheEditorsEnd(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	for _, key := range []string{"INT", "QUIT", "INT $PPID; kill -QUIT"} {
		term, namespace, _ := editing(t, c, `echo "editing $1"
trap '' INT QUIT
read -r line
echo "$line" >"$1"
kill -`+key+` $PPID
`)
		term.typeLine("second\n")
		if screen, code := term.end(); code != 0 || storedConfig(t, c, namespace) != "second" {
			t.Errorf("SIG%s: code %d, the screen is:\n%s", key, code, screen)
		}
	}
}

// A signal that ends the command, or a window that is closed, ends the editor, and leaves nothing.
func TestSignalsWipeWhatIsEdited(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	for _, test := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGHUP, 130}} {
		term, namespace, folder := editing(t, c, `echo "half" >"$1"; cp "$1" "$1~"
trap 'exit 1' TERM HUP
echo "editing $1"
read -r line
`)
		if err := term.command.Process.Signal(test.signal); err != nil {
			t.Fatal(err)
		}
		screen, code := term.end()
		if code != test.code || !strings.Contains(screen, "error: interrupted") {
			t.Errorf("%v: code %d, the screen is:\n%s", test.signal, code, screen)
		}
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("%v: %s is left: %v", test.signal, folder, err)
		}
		if got := storedConfig(t, c, namespace); got != "first" {
			t.Errorf("%v: stored %q", test.signal, got)
		}
	}
}

func TestExportWarnsAtATerminal(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	c.kubectl(t, "admin", "-n", namespace, "create", "-f", writeSecret(t, "config", "first"))
	term := startTerminal(t, kubeconfig, filepath.Join(bin, "kubectl-apolo_secret"), "export", "--to-dir", filepath.Join(t.TempDir(), "keys"))
	screen, code := term.end()
	if code != 0 || !strings.Contains(screen, "warning: the values have left the cluster") {
		t.Errorf("code %d, the screen is:\n%s", code, screen)
	}
}
