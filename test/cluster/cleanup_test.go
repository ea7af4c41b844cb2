package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRemoveShimSockets(t *testing.T) {
	dir, sockets := t.TempDir(), filepath.Join(t.TempDir(), "containerd", "s")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	bundles := filepath.Join(dir, "containerd/state/io.containerd.runtime.v2.task/k8s.io")
	for name, content := range map[string]string{
		filepath.Join(sockets, "one"):               "",
		filepath.Join(sockets, "two"):               "",
		filepath.Join(sockets, "another cluster's"): "",
		elsewhere:                                  "",
		filepath.Join(bundles, "1/address"):        "unix://" + sockets + "/one",
		filepath.Join(bundles, "2/bootstrap.json"): `{"version":3,"address":"unix://` + sockets + `/two","protocol":"ttrpc"}`,
		filepath.Join(bundles, "3/address"):        "unix://" + elsewhere,
		filepath.Join(bundles, "4/address"):        "unix://" + sockets + "/gone",
		filepath.Join(bundles, "5/config.json"):    "unix://" + sockets + "/another cluster's",
		filepath.Join(bundles, "6/bootstrap.json"): "{",
	} {
		if err := writeFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeShimSockets(dir, sockets); err != nil {
		t.Fatal(err)
	}
	if got := names(t, sockets); !slices.Equal(got, []string{"another cluster's"}) || !isFile(elsewhere) {
		t.Errorf("left: %q", got)
	}
}

func TestRemoveCNITraces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cni", "results")
	for name, content := range map[string]string{
		"ours-eth0":      `{"containerId":"1","networkName":"apolo-1"}`,
		"loopback-1":     `{"containerId":"1","networkName":"cni-loopback"}`,
		"loopback-2":     `{"containerId":"2","networkName":"cni-loopback"}`,
		"theirs-eth0":    `{"containerId":"2","networkName":"apolo-12"}`,
		"something else": `not JSON`,
	} {
		if err := writeFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeCNITraces(dir, "apolo-1"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"loopback-2", "something else", "theirs-eth0"}; !slices.Equal(got, want) {
		t.Errorf("left: %q", got)
	}
}

func TestRemoveLogLinks(t *testing.T) {
	dir := t.TempDir()
	for name, target := range map[string]string{"ours": "/c/pod-logs/0.log", "theirs": "/c2/pod-logs/0.log"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeLogLinks(dir, "/c"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("left: %q", got)
	}
	if err := removeLogLinks(filepath.Join(dir, "none"), "/c"); err != nil {
		t.Error(err)
	}
}

func TestClaimKubeletFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kubelet")
	for range 2 {
		if err := claimKubeletFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	if !isFile(filepath.Join(dir, markerFile)) {
		t.Error("a folder that was made is not marked")
	}
	machines := t.TempDir()
	if err := claimKubeletFolder(machines); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(machines, markerFile)) {
		t.Error("a folder that was there is marked")
	}
}

func TestEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{lockFile, markerFile, stateFile, "pki/ca.key"} {
		if err := writeFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := emptyFolder(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{markerFile, lockFile}) {
		t.Errorf("left: %q", got)
	}
}

// names lists a folder, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}
