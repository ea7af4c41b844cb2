// Command inspect looks into every archive of a release, and compares what checksums, SBOMs, krew's manifests and the
// recipes for Homebrew and Scoop say of them.
//
//	go run ./test/release/inspect -dist dist/release -not /home/me -not /home/me/checkout
package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	module    = "github.com/neuro-inc/kubectl-apolo"
	downloads = "https://" + module + "/releases/download/"
)

func main() {
	i := inspection{binaries: map[string]map[string]string{}}
	flag.StringVar(&i.dist, "dist", "dist/release", "goreleaser's `FOLDER`")
	flag.Func("not", "`TEXT` that no binary may have in it, such as a path of this machine; may be given several times", func(text string) error {
		i.forbidden = append(i.forbidden, text)
		return nil
	})
	flag.Parse()
	if err := i.run(); err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		os.Exit(1)
	}
}

// inspection is what is known of a release.
type inspection struct {
	dist      string
	forbidden []string

	version string // without v
	date    time.Time
	sums    map[string]string          // of files, by name, as checksums.txt has them
	modules map[string][]*debug.Module // that a binary is made of, by the name of its SBOM
	// binaries has the hash of each binary by archive's platform and name: the archive of one plugin must have the same
	// as that of all.
	binaries map[string]map[string]string
}

// bundles lists the binaries in each archive.
func bundles() map[string][]string {
	all := []string{"kubectl-apolo"}
	for _, name := range []string{"secret", "acl", "share", "run", "job", "console", "doctor"} {
		all = append(all, "kubectl-apolo_"+name)
	}
	found := map[string][]string{"kubectl-apolo": all}
	for _, name := range []string{"secret", "acl", "run", "job", "console"} {
		found["kubectl-apolo-"+name] = []string{"kubectl-apolo_" + name}
	}
	return found
}

type platform struct{ os, arch string }

func platforms() []platform {
	var all []platform
	for _, os := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			all = append(all, platform{os, arch})
		}
	}
	return all
}

func (p platform) String() string { return p.os + "_" + p.arch }

// archive names the file of a bundle.
func (i *inspection) archive(bundle string, p platform) string {
	ending := ".tar.gz"
	if p.os == "windows" {
		ending = ".zip"
	}
	return bundle + "_" + i.version + "_" + p.String() + ending
}

func binaryOn(p platform, name string) string {
	if p.os == "windows" {
		return name + ".exe"
	}
	return name
}

func (i *inspection) run() error {
	var metadata struct{ Version string }
	if err := readJSON(filepath.Join(i.dist, "metadata.json"), &metadata); err != nil {
		return err
	}
	i.version = metadata.Version
	for _, step := range []struct {
		what string
		do   func() (int, error)
	}{
		{"files with the sums of checksums.txt", i.checkSums},
		{"archives", i.checkArchives},
		{"SBOMs", i.checkBills},
		{"manifests for krew", i.checkKrew},
		{"recipe for Scoop", i.checkScoop},
		{"recipe for Homebrew", i.checkHomebrew},
	} {
		n, err := step.do()
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Printf("   %2d %s\n", n, step.what)
	}
	return nil
}

// checkSums compares checksums.txt with the files: all that is published, and nothing else.
func (i *inspection) checkSums() (int, error) {
	text, err := os.ReadFile(filepath.Join(i.dist, "checksums.txt"))
	if err != nil {
		return 0, err
	}
	i.sums = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return 0, fmt.Errorf("%q is no line of sha256sum", lines.Text())
		}
		data, err := os.ReadFile(filepath.Join(i.dist, name))
		if err != nil {
			return 0, err
		}
		if got := hash(data); got != sum {
			return 0, fmt.Errorf("%s has the sum %s, not %s", name, got, sum)
		}
		i.sums[name] = sum
	}
	for _, ending := range []string{".tar.gz", ".zip", ".deb", ".rpm", ".cdx.json"} {
		files, err := filepath.Glob(filepath.Join(i.dist, "*"+ending))
		if err != nil || len(files) == 0 {
			return 0, errors.Join(err, fmt.Errorf("no files %s", ending))
		}
		for _, file := range files {
			if i.sums[filepath.Base(file)] == "" {
				return 0, fmt.Errorf("%s is not in checksums.txt", filepath.Base(file))
			}
		}
	}
	return len(i.sums), nil
}

