package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPagesAreCurrent(t *testing.T) {
	const docs = "../../../docs/commands"
	wanted := t.TempDir()
	if err := write(wanted, ""); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{docs, wanted} { // either way: a page may be missing, or too many
		files, err := filepath.Glob(filepath.Join(folder, "*.md"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no pages in %s: %v", folder, err)
		}
		for _, file := range files {
			got, _ := os.ReadFile(filepath.Join(docs, filepath.Base(file)))
			want, _ := os.ReadFile(filepath.Join(wanted, filepath.Base(file)))
			if !bytes.Equal(got, want) {
				t.Errorf("docs/commands/%s is not what the help says: run 'make docs'", filepath.Base(file))
			}
		}
	}
}

func TestManual(t *testing.T) {
	folder := t.TempDir()
	if err := write("", folder); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "kubectl-apolo-secret.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH KUBECTL-APOLO-SECRET 1", "kubectl apolo secret add", "--overwrite"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("%q is not in the page", want)
		}
	}
}
