package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program of docs/library.md, as it stands there, prints what stands there.
func TestLibraryPage(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	page, err := os.ReadFile("../../docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(page), "```go\n")
	program, rest, found := strings.Cut(program, "\n```\n")
	_, want, _ := strings.Cut(rest, "```text\n")
	want, _, _ = strings.Cut(want, "```")
	if !found || want == "" {
		t.Fatal("the page has no program, or does not say what it prints")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gofmt", "-l", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the program is not formatted: %s%v", out, err)
	}
	namespace, kubeconfig := c.namespace(t, "alice")
	command := exec.Command("go", "run", file)
	command.Dir = filepath.Join("..", "..") // whose module it uses
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	var problems strings.Builder
	command.Stderr = &problems
	got, err := command.Output()
	if string(got) != want || err != nil {
		t.Errorf("it prints\n%s%s and not\n%s(%v)", got, problems.String(), want, err)
	}
	if left := c.kubectl(t, "alice", "-n", namespace, "get", "secrets", "-o", "name"); left != "" {
		t.Errorf("it left %s", left)
	}
}
