package main

import (
	"archive/tar"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func testCluster(dir string) *cluster {
	return &cluster{
		Dir: dir, ID: "12345678", BinDir: "/bin", Node: nodeName, CgroupRoot: "/apolo-12345678",
		Server: "https://127.0.0.1:21002", Snapshotter: "overlayfs", CNIDir: "/usr/lib/cni",
		ContainerdSocket: dir + "/containerd.sock", AuditLog: dir + "/audit.log",
		Ports: slotPorts(0), Network: slotNetwork(0, bridgeName("12345678")),
	}
}

func TestConfigFiles(t *testing.T) {
	files := testCluster("/c").configFiles()
	for name, wanted := range map[string][]string{
		"etc/audit-policy.yaml":              {"omitStages: [RequestReceived]"},
		"etc/containerd.toml":                {`address = "/c/containerd.sock"`, `state = "/c/containerd/state"`, `snapshotter = "overlayfs"`, `sandbox = "localhost/pause:1"`},
		"etc/registries/_default/hosts.toml": {"127.0.0.1:1"},
		"etc/cni/10-pods.conflist":           {`"name": "apolo-12345678"`, `"bridge": "apolo12345678"`},
		"etc/kubelet.yaml":                   {"port: 21005", "healthzPort: 21006", "cgroupRoot: /apolo-12345678", "unix:///c/containerd.sock", `clusterDNS: ["10.180.0.1"]`},
	} {
		for _, want := range wanted {
			if !strings.Contains(string(files[name]), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, files[name])
			}
		}
		if strings.Contains(string(files[name]), "<no value>") {
			t.Errorf("%s: a value is missing", name)
		}
		delete(files, name)
	}
	if len(files) > 0 {
		t.Errorf("not looked at: %d files", len(files))
	}
	if cni := testCluster("/c").configFiles()["etc/cni/10-pods.conflist"]; !json.Valid(cni) {
		t.Errorf("not JSON: %s", cni)
	}
}

func TestAuditPolicyOrder(t *testing.T) {
	policy := string(testCluster("/c").configFiles()["etc/audit-policy.yaml"])
	components := strings.Index(policy, `users: ["system:apiserver"`)
	bodies := strings.Index(policy, "level: RequestResponse")
	if components < 0 || bodies < components {
		t.Error("the components' listings of secrets would be logged with the secrets")
	}
	if strings.Count(policy, "level: RequestResponse") != 1 {
		t.Error("more than listings of secrets is logged with bodies")
	}
}

