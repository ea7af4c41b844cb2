package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMoveAllOrNone has one of three files fail, whose place a folder has taken meanwhile.
func TestMoveAllOrNone(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(to, name)) // not there: ""
		return string(text)
	}
	names := []string{"a", "b", "c"}
	for _, name := range names {
		write(filepath.Join(from, name), "new")
	}
	write(filepath.Join(to, "a"), "old")
	if err := os.Remove(filepath.Join(from, "c")); err != nil {
		t.Fatal(err)
	}
	if err := moveAll(from, to, names); err == nil || !strings.HasSuffix(err.Error(), "nothing was written") {
		t.Error(err)
	}
	if content("a") != "old" || content("b") != "" || content("c") != "" {
		t.Errorf("%q, %q, %q", content("a"), content("b"), content("c"))
	}
	for _, name := range names {
		write(filepath.Join(from, name), "new")
	}
	if err := moveAll(from, to, names); err != nil || content("a")+content("b")+content("c") != "newnewnew" {
		t.Error(err, content("a"), content("b"), content("c"))
	}
}
