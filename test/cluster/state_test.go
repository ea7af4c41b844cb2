package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestClusterDir(t *testing.T) {
	base := t.TempDir()
	if err := os.Symlink(base, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	if len(base) < maxDirLength-10 {
		got, err := clusterDir(filepath.Join(base, "link", "new"), "/checkout")
		if err != nil || got != filepath.Join(base, "new") {
			t.Errorf("through a link: %q, %v", got, err)
		}
	}
	a, errA := clusterDir("", "/checkout/a")
	b, errB := clusterDir("", "/checkout/b")
	if errA != nil || errB != nil || a == b || filepath.Dir(a) != defaultParent || len(filepath.Base(a)) != 8 {
		t.Errorf("by checkout: %q %v, %q %v", a, errA, b, errB)
	}
	if _, err := clusterDir("/"+strings.Repeat("x", maxDirLength), ""); err == nil {
		t.Error("a folder whose sockets have no valid address is accepted")
	}
}

func TestSocketPathsFit(t *testing.T) {
	const limit = 107
	dir := strings.Repeat("x", maxDirLength)
	for _, socket := range []string{"containerd.sock.ttrpc", "kubelet/device-plugins/kubelet.sock", "kubelet/pod-resources/kubelet.sock"} {
		if n := len(dir + "/" + socket); n > limit {
			t.Errorf("%s: %d characters", socket, n)
		}
	}
}

func TestClaimable(t *testing.T) {
	for _, test := range []struct {
		name  string
		files []string
		want  bool
	}{
		{"empty", nil, true},
		{"a cluster", []string{markerFile, lockFile, "etcd"}, true},
		{"a lock alone", []string{lockFile}, true},
		{"somebody's files", []string{"thesis.tex"}, false},
		{"somebody's files and a lock", []string{lockFile, "thesis.tex"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range test.files {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := claimable(dir); (err == nil) != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := claimable(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}

func TestLoadCluster(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadCluster(dir); !errors.Is(err, errNoCluster) {
		t.Errorf("empty: %v", err)
	}
	c := &cluster{Dir: dir, ID: "1"}
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCluster(dir); !errors.Is(err, errNoCluster) {
		t.Errorf("unfinished: %v", err)
	}
	c.Ready = true
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	if got, err := loadCluster(dir); err != nil || got.ID != "1" {
		t.Errorf("finished: %+v, %v", got, err)
	}
	c.Dir = "/elsewhere"
	copied := filepath.Join(t.TempDir(), stateFile)
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCluster(filepath.Dir(copied)); err == nil {
		t.Error("a copy is taken for the cluster")
	}
}

func TestExpired(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for notAfter, want := range map[string]bool{
		"2027-01-01T00:00:00Z": false,
		"2026-01-01T00:30:00Z": true,
		"2025-01-01T00:00:00Z": true,
		"":                     true,
	} {
		if got := (&cluster{NotAfter: notAfter}).expired(now); got != want {
			t.Errorf("%q: %v", notAfter, got)
		}
	}
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	if _, err := lockExisting(t.Context(), dir); !errors.Is(err, errNoCluster) || exists(dir) {
		t.Errorf("without a cluster: %v", err)
	}
	unlock, err := lock(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLock(filepath.Join(dir, lockFile), 0); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("taken twice: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
	defer cancel()
	waited := 0
	if _, err := lock(ctx, dir, func() { waited++ }); !errors.Is(err, context.DeadlineExceeded) || waited != 1 {
		t.Errorf("waited %d times: %v", waited, err)
	}

	// The holder removes the folder, as down does, while another one waits.
	got := make(chan error)
	go func() {
		unlock, err := lock(t.Context(), dir, nil)
		if err == nil {
			unlock()
		}
		got <- err
	}()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-got; err != nil || !isFile(filepath.Join(dir, lockFile)) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestTryLockOfARemovedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	if _, err := tryLock(file, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRun(t *testing.T) {
	t.Setenv("APOLO_CLUSTER_DIR", filepath.Join(t.TempDir(), "none"))
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"nothing", nil, 2, "a verb is missing"},
		{"help", []string{"help"}, 0, ""},
		{"unknown verb", []string{"upp"}, 2, `unknown verb "upp"`},
		{"too much", []string{"up", "now"}, 2, "up takes no arguments"},
		{"no component", []string{"restart"}, 2, "restart takes one component"},
		{"unknown component", []string{"stop", "kube-proxy"}, 2, "unknown component"},
		{"unknown option", []string{"restart", "--force", "etcd"}, 2, "does not know the option --force"},
		{"option that makes no sense", []string{"start", "--kill", "etcd"}, 2, "does not know the option --kill"},
		{"no image", []string{"load-image"}, 2, "takes a name, a folder"},
		{"no tag", []string{"load-image", "app", "/"}, 2, "no tag"},
		{"no cluster", []string{"env"}, 1, "there is no cluster"},
		{"no cluster for status", []string{"status"}, 1, "there is no cluster"},
		{"nothing to end", []string{"down"}, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), test.args, &stdout, &stderr)
			if code != test.code || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("%d: %s", code, stderr.String())
			}
			if code == 1 && strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("not one line: %q", stderr.String())
			}
		})
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"/a b": "'/a b'", "it's": `'it'\''s'`} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q gives %s", in, got)
		}
	}
}
