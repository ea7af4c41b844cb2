// Command generate writes krew's manifests, one for each plugin, of what goreleaser left in dist/release.
//
//	go run ./krew/generate -dist dist/release -out dist/release/krew
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

func main() {
	var o options
	flag.StringVar(&o.dist, "dist", "dist/release", "goreleaser's `FOLDER`")
	flag.StringVar(&o.out, "out", "dist/release/krew", "`FOLDER` for the manifests")
	flag.StringVar(&o.template, "template", "krew/plugin.yaml.tmpl", "`FILE` with the manifests' template")
	flag.StringVar(&o.base, "base", "https://github.com/neuro-inc/kubectl-apolo/releases/download/VERSION", "`URL` of the folder of the archives; VERSION stands for the version")
	flag.StringVar(&o.version, "version", "", "`VERSION` that the manifests name (default: goreleaser's)")
	flag.Parse()
	if err := generate(o); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

type options struct{ dist, out, template, base, version string }

// plugin is what one manifest says of itself.
type plugin struct {
	Name        string // also the ID of its archive in .goreleaser.yaml
	Short       string // krew shows at most 50 characters of it
	Description string
	Caveats     string
	bin         string
}

func plugins() []plugin {
	const alone = "This is one part of the plugin apolo, for those who want no more than it."
	return []plugin{
		{
			Name: "apolo", Short: "Keep secrets, share them, use them in jobs", bin: "kubectl-apolo",
			Description: "Secrets as on the Apolo platform, on any Kubernetes, with nothing installed in the\n" +
				"cluster: 'kubectl apolo secret add' keeps a password, key or token, 'kubectl apolo\n" +
				"acl grant' lets one colleague use one secret, 'kubectl apolo run' runs a container with\n" +
				"secrets as environment variables or files, and 'kubectl apolo console' does all this\n" +
				"in the browser. Access is plain RBAC, so the API server enforces it.",
			Caveats: "'kubectl apolo doctor' checks whether your permissions are enough. For completion with TAB, see\n'kubectl apolo completion --help'.",
		},
		{Name: "apolo-secret", Short: "Keep passwords, keys and tokens for jobs", bin: "kubectl-apolo_secret",
			Description: "Store, list, read and remove secrets, one Kubernetes Secret for each, without YAML\nand base64. " + alone},
		{Name: "apolo-acl", Short: "Share single secrets with colleagues", bin: "kubectl-apolo_acl",
			Description: "Let a user, group or service account use one secret and no other, and see who can\nuse what. Grants are Roles and RoleBindings. " + alone},
		{Name: "apolo-run", Short: "Run a job with secrets in it", bin: "kubectl-apolo_run",
			Description: "Run a container to its end with secrets as environment variables or files, and\nsee its output. " + alone},
		{Name: "apolo-job", Short: "See and control jobs", bin: "kubectl-apolo_job",
			Description: "List jobs, see why one does not start, read logs, attach, forward ports, and end\njobs. " + alone},
		{Name: "apolo-console", Short: "Secrets and jobs in the browser", bin: "kubectl-apolo_console",
			Description: "A page on this machine, with your own rights, for secrets, access and jobs. " + alone},
	}
}

// artifact is an entry of goreleaser's artifacts.json, as far as it concerns archives.
type artifact struct {
	Name   string
	GOOS   string
	GOArch string
	Type   string
	Extra  struct{ ID, Checksum string }
}

type platform struct{ OS, Arch, URI, SHA256, Bin string }

func generate(o options) error {
	var metadata struct{ Version string }
	var artifacts []artifact
	if err := errors.Join(read(filepath.Join(o.dist, "metadata.json"), &metadata), read(filepath.Join(o.dist, "artifacts.json"), &artifacts)); err != nil {
		return err
	}
	version := o.version
	if version == "" {
		version = "v" + metadata.Version
	}
	manifest, err := template.New(filepath.Base(o.template)).Funcs(template.FuncMap{
		"indent": func(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") },
	}).ParseFiles(o.template)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { // #nosec G301 -- for everybody to read
		return err
	}
	for _, p := range plugins() {
		platforms, err := platformsOf(p, artifacts, strings.ReplaceAll(o.base, "VERSION", "v"+metadata.Version))
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(o.out, p.Name+".yaml"))
		if err != nil {
			return err
		}
		err = manifest.Execute(file, struct {
			plugin
			Version   string
			Platforms []platform
		}{p, version, platforms})
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func platformsOf(p plugin, artifacts []artifact, base string) ([]platform, error) {
	var platforms []platform
	for _, a := range artifacts {
		sum, isSHA256 := strings.CutPrefix(a.Extra.Checksum, "sha256:")
		if a.Type != "Archive" || a.Extra.ID != p.Name {
			continue
		}
		if !isSHA256 {
			return nil, fmt.Errorf("%s has no SHA-256 in artifacts.json", a.Name)
		}
		one := platform{OS: a.GOOS, Arch: a.GOArch, URI: base + "/" + a.Name, SHA256: sum, Bin: p.bin}
		if a.GOOS == "windows" {
			one.Bin += ".exe"
		}
		platforms = append(platforms, one)
	}
	if len(platforms) == 0 {
		return nil, fmt.Errorf("there is no archive with the ID %s", p.Name)
	}
	slices.SortFunc(platforms, func(a, b platform) int { return strings.Compare(a.OS+" "+a.Arch, b.OS+" "+b.Arch) })
	return platforms, nil
}

func read(file string, into any) error {
	data, err := os.ReadFile(file) // #nosec G304 -- one of the archives that were just made
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
