package privatefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	folder := t.TempDir()
	open, link, taken := filepath.Join(folder, "open"), filepath.Join(folder, "link"), filepath.Join(folder, "taken")
	for _, err := range []error{os.WriteFile(open, []byte("old"), 0o644), os.Symlink(open, link), os.MkdirAll(filepath.Join(taken, "x"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{link, open, filepath.Join(folder, "new")} {
		if err := Write(path, []byte("value")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
		if data, err := os.ReadFile(path); string(data) != "value" {
			t.Errorf("%s holds %q, %v", path, data, err)
		}
		if path == link {
			if data, _ := os.ReadFile(open); string(data) != "old" {
				t.Errorf("the link was followed: %q", data)
			}
		}
	}
	for _, path := range []string{taken, filepath.Join(folder, "none", "x")} {
		if err := Write(path, []byte("value")); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 4 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
