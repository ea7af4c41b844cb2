// Package pkg_test looks at the packages of this folder together.
package pkg_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers are the packages, those that import nothing of this folder first. A package may import those of earlier lines.
var layers = [][]string{
	{"duration", "envfile", "grantee", "joblog", "mask", "privatefile", "sanitize", "spool", "uri", "wellknown"},
	{"kube"},
	{"access", "discovery", "namespaces", "remote", "secretroles", "timers", "usedby"},
	{"leftovers", "secrets"},
	{"doctor", "grants", "jobspec"},
	{"jobstatus"},
	{"jobs"},
	{"console"},
}

func TestImportsRunOneWay(t *testing.T) {
	const module = "github.com/neuro-inc/kubectl-apolo/"
	layerOf := map[string]int{}
	for i, names := range layers {
		for _, name := range names {
			layerOf[name] = i
		}
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		name := folder.Name()
		layer, known := layerOf[name]
		if !known {
			t.Errorf("pkg/%s is in no layer; add it to this test", name)
			continue
		}
		delete(layerOf, name)
		for _, imported := range importsOf(t, name) {
			path, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			below, ok := strings.CutPrefix(path, "pkg/")
			if !ok || !slices.ContainsFunc(layers[:layer], func(names []string) bool { return slices.Contains(names, below) }) {
				t.Errorf("pkg/%s imports %s, which is not in a layer below it", name, path)
			}
		}
	}
	for name := range layerOf {
		t.Errorf("pkg/%s is in a layer and does not exist", name)
	}
}

// importsOf are the imports of a package, without those of its tests.
func importsOf(t *testing.T, folder string) (paths []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}
