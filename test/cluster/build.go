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
)

// recipe says what to build, and where the result is kept.
type recipe struct {
	kubernetesVersion string
	etcdVersion       string
	cache             string
	key               string // the name of the folder in the cache
	binaries          []binary
}

type binary struct {
	name    string
	module  string // the folder to build in
	pkg     string
	version bool // stamp it with the version of Kubernetes
}

// newRecipe reads the versions from the modules. The name of the cache folder
// changes with everything that the binaries are made of.
func newRecipe(source, kubernetes string) (*recipe, error) {
	folder := filepath.Join(source, "binaries", kubernetes)
	etcd := filepath.Join(source, "binaries", defaultEtcd)
	r := &recipe{}
	sum := sha256.New()
	for _, file := range []string{
		filepath.Join(folder, "go.mod"), filepath.Join(folder, "go.sum"),
		filepath.Join(etcd, "go.mod"), filepath.Join(etcd, "go.sum"),
		filepath.Join(source, "pause", "main.go"),
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read what to build: %w", err)
		}
		fmt.Fprintf(sum, "%d\n%s", len(data), data)
		switch file {
		case filepath.Join(folder, "go.mod"):
			r.kubernetesVersion = requiredVersion(data, "k8s.io/kubernetes")
		case filepath.Join(etcd, "go.mod"):
			r.etcdVersion = requiredVersion(data, "go.etcd.io/etcd/server/v3")
		}
	}
	if r.kubernetesVersion == "" || r.etcdVersion == "" {
		return nil, fmt.Errorf("read what to build: %s does not say which version", folder)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	r.cache = filepath.Join(cache, "kubectl-apolo")
	r.key = fmt.Sprintf("kubernetes-%s-etcd-%s-%s", r.kubernetesVersion, r.etcdVersion, hex.EncodeToString(sum.Sum(nil)[:6]))
	r.binaries = []binary{
		{"pause", source, "./pause", false},
		{"etcd", etcd, "go.etcd.io/etcd/server/v3", false},
		{"kube-apiserver", folder, "k8s.io/kubernetes/cmd/kube-apiserver", true},
		{"kube-controller-manager", folder, "k8s.io/kubernetes/cmd/kube-controller-manager", true},
		{"kube-scheduler", folder, "k8s.io/kubernetes/cmd/kube-scheduler", true},
		{"kubelet", folder, "k8s.io/kubernetes/cmd/kubelet", true},
		{"kubectl", folder, "k8s.io/kubernetes/cmd/kubectl", true},
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

const unfinishedPrefix = ".unfinished-"

func (r *recipe) dir() string { return filepath.Join(r.cache, r.key) }

// ldflags stamps the version that kubectl version and the node show.
func (r *recipe) ldflags(b binary) string {
	flags := "-s -w"
	if !b.version {
		return flags
	}
	parts := strings.SplitN(strings.TrimPrefix(r.kubernetesVersion, "v"), ".", 3)
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += fmt.Sprintf(" -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitCommit=%[2]s -X %[1]s.gitTreeState=archive",
			pkg, r.kubernetesVersion, parts[0], parts[1])
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
	m.say("building Kubernetes %s and etcd %s from their Go modules (several minutes, once)", r.kubernetesVersion, r.etcdVersion)
	for _, b := range r.binaries {
		start := time.Now()
		cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-ldflags", r.ldflags(b), "-o", filepath.Join(temporary, b.name), b.pkg)
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