// file is one in an archive.
type file struct {
	name     string
	mode     fs.FileMode
	modified time.Time
	owner    string
	data     []byte
}

// checkArchives opens each archive, and looks at each binary: what it was built for, how, and of what.
func (i *inspection) checkArchives() (int, error) {
	i.modules = map[string][]*debug.Module{}
	n := 0
	for _, p := range platforms() {
		seen := map[string]string{}
		for _, bundle := range slices.Sorted(maps.Keys(bundles())) { // the one with everything comes first
			name := i.archive(bundle, p)
			if err := i.checkArchive(name, bundle, p, seen); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			n++
		}
	}
	return n, nil
}

func (i *inspection) checkArchive(name, bundle string, p platform, seen map[string]string) error {
	files, err := open(filepath.Join(i.dist, name))
	if err != nil {
		return err
	}
	want := []string{"LICENSE", "THIRD_PARTY_LICENSES.md"}
	if bundle == "kubectl-apolo" {
		want = append(want, "README.md")
	}
	for _, binary := range bundles()[bundle] {
		want = append(want, binaryOn(p, binary))
	}
	var got []string
	for _, f := range files {
		got = append(got, f.name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("it has %q, and should have %q", got, want)
	}
	for _, f := range files {
		if i.date.IsZero() {
			i.date = f.modified
		}
		if !f.modified.Equal(i.date) {
			return fmt.Errorf("%s is of %s, others are of %s", f.name, f.modified, i.date)
		}
		if f.owner != "root:root" && p.os != "windows" {
			return fmt.Errorf("%s belongs to %s", f.name, f.owner)
		}
		wantMode := fs.FileMode(0o644)
		if strings.HasPrefix(f.name, "kubectl-apolo") {
			wantMode = 0o755
		}
		if f.mode.Perm() != wantMode {
			return fmt.Errorf("%s has the mode %s, not %s", f.name, f.mode.Perm(), wantMode)
		}
		if wantMode != 0o755 {
			continue
		}
		if sum := hash(f.data); seen[f.name] == "" {
			seen[f.name] = sum
			if err := i.checkBinary(f, p); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		} else if seen[f.name] != sum {
			return fmt.Errorf("%s is not that of the archive with everything", f.name)
		}
	}
	return nil
}

func (i *inspection) checkBinary(f file, p platform) error {
	info, err := buildinfo.Read(bytes.NewReader(f.data))
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(f.name, ".exe")
	if want := module + "/cmd/" + name; info.Path != want {
		return fmt.Errorf("it is %s", info.Path)
	}
	for key, want := range map[string]string{"GOOS": p.os, "GOARCH": p.arch, "CGO_ENABLED": "0", "-trimpath": "true", "-tags": "urfave_cli_no_docs"} {
		got := ""
		for _, setting := range info.Settings {
			if setting.Key == key {
				got = setting.Value
			}
		}
		if got != want {
			return fmt.Errorf("it was built with %s=%s, not %s", key, got, want)
		}
	}
	for _, text := range append([]string{"v" + i.version}, i.forbidden...) {
		if found, wanted := bytes.Contains(f.data, []byte(text)), text == "v"+i.version; found != wanted {
			return fmt.Errorf("that it has %q in it is %t", text, found)
		}
	}
	i.modules[name+"_"+i.version+"_"+p.String()+".cdx.json"] = info.Deps
	return nil
}

// checkBills compares the SBOMs with what the linker left in the binaries.
func (i *inspection) checkBills() (int, error) {
	for name, modules := range i.modules {
		var bill struct {
			BOMFormat string
			Metadata  struct {
				Component struct{ Name, Version string }
			}
			Components []struct{ Name, Version, PURL string }
		}
		if err := readJSON(filepath.Join(i.dist, name), &bill); err != nil {
			return 0, err
		}
		if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Name != module || bill.Metadata.Component.Version != "v"+i.version {
			return 0, fmt.Errorf("%s is of %+v", name, bill.Metadata.Component)
		}
		listed := map[string]bool{}
		for _, component := range bill.Components {
			listed[component.Name+"@"+component.Version] = true
		}
		for _, m := range modules {
			if !listed[m.Path+"@"+m.Version] {
				return 0, fmt.Errorf("%s does not list %s@%s", name, m.Path, m.Version)
			}
		}
	}
	return len(i.modules), nil
}

// checkKrew compares krew's manifests with the archives; the rest of them is for krew's own validator.
func (i *inspection) checkKrew() (int, error) {
	for bundle, binaries := range bundles() {
		name := strings.TrimPrefix(bundle, "kubectl-") + ".yaml"
		text, err := os.ReadFile(filepath.Join(i.dist, "krew", name))
		if err != nil {
			return 0, err
		}
		var manifest struct {
			Spec struct {
				Version   string
				Platforms []struct {
					Selector         struct{ MatchLabels map[string]string }
					URI, SHA256, Bin string
				}
			}
		}
		if err := yaml.Unmarshal(text, &manifest); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if manifest.Spec.Version != "v"+i.version || len(manifest.Spec.Platforms) != len(platforms()) {
			return 0, fmt.Errorf("%s is of %s, for %d platforms", name, manifest.Spec.Version, len(manifest.Spec.Platforms))
		}
		for _, entry := range manifest.Spec.Platforms {
			p := platform{entry.Selector.MatchLabels["os"], entry.Selector.MatchLabels["arch"]}
			archive := i.archive(bundle, p)
			if entry.URI != i.url(archive) || entry.SHA256 != i.sums[archive] || entry.Bin != binaryOn(p, binaries[0]) {
				return 0, fmt.Errorf("%s has %+v for %s", name, entry, archive)
			}
		}
	}
	return len(bundles()), nil
}

func (i *inspection) url(archive string) string { return downloads + "v" + i.version + "/" + archive }

// checkScoop compares Scoop's manifest, which is for Windows, with the archives.
func (i *inspection) checkScoop() (int, error) {
	var manifest struct {
		Version      string
		Architecture map[string]struct {
			URL, Hash string
			Bin       []string
		}
	}
	if err := readJSON(filepath.Join(i.dist, "scoop", "kubectl-apolo.json"), &manifest); err != nil {
		return 0, err
	}
	if manifest.Version != i.version || len(manifest.Architecture) != 2 {
		return 0, fmt.Errorf("it is of %s, for %d platforms", manifest.Version, len(manifest.Architecture))
	}
	for name, arch := range map[string]string{"64bit": "amd64", "arm64": "arm64"} {
		p := platform{"windows", arch}
		archive, entry := i.archive("kubectl-apolo", p), manifest.Architecture[name]
		if entry.URL != i.url(archive) || entry.Hash != i.sums[archive] {
			return 0, fmt.Errorf("it has %+v for %s", entry, archive)
		}
		for _, binary := range bundles()["kubectl-apolo"] {
			if !slices.Contains(entry.Bin, binaryOn(p, binary)) {
				return 0, fmt.Errorf("it has no %s for %s", binary, name)
			}
		}
	}
	return 1, nil
}

// checkHomebrew compares Homebrew's cask with the archives. It is a program in Ruby: what it does with these pairs of
// sum and address, test.sh looks at.
func (i *inspection) checkHomebrew() (int, error) {
	text, err := os.ReadFile(filepath.Join(i.dist, "homebrew", "Casks", "kubectl-apolo.rb"))
	if err != nil {
		return 0, err
	}
	found := map[string]string{}
	for _, pair := range regexp.MustCompile(`sha256 "([0-9a-f]{64})"\s+url "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		found[strings.ReplaceAll(pair[2], "#{version}", i.version)] = pair[1]
	}
	for _, p := range platforms() {
		archive := i.archive("kubectl-apolo", p)
		if p.os != "windows" && found[i.url(archive)] != i.sums[archive] {
			return 0, fmt.Errorf("it has %q for %s", found[i.url(archive)], archive)
		}
	}
	for _, binary := range bundles()["kubectl-apolo"] {
		if !strings.Contains(string(text), `binary "`+binary+`"`) {
			return 0, fmt.Errorf("it does not install %s", binary)
		}
	}
	return 1, nil
}

// open reads all files of an archive.
func open(name string) ([]file, error) {
	if path.Ext(name) == ".zip" {
		return openZip(name)
	}
	compressed, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer compressed.Close()
	plain, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, err
	}
	var files []file
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files = append(files, file{header.Name, header.FileInfo().Mode(), header.ModTime, header.Uname + ":" + header.Gname, data})
	}
}

func openZip(name string) ([]file, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var files []file
	for _, entry := range archive.File {
		reader, err := entry.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			return nil, err
		}
		files = append(files, file{name: entry.Name, mode: entry.Mode(), modified: entry.Modified, data: data})
	}
	return files, nil
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func readJSON(name string, into any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
