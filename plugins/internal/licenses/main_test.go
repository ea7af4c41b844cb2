package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// permissive licences ask for their text to be handed on, and for nothing that a user of the binaries would have to do.
// A file of MPL-2.0 stays under it, and is to be had where it came from.
var permissive = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "OFL-1.1", "Unlicense", "MPL-2.0"}

func TestListIsCurrent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	if err := write(root, file, ""); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "docs", "licenses.md"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/licenses.md is not what is linked: run 'make licenses' (%v)", err)
	}
}

func TestEveryPartIsUnderAPermissiveLicence(t *testing.T) {
	modules, err := goModules(root)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := npmPackages(root, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 20 || len(packages) < 20 {
		t.Fatalf("only %d modules and %d packages were found", len(modules), len(packages))
	}
	for _, p := range slices.Concat(modules, packages) {
		if !slices.ContainsFunc(p.licences, func(id string) bool { return slices.Contains(permissive, id) }) {
			t.Errorf("%s is under %s", p.name, strings.Join(p.licences, ", "))
		}
	}
	for _, m := range modules {
		if len(m.texts) == 0 {
			t.Errorf("%s has no text of its licence", m.name)
		}
	}
}

func TestTexts(t *testing.T) {
	text := string(allTexts([]part{
		{name: "a", version: "v1", texts: map[string][]byte{"LICENSE": []byte("same\n"), "NOTICE": []byte("more")}},
		{name: "b", version: "v2", texts: map[string][]byte{"LICENSE": []byte("same")}},
	}))
	if strings.Count(text, "same") != 1 || !strings.Contains(text, "### a v1 (LICENSE), b v2 (LICENSE)\n") || !strings.Contains(text, "### a v1 (NOTICE)\n\n```text\nmore\n```\n") {
		t.Error(text)
	}
}
