package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptRegistry is, among the values of a script, the registry that it serves.
type scriptRegistry struct{ server *httptest.Server }

// serveRegistry serves a registry on loopback, to which only the given user gets in, and tells the node
// about it. It sets REGISTRY to its address, where private:1 is an image with a shell.
func serveRegistry(ts *testscript.TestScript, user, password string) (*httptest.Server, error) {
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		givenUser, givenPassword, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(givenUser+"\n"+givenPassword), []byte(user+"\n"+password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	ts.Setenv("REGISTRY", address)

	image, err := shellImage()
	if err != nil {
		return nil, err
	}
	tag, err := name.NewTag(address + "/private:1")
	if err != nil {
		return nil, err
	}
	if err := remote.Write(tag, image, remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
		return nil, err
	}
	// containerd looks here at every pull.
	folder := filepath.Join(os.Getenv("APOLO_CLUSTER_DIR"), "etc", "registries", address)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	ts.Defer(func() { _ = os.RemoveAll(folder) })
	hosts := fmt.Sprintf("server = %q\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", server.URL, server.URL)
	return server, os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(hosts), 0o644)
}

// shellImage is an image with nothing but Debian's busybox, which the cluster's own images are made of.
func shellImage() (v1.Image, error) {
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: "bin/sh", Mode: 0o755, Size: int64(len(busybox)), Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := w.Write(busybox); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file.OS, file.Architecture = "linux", "amd64"
	return mutate.ConfigFile(image, file)
}
