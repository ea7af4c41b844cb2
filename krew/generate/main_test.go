package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// release leaves in a folder what goreleaser would, with an archive for Linux and one for Windows of each plugin.
func release(t *testing.T, sum string) (dist string) {
	t.Helper()
	dist = t.TempDir()
	var artifacts []map[string]any
	for _, p := range plugins() {
		for os, name := range map[string]string{"linux": p.Name + ".tar.gz", "windows": p.Name + ".zip"} {
			artifacts = append(artifacts, map[string]any{
				"name": name, "goos": os, "goarch": "arm64", "type": "Archive", "extra": map[string]any{"ID": p.Name, "Checksum": sum},
			})
		}
		artifacts = append(artifacts, map[string]any{"name": p.bin, "goos": "linux", "type": "Binary", "extra": map[string]any{"ID": p.Name}})
	}
	for name, content := range map[string]any{"metadata.json": map[string]string{"version": "1.2.3"}, "artifacts.json": artifacts} {
		data, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dist, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dist
}

func TestGenerate(t *testing.T) {
	out := t.TempDir()
	err := generate(options{dist: release(t, "sha256:abc"), out: out, template: "../plugin.yaml.tmpl", base: "https://example.com/VERSION"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins() {
		text, err := os.ReadFile(filepath.Join(out, p.Name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Metadata struct{ Name string }
			Spec     struct {
				Version, ShortDescription, Description, Caveats string
				Platforms                                       []struct {
					Selector         struct{ MatchLabels map[string]string }
					URI, SHA256, Bin string
				}
			}
		}
		if err := yaml.Unmarshal(text, &manifest); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		spec := manifest.Spec
		if manifest.Metadata.Name != p.Name || spec.Version != "v1.2.3" || strings.TrimSpace(spec.Description) != p.Description || strings.TrimSpace(spec.Caveats) != p.Caveats {
			t.Errorf("%+v", manifest)
		}
		if n := len(spec.ShortDescription); n == 0 || n > 50 {
			t.Errorf("%s: krew would cut %q", p.Name, spec.ShortDescription)
		}
		got := fmt.Sprint(spec.Platforms)
		want := fmt.Sprintf("[{{map[arch:arm64 os:linux]} https://example.com/v1.2.3/%s.tar.gz abc %s} {{map[arch:arm64 os:windows]} https://example.com/v1.2.3/%[1]s.zip abc %[2]s.exe}]", p.Name, p.bin)
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for want, dist := range map[string]string{
		"has no SHA-256":            release(t, "sha512:abc"),
		"no such file or directory": t.TempDir(),
	} {
		err := generate(options{dist: dist, out: t.TempDir(), template: "../plugin.yaml.tmpl"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := platformsOf(plugins()[0], nil, ""); err == nil || !strings.Contains(err.Error(), "no archive with the ID apolo") {
		t.Errorf("got %v", err)
	}
}
