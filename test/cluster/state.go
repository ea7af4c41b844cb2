package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxDirLength keeps the kubelet's sockets, whose paths are up to 37
// characters longer than the folder's, within the 107 that a unix socket
// address can hold.
const maxDirLength = 70

const stateFile = "cluster.json"

// cluster is what is known of one cluster: the part that tests and other
// programs read from cluster.json, and what this program needs to find its
// cluster again.
type cluster struct {
	Dir               string            `json:"dir"`
	ID                string            `json:"id"`
	Ready             bool              `json:"ready"`
	KubernetesVersion string            `json:"kubernetesVersion"`
	EtcdVersion       string            `json:"etcdVersion"`
	BinDir            string            `json:"binDir"`
	Kubectl           string            `json:"kubectl"`
	Server            string            `json:"server"`
	CA                keyPair           `json:"ca"`
	Etcd              etcdAccess        `json:"etcd"`
	AuditLog          string            `json:"auditLog"`
	LogDir            string            `json:"logDir"`
	Kubeconfigs       map[string]string `json:"kubeconfigs"`
	Node              string            `json:"node"`
	ContainerdSocket  string            `json:"containerdSocket"`
	Ports             ports             `json:"ports"`
	Network           network           `json:"network"`
	CgroupRoot        string            `json:"cgroupRoot"`
	Images            []string          `json:"images"`
	Snapshotter       string            `json:"snapshotter"`
	CNIDir            string            `json:"cniDir"`
	BootID            string            `json:"bootID"`
	NotAfter          string            `json:"notAfter"`
	Fingerprint       string            `json:"fingerprint"`
	Sysctls           map[string]string `json:"sysctls,omitempty"`
}

type keyPair struct {
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
}

type etcdAccess struct {
	URL      string `json:"url"`
	CAFile   string `json:"caFile"`
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
}

// path names a file of the cluster.
func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

func (c *cluster) save() error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write down the cluster: %w", err)
	}
	if err := writeFile(c.path(stateFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write down the cluster: %w", err)
	}
	return nil
}

// errNoCluster says that the folder holds no cluster that finished starting.
var errNoCluster = errors.New("there is no cluster; start one with the verb up")

// loadCluster reads the cluster that a finished up left in dir.
func loadCluster(dir string) (*cluster, error) {
	c, err := readCluster(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", dir, errNoCluster)
	case err != nil:
		return nil, err
	case !c.Ready:
		return nil, fmt.Errorf("%s: an earlier start did not finish: %w", dir, errNoCluster)
	}
	return c, nil
}

// readCluster reads cluster.json as it is, finished or not.
func readCluster(dir string) (*cluster, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("read the cluster's state: %w", err)
	}
	c := &cluster{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, stateFile), err)
	}
	if c.Dir != dir {
		return nil, fmt.Errorf("%s was written for %s; remove the copy", filepath.Join(dir, stateFile), c.Dir)
	}
	return c, nil
}

// writeFile replaces a file in one step, so that a reader or a killed run
// never sees half of it.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	temporary := name + ".new"
	if err := os.WriteFile(temporary, data, mode); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}

// sourceFolder finds test/cluster: where this program was compiled, or, for a
// program built with -trimpath, the working folder or the place of the
// executable.
func sourceFolder() (string, error) {
	var candidates []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		candidates = append(candidates, filepath.Dir(file))
	}
	if wd, err := os.Getwd(); err == nil {
		candidates = append(candidates, wd, filepath.Join(wd, "test", "cluster"))
	}
	if exe, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Dir(exe), filepath.Join(filepath.Dir(exe), "test", "cluster"))
	}
	for _, dir := range candidates {
		if isFile(filepath.Join(dir, "binaries", defaultKubernetes, "go.mod")) {
			return filepath.EvalSymlinks(dir)
		}
	}
	return "", errors.New("cannot find the folder test/cluster this program belongs to; run it with go -C test/cluster run")
}

// checkoutOf is the checkout that test/cluster is part of.
func checkoutOf(source string) string { return filepath.Dir(filepath.Dir(source)) }

// clusterDir decides on the cluster's folder. Its symbolic links are resolved
// because the kernel reports mounts by their real path.
func clusterDir(fromEnv, checkout string) (string, error) {
	dir := fromEnv
	if dir == "" {
		dir = filepath.Join("/var/lib/apolo-cluster", shortHash(checkout))
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("APOLO_CLUSTER_DIR: %w", err)
	}
	if dir, err = resolve(dir); err != nil {
		return "", fmt.Errorf("APOLO_CLUSTER_DIR: %w", err)
	}
	if len(dir) > maxDirLength {
		return "", fmt.Errorf("APOLO_CLUSTER_DIR is %d characters long and may have %d, because unix socket paths are short: %s", len(dir), maxDirLength, dir)
	}
	return dir, nil
}

// resolve follows the symbolic links of the part of a path that exists.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && path != "/" {
		parent, err := resolve(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		return filepath.Join(parent, filepath.Base(path)), nil
	}
	return real, err
}

// shortHash is 8 hexadecimal digits that stand for a path.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// claimable says whether a folder may be used as, and later removed with, a
// cluster: one that does not exist, that is empty, or that a cluster made.
// It guards against an APOLO_CLUSTER_DIR that points at somebody's files.
func claimable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the cluster's folder: %w", err)
	}
	foreign := ""
	for _, e := range entries {
		switch e.Name() {
		case markerFile:
			return nil
		case lockFile:
		default:
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return fmt.Errorf("%s holds files that are not a cluster's (%s); set APOLO_CLUSTER_DIR to an empty folder", dir, foreign)
	}
	return nil
}

// markerFile says that everything in a folder belongs to a cluster.
const markerFile = ".apolo-cluster"

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
