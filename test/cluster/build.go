package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Each version that can be built is a module in a folder below binaries,
// named like these.
const (
	defaultKubernetes = "kubernetes-1.34"
	defaultEtcd       = "etcd-3.6"
	defaultContainerd = "containerd-2.4"
)

// recipe says what to build, and where the result is kept.
type recipe struct {
	kubernetesVersion string
	kubeletVersion    string
	etcdVersion       string
	containerdVersion string
	cache             string
	key               string // the name of the folder in the cache
	binaries          []binary
}

type binary struct {
	name    string
	module  string // the folder to build in
	pkg     string
	version string // of Kubernetes, to be stamped with it; or empty
}

// commands is where the packages of Kubernetes' programs are.
const commands = "k8s.io/kubernetes/cmd/"

// newRecipe reads the versions from the modules. The name of the cache folder
// changes with everything that the binaries are made of.
//
// A module has the programs that it names as its tools. A kubelet may be older
// than the API server, and one of an older version is taken from the default:
// that way a newer control plane finds the node that the others have, too.
func newRecipe(source, kubernetes string) (*recipe, error) {
	r := &recipe{}
	sum := sha256.New()
	read := func(file string) ([]byte, error) {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read what to build: %w", err)
		}
		fmt.Fprintf(sum, "%d\n%s", len(data), data)
		return data, nil
	}
	// module reads a module's version of what it is there for.
	module := func(name, of string) (folder, version string, goMod []byte, err error) {
		folder = filepath.Join(source, "binaries", name)
		if goMod, err = read(filepath.Join(folder, "go.mod")); err != nil {
			return "", "", nil, err
		}
		if version = requiredVersion(goMod, of); version == "" {
			return "", "", nil, fmt.Errorf("read what to build: %s does not say which version", folder)
		}
		_, err = read(filepath.Join(folder, "go.sum"))
		return folder, version, goMod, err
	}
	folder, version, goMod, err := module(kubernetes, "k8s.io/kubernetes")
	if err != nil {
		return nil, err
	}
	r.kubernetesVersion, r.kubeletVersion = version, version
	kubeletFolder := folder
	if !hasTool(goMod, commands+"kubelet") {
		if kubeletFolder, r.kubeletVersion, _, err = module(defaultKubernetes, "k8s.io/kubernetes"); err != nil {
			return nil, err
		}
	}
	etcd, version, _, err := module(defaultEtcd, "go.etcd.io/etcd/server/v3")
	if err != nil {
		return nil, err
	}
	r.etcdVersion = version
	// Debian 12's containerd loses what a container writes just before its end.
	containerd, version, _, err := module(defaultContainerd, "github.com/containerd/containerd/v2")
	if err != nil {
		return nil, err
	}
	r.containerdVersion = version
	if _, err := read(filepath.Join(source, "pause", "main.go")); err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	r.cache = filepath.Join(cache, "kubectl-apolo")
	r.key = fmt.Sprintf("kubernetes-%s-etcd-%s-containerd-%s-%s", r.kubernetesVersion, r.etcdVersion, r.containerdVersion, hex.EncodeToString(sum.Sum(nil)[:6]))
	r.binaries = []binary{
		{"pause", source, "./pause", ""},
		{"etcd", etcd, "go.etcd.io/etcd/server/v3", ""},
		{"kubelet", kubeletFolder, commands + "kubelet", r.kubeletVersion},
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		r.binaries = append(r.binaries, binary{name, containerd, "github.com/containerd/containerd/v2/cmd/" + name, ""})
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		r.binaries = append(r.binaries, binary{name, folder, commands + name, r.kubernetesVersion})
	}
	return r, nil
}

// requiredVersion finds the version of a module in a go.mod file.
func requiredVersion(goMod []byte, module string) string {
	match := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(module) + `\s+(v\S+)`).FindSubmatch(goMod)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// hasTool reports whether a go.mod file names a package as a tool.
func hasTool(goMod []byte, pkg string) bool {
	return regexp.MustCompile(`(?m)^(?:tool)?\s+` + regexp.QuoteMeta(pkg) + `$`).Match(goMod)
}

const unfinishedPrefix = ".unfinished-"

func (r *recipe) dir() string { return filepath.Join(r.cache, r.key) }

// ldflags stamps the version that kubectl version and the node show.
func (b binary) ldflags() string {
	flags := "-s -w"
	if b.version == "" {
		return flags
	}
	parts := strings.SplitN(strings.TrimPrefix(b.version, "v"), ".", 3)
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += fmt.Sprintf(" -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitCommit=%[2]s -X %[1]s.gitTreeState=archive",
			pkg, b.version, parts[0], parts[1])
	}
	return flags
}

// buildBinaries fills the cache unless it is filled already. It builds in a
// folder beside the final one and renames it at the end, so that a build that
// was killed never looks like a complete one.
func (m *manager) buildBinaries(ctx context.Context, r *recipe) error {
	if isDir(r.dir()) {
		return nil
	}
	if err := os.MkdirAll(r.cache, 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := lockCache(ctx, r.cache, func() { m.say("waiting for another build of the binaries") })
	if err != nil {
		return err
	}
	defer unlock()
	if isDir(r.dir()) {
		return nil // built by the run that held the lock
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("build the binaries: %w", err)
	}
	unfinished, err := filepath.Glob(filepath.Join(r.cache, unfinishedPrefix+"*"))
	if err != nil {
		return fmt.Errorf("find unfinished builds: %w", err)
	}
	for _, dir := range unfinished {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an unfinished build: %w", err)
		}
	}
	// The name is a new one each time: the compiler of a run that was killed
	// may still be writing to its own.
	temporary, err := os.MkdirTemp(r.cache, unfinishedPrefix)
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	m.say("building Kubernetes %s, etcd %s and containerd %s from their Go modules (several minutes, once)",
		r.kubernetesVersion, r.etcdVersion, r.containerdVersion)
	for _, b := range r.binaries {
		start := time.Now()
		cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-ldflags", b.ldflags(), "-o", filepath.Join(temporary, b.name), b.pkg)
		cmd.Dir = b.module
		// The caller's own settings must not lead to other binaries under
		// the same key.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off", "GOOS=", "GOARCH=")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w: %s", b.name, err, lastWords(out.String(), 5))
		}
		m.say("built %s in %s", b.name, time.Since(start).Round(time.Second))
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("keep the binaries: %w", err)
	}
	if err := os.Rename(temporary, r.dir()); err != nil {
		return fmt.Errorf("keep the binaries: %w", err)
	}
	return nil
}

// lastWords is the last lines of a program's output.
func lastWords(out string, lines int) string {
	all := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
