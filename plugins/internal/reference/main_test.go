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
	for file, wanted := range map[string][]string{
		"kubectl-apolo-secret.1": {".TH KUBECTL-APOLO-SECRET 1", "kubectl apolo secret add", "--overwrite"},
		"kubectl-apolo.1":        {".TH KUBECTL-APOLO 1", "secret   Keep passwords", "kubectl-apolo-secret(1), kubectl-apolo-acl(1)"},
		"apolo.1":                {".so man1/kubectl-apolo.1"},
	} {
		page, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wanted {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("%q is not in %s", want, file)
			}
		}
	}
}