func TestWriteConfigsKeepsTheKey(t *testing.T) {
	c := testCluster(t.TempDir())
	read := func() string {
		if err := c.writeConfigs(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(c.path("etc", "encryption.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := read()
	match := regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(first)
	if match == nil {
		t.Fatal(first)
	}
	if key, err := base64.StdEncoding.DecodeString(match[1]); err != nil || len(key) != 32 {
		t.Errorf("key of %d bytes, %v", len(key), err)
	}
	if read() != first {
		t.Error("another key was made")
	}
}

func TestFingerprint(t *testing.T) {
	a, b := testCluster("/c"), testCluster("/c")
	if a.fingerprint() != b.fingerprint() {
		t.Error("it is not stable")
	}
	b.Ports = slotPorts(1)
	if a.fingerprint() == b.fingerprint() {
		t.Error("it does not cover the ports")
	}
}

func TestComponents(t *testing.T) {
	c := testCluster("/c")
	var got []string
	for _, comp := range c.components() {
		got = append(got, comp.name)
		if comp.grace <= 0 || comp.ready == nil || len(comp.argv) == 0 {
			t.Errorf("%s is incomplete", comp.name)
		}
	}
	if !slices.Equal(got, componentNames()) {
		t.Errorf("got %v", got)
	}
}

func TestPKI(t *testing.T) {
	c := testCluster(t.TempDir())
	now := time.Now()
	if err := c.makePKI(now); err != nil {
		t.Fatal(err)
	}
	if c.expired(now.Add(certificateLife-2*time.Hour)) || !c.expired(now.Add(certificateLife)) {
		t.Errorf("valid until %s", c.NotAfter)
	}
	pool := func(name string) *x509.CertPool {
		data, err := os.ReadFile(c.path("pki", name+".crt"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(data)
		return roots
	}
	leaf := func(name string) *x509.Certificate {
		pair, err := tls.LoadX509KeyPair(c.path("pki", name+".crt"), c.path("pki", name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for name, s := range identities(c.Node) {
		cert := leaf(name)
		if cert.Subject.CommonName != s.name || !slices.Equal(cert.Subject.Organization, s.groups) {
			t.Errorf("%s is %s", name, cert.Subject)
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool("ca"), KeyUsages: client}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool("etcd-ca"), KeyUsages: client}); err == nil {
			t.Errorf("%s may use etcd", name)
		}
		info, err := os.Stat(c.kubeconfig(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("kubeconfig of %s: %v, %v", name, info, err)
		}
	}
	for name, ca := range map[string]string{"serving": "ca", "etcd": "etcd-ca"} {
		if _, err := leaf(name).Verify(x509.VerifyOptions{Roots: pool(ca), DNSName: "127.0.0.1"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(c.kubeconfig("alice"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server: https://127.0.0.1:21002\n", "current-context: default\n", "namespace: alice\n", "- name: default\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("alice's kubeconfig lacks %q", want)
		}
	}
	match := regexp.MustCompile(`certificate-authority-data: (\S+)`).FindSubmatch(text)
	if match == nil {
		t.Fatal("no authority in the kubeconfig")
	}
	data, err := base64.StdEncoding.DecodeString(string(match[1]))
	if block, _ := pem.Decode(data); err != nil || block == nil {
		t.Errorf("the authority in the kubeconfig: %v", err)
	}
}

func TestRequiredVersion(t *testing.T) {
	for _, test := range []struct{ goMod, want string }{
		{"module x\n\nrequire k8s.io/kubernetes v1.34.4\n", "v1.34.4"},
		{"require (\n\tk8s.io/kubernetes-other v9.0.0\n\tk8s.io/kubernetes v1.34.4 // indirect\n)\n", "v1.34.4"},
		{"tool k8s.io/kubernetes/cmd/kubectl\n", ""},
	} {
		if got := requiredVersion([]byte(test.goMod), "k8s.io/kubernetes"); got != test.want {
			t.Errorf("%q gives %q", test.goMod, got)
		}
	}
}

func TestRecipe(t *testing.T) {
	source, err := sourceFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", "/cache")
	modules, err := filepath.Glob(filepath.Join(source, "binaries", "kubernetes-*"))
	if err != nil || len(modules) < 3 {
		t.Fatalf("there are the modules %q: %v", modules, err)
	}
	for _, module := range modules {
		name := filepath.Base(module)
		minor := strings.TrimPrefix(name, "kubernetes-1.")
		kubelet := min(minor, strings.TrimPrefix(defaultKubernetes, "kubernetes-1.")) // never newer than the API server
		r, err := newRecipe(source, name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^/cache/kubectl-apolo/kubernetes-v1\.` + minor + `\.\d+-etcd-v3\.6\.\d+-containerd-v2\.4\.\d+-[0-9a-f]{12}$`).MatchString(r.dir()) {
			t.Errorf("%s is kept in %s", name, r.dir())
		}
		for _, b := range r.binaries {
			want, flags := minor, b.ldflags()
			switch b.name {
			case "etcd", "pause":
				continue
			case "containerd", "containerd-shim-runc-v2", "ctr":
				if filepath.Base(b.module) != defaultContainerd {
					t.Errorf("%s: %s is built in %s", name, b.name, b.module)
				}
				continue
			case "kubelet":
				want = kubelet
			}
			if !strings.HasSuffix(b.module, "kubernetes-1."+want) || !strings.Contains(flags, "k8s.io/component-base/version.gitVersion=v1."+want+".") || !strings.Contains(flags, "gitMinor="+want+" ") {
				t.Errorf("%s: %s is built in %s with %s, want 1.%s", name, b.name, b.module, flags, want)
			}
		}
	}
	if _, err := newRecipe(source, "kubernetes-0.1"); err == nil {
		t.Error("a version that is not there can be built")
	}
}

func TestFullName(t *testing.T) {
	for name, want := range map[string]string{
		"busybox:1":              "docker.io/library/busybox:1",
		"team/app:v1":            "docker.io/team/app:v1",
		"localhost/pause:1":      "localhost/pause:1",
		"registry.io:5000/app:2": "registry.io:5000/app:2",
		"busybox":                "",
		"registry.io:5000/app":   "",
		"busybox:latest":         "",
		"busybox:":               "",
		":1":                     "",
		"Busybox:1":              "",
		"busy box:1":             "",
	} {
		got, err := fullName(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v", name, got, err)
		}
	}
}

func TestPackImages(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc", "hello"), []byte("hello"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("etc/hello", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "images.tar")
	err := packImages(file, []image{
		{name: "localhost/a:1", cmd: []string{"/a"}, write: func(l *layer) error { return l.tree(root) }},
		{name: "localhost/b:1", cmd: []string{"/b"}, write: func(l *layer) error { return errors.Join(l.dir("tmp", 0o1777), l.file("b", 0o755, "b")) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	archive := readTar(t, f)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal([]byte(archive["manifest.json"].content), &manifest); err != nil || len(manifest) != 2 {
		t.Fatalf("manifest: %v, %v", manifest, err)
	}
	first := readTar(t, strings.NewReader(archive[manifest[0].Layers[0]].content))
	if e := first["etc/hello"]; e.content != "hello" || e.Mode != 0o640 {
		t.Errorf("file: %+v", e)
	}
	if e := first["etc/"]; e.Typeflag != tar.TypeDir || e.Mode != 0o750 {
		t.Errorf("folder: %+v", e)
	}
	if e := first["link"]; e.Linkname != "etc/hello" {
		t.Errorf("link: %+v", e)
	}
	second := readTar(t, strings.NewReader(archive[manifest[1].Layers[0]].content))
	if e := second["tmp/"]; e.Mode != 0o1777 {
		t.Errorf("tmp: %+v", e)
	}
	if config := archive[manifest[1].Config].content; !strings.Contains(config, `"Cmd":["/b"]`) {
		t.Errorf("config: %s", config)
	}
	if left := names(t, filepath.Dir(file)); !slices.Equal(left, []string{"images.tar"}) {
		t.Errorf("left behind: %q", left)
	}
}

type tarEntry struct {
	tar.Header
	content string
}

func readTar(t *testing.T, r io.Reader) map[string]tarEntry {
	t.Helper()
	entries := make(map[string]tarEntry)
	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries[header.Name] = tarEntry{*header, string(content)}
	}
}

func TestParsePlugins(t *testing.T) {
	for _, test := range []struct {
		name, out string
		found     bool
		wrong     bool
	}{
		{"works", "TYPE ID PLATFORMS STATUS\nio.containerd.grpc.v1  cri  linux/amd64  ok\n", true, false},
		{"failed", "io.containerd.grpc.v1  cri  linux/amd64  error\n", false, true},
		{"missing", "io.containerd.grpc.v1  images  -  ok\n", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if found, err := parsePlugins(test.out); found != test.found || (err != nil) != test.wrong {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
}
