// Command licenses lists what of others is in the binaries, for all platforms, with its licences: the Go modules that
// are linked, the standard library, and what the Console's page is built from.
//
//	go run ./plugins/internal/licenses docs/licenses.md      # the list
//	go run ./plugins/internal/licenses -texts FILE           # the list, and the text of every licence, for releases
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// web is where the Console's page is built.
const web = "plugins/console/web"

// part is something of others, of which all or some is in a binary.
type part struct {
	name, version string
	licences      []string          // SPDX identifiers, sorted
	texts         map[string][]byte // by path
}

func main() {
	texts := flag.String("texts", "", "write the texts of the licences too, to this `FILE`")
	flag.Parse()
	if err := write(".", flag.Arg(0), *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func write(root, list, texts string) error {
	if (list == "") == (texts == "") {
		return errors.New("name one file: FILE for the list, or -texts FILE")
	}
	modules, err := goModules(root)
	if err != nil {
		return err
	}
	packages, err := npmPackages(root, texts != "")
	if err != nil {
		return err
	}
	out := markdown(modules, packages)
	if texts != "" {
		out = append(out, allTexts(slices.Concat(modules, packages))...)
	}
	if err := os.MkdirAll(filepath.Dir(list+texts), 0o750); err != nil {
		return err
	}
	return os.WriteFile(list+texts, out, 0o644) // #nosec G306 -- for everybody to read
}

// goModules are the modules of all packages that are linked into a binary of any platform.
func goModules(root string) ([]part, error) {
	type module struct{ Path, Version, Dir string }
	type pkg struct {
		Dir, ImportPath string
		Standard        bool
		Module          *module
	}
	modules := map[string]*part{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		command := exec.Command("go", "list", "-deps", "-json=Dir,ImportPath,Standard,Module", "-tags", "urfave_cli_no_docs", "./cmd/...")
		command.Dir = root
		command.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		var stderr strings.Builder
		command.Stderr = &stderr
		listed, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
		}
		for decoder := json.NewDecoder(bytes.NewReader(listed)); decoder.More(); {
			var p pkg
			if err := decoder.Decode(&p); err != nil {
				return nil, err
			}
			if p.Standard || p.Module.Version == "" { // an own one has none
				continue
			}
			found := modules[p.Module.Path]
			if found == nil {
				found = &part{name: p.Module.Path, version: p.Module.Version, texts: map[string][]byte{}}
				modules[p.Module.Path] = found
			}
			// A package may have its own licence, as what was copied from elsewhere has.
			for folder := p.Dir; ; folder = filepath.Dir(folder) {
				if err := found.read(folder, p.Module.Dir); err != nil {
					return nil, err
				}
				if folder == p.Module.Dir {
					break
				}
			}
		}
	}
	standard, err := standardLibrary()
	if err != nil {
		return nil, err
	}
	modules[standard.name] = standard
	return finished(slices.Collect(maps.Values(modules)))
}

func standardLibrary() (*part, error) {
	folder, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	library := &part{name: "the standard library of Go", texts: map[string][]byte{}}
	root := strings.TrimSpace(string(folder))
	return library, library.read(root, root)
}

// npmPackages are what package-lock.json names besides what is for developing: no less than what is in the page.
func npmPackages(root string, texts bool) ([]part, error) {
	content, err := os.ReadFile(filepath.Join(root, web, "package-lock.json")) // #nosec G304 -- of this repository
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev, Optional    bool
		}
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		return nil, err
	}
	found := map[string]part{}
	for path, p := range lock.Packages {
		_, name, ok := cutLast(path, "node_modules/")
		if !ok || p.Dev || p.Optional || strings.HasPrefix(name, "@types/") { // types are not in the page
			continue
		}
		if p.License == "" {
			return nil, fmt.Errorf("the npm package %s names no licence", name)
		}
		one := part{name: name, version: p.Version, licences: []string{p.License}, texts: map[string][]byte{}}
		if texts {
			folder := filepath.Join(root, web, path)
			if _, err := os.Stat(folder); err != nil {
				return nil, fmt.Errorf("the Console's page is not built, run 'make web': %w", err)
			}
			if err := one.read(folder, folder); err != nil {
				return nil, err
			}
		}
		found[name+" "+p.Version] = one
	}
	return sorted(slices.Collect(maps.Values(found))), nil
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|patents)`)

// read takes the texts of a folder.
func (p *part) read(folder, root string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if p.texts[name], err = os.ReadFile(path); err != nil { // #nosec G304 -- of a module
			return err
		}
	}
	return nil
}

// finished tells the licences from their texts.
func finished(modules []*part) ([]part, error) {
	var all []part
	for _, m := range modules {
		for _, text := range m.texts {
			for _, match := range licensecheck.Scan(text).Match {
				if !match.IsURL && !slices.Contains(m.licences, match.ID) {
					m.licences = append(m.licences, match.ID)
				}
			}
		}
		if len(m.licences) == 0 {
			return nil, fmt.Errorf("%s %s has no licence that is known", m.name, m.version)
		}
		slices.Sort(m.licences)
		all = append(all, *m)
	}
	return sorted(all), nil
}

func sorted(parts []part) []part {
	slices.SortFunc(parts, func(a, b part) int {
		return strings.Compare(a.name+" "+a.version, b.name+" "+b.version)
	})
	return parts
}

func markdown(modules, packages []part) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Written by 'make licenses'. -->

# Licences of others

All of this project is under the Apache License 2.0. Its binaries also hold what is listed here; 'make license-texts' writes
the texts of all these licences.
`)
	table := func(heading string, parts []part) {
		fmt.Fprintf(&b, "\n## %s\n\n| part | version | licence |\n| --- | --- | --- |\n", heading)
		for _, p := range parts {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", p.name, p.version, strings.Join(p.licences, ", "))
		}
	}
	table("In all or some of the binaries", modules)
	table("What the Console's page is built from", packages)
	return b.Bytes()
}

// allTexts has each text once.
func allTexts(parts []part) []byte {
	owners, order := map[string][]string{}, []string{}
	for _, p := range parts {
		for _, name := range slices.Sorted(maps.Keys(p.texts)) {
			text := string(bytes.TrimSpace(p.texts[name]))
			if owners[text] == nil {
				order = append(order, text)
			}
			owners[text] = append(owners[text], strings.TrimSpace(p.name+" "+p.version)+" ("+filepath.ToSlash(name)+")")
		}
	}
	var b bytes.Buffer
	b.WriteString("\n## Texts\n")
	for _, text := range order {
		fmt.Fprintf(&b, "\n### %s\n\n```text\n%s\n```\n", strings.Join(owners[text], ", "), text)
	}
	return b.Bytes()
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
