package e2e

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// serverName is one that the API server's certificate has, and that no machine resolves.
const serverName = "kubernetes.default.svc"

// changed is a kubeconfig after a change of its cluster and user.
func changed(t testing.TB, kubeconfig string, change func(*clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	context := config.Contexts[config.CurrentContext]
	change(config.Clusters[context.Cluster], config.AuthInfos[context.AuthInfo])
	path := filepath.Join(t.TempDir(), "changed")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen serves connections on loopback until the test ends, each in its own goroutine.
func listen(t testing.TB, address string, serve func(net.Conn)) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection)
		}
	}()
	return listener
}

// join copies between two connections until one of them ends.
func join(near, far net.Conn) {
	defer near.Close()
	defer far.Close()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// worksThrough uses a connection for single requests, a watch, a log and a terminal's stream.
func worksThrough(t *testing.T, kubeconfig, name string, env ...string) {
	t.Helper()
	for _, command := range []struct{ words, says string }{
		{"kubectl-apolo_secret add " + name + " hunter2-secret", "created"},
		{"kubectl-apolo_secret get " + name, "hunter2-secret"},
		{"kubectl-apolo_run --quiet --name " + name + " --env X=secret:" + name + " busybox:1 -- echo over this way", "over this way\n"},
		{"kubectl-apolo_job logs -f " + name, "over this way\n"},
		{"kubectl-apolo_run --quiet --detach --wait-start --name " + name + "-on busybox:1 -- sleep 3600", name + "-on\n"},
		{"kubectl-apolo_job exec " + name + "-on -- echo from inside", "from inside\n"},
		{"kubectl-apolo_job kill " + name + " " + name + "-on", "deleted"},
	} {
		run := func() outcome {
			_, end := start(t, kubeconfig, strings.Fields(command.words), env...)
			return end()
		}
		got := run()
		if got == (outcome{}) && strings.Contains(command.words, " exec ") {
			got = run() // the API server lost what the kubelet said: kubernetes#73056
		}
		if got.code != 0 || !strings.Contains(got.stdout, command.says) || got.stderr != "" {
			t.Errorf("%s: want %q, got %s", command.words, command.says, got)
		}
	}
}

// TestProxies goes through an HTTP proxy and through one that speaks SOCKS5, each named in the kubeconfig and in the
// environment.
func TestProxies(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	server, err := url.Parse(c.Server)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	// The environment is not asked for addresses of this machine, so the server gets a name that only proxies know.
	named := net.JoinHostPort(serverName, port)
	for scheme, serve := range map[string]func(net.Conn, func(target string) net.Conn){"http": serveCONNECT, "socks5": serveSOCKS5} {
		var connections atomic.Int32
		listener := listen(t, "127.0.0.1:0", func(near net.Conn) {
			serve(near, func(target string) net.Conn {
				if target != named {
					t.Errorf("%s: the proxy was asked for %s", scheme, target)
				}
				connections.Add(1)
				far, err := net.Dial("tcp", server.Host)
				if err != nil {
					t.Error(err)
				}
				return far
			})
		})
		proxy := scheme + "://" + listener.Addr().String()
		for _, where := range []string{"kubeconfig", "environment"} {
			t.Run(scheme+" "+where, func(t *testing.T) {
				_, kubeconfig := c.namespace(t, "alice")
				var env []string
				kubeconfig = changed(t, kubeconfig, func(cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
					cluster.Server = "https://" + named
					if where == "kubeconfig" {
						cluster.ProxyURL = proxy
					} else {
						env = []string{"HTTPS_PROXY=" + proxy, "NO_PROXY="}
					}
				})
				before := connections.Load()
				worksThrough(t, kubeconfig, "proxied", env...)
				if connections.Load() == before {
					t.Error("the proxy was not used")
				}
			})
		}
	}
	t.Run("none there", func(t *testing.T) {
		kubeconfig := changed(t, c.kubeconfig("alice"), func(cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.ProxyURL = "http://127.0.0.1:1"
		})
		if got := runDirect(t, kubeconfig, "kubectl-apolo_secret", "ls"); got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "proxy") {
			t.Error(got)
		}
	})
}

// serveCONNECT is an HTTP proxy for one connection.
func serveCONNECT(near net.Conn, dial func(string) net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(near))
	if err != nil || request.Method != http.MethodConnect {
		near.Close()
		return
	}
	far := dial(request.Host)
	fmt.Fprint(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	join(near, far)
}

// serveSOCKS5 is a SOCKS5 proxy for one connection: RFC 1928, without authentication, to a name.
func serveSOCKS5(near net.Conn, dial func(string) net.Conn) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(near, head); err != nil {
		near.Close()
		return
	}
	_, _ = io.ReadFull(near, make([]byte, head[1])) // the ways that the client can prove who it is
	_, _ = near.Write([]byte{5, 0})
	request := make([]byte, 5)
	if _, err := io.ReadFull(near, request); err != nil || request[1] != 1 || request[3] != 3 {
		near.Close()
		return
	}
	target := make([]byte, int(request[4])+2)
	_, _ = io.ReadFull(near, target)
	name, port := target[:request[4]], binary.BigEndian.Uint16(target[request[4]:])
	far := dial(net.JoinHostPort(string(name), fmt.Sprint(port)))
	_, _ = near.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(near, far)
}

// TestIPv6 reaches the API server at [::1].
func TestIPv6(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	server, err := url.Parse(c.Server)
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t, "[::1]:0", func(near net.Conn) {
		far, err := net.Dial("tcp", server.Host)
		if err != nil {
			near.Close()
			return
		}
		join(near, far)
	})
	_, kubeconfig := c.namespace(t, "alice")
	over6 := func(name string) string {
		return changed(t, kubeconfig, func(cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.Server, cluster.TLSServerName = "https://"+listener.Addr().String(), name
		})
	}
	worksThrough(t, over6(serverName), "six")
	got := runDirect(t, over6(""), "kubectl-apolo_secret", "ls")
	if got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "its certificate is not trusted") {
		t.Errorf("a certificate for another address: %s", got)
	}
}

// clientCertificate makes one for alice, as PEM.
func (c *cluster) clientCertificate(begin, end time.Time) (certificate, private []byte, err error) {
	authority, err := tls.LoadX509KeyPair(c.CA.CertFile, c.CA.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := x509.ParseCertificate(authority.Certificate[0])
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotBefore: begin, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, issuer, key.Public(), authority.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalECPrivateKey(key); err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), nil
}

// TestCertificateIsRotated replaces the files of a client certificate while a job runs and before the old one ends.
// What is asked after that is asked with the new one.
func TestCertificateIsRotated(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	folder := t.TempDir()
	files := [2]string{filepath.Join(folder, "certificate"), filepath.Join(folder, "key")}
	write := func(end time.Time) {
		t.Helper()
		certificate, key, err := c.clientCertificate(time.Now().Add(-time.Hour), end)
		if err != nil {
			t.Fatal(err)
		}
		for i, content := range [][]byte{certificate, key} {
			if err := os.WriteFile(files[i], content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	rotated := changed(t, kubeconfig, func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
		*user = clientcmdapi.AuthInfo{ClientCertificate: files[0], ClientKey: files[1]}
	})
	ends := time.Now().Add(40 * time.Second)
	write(ends)
	script := "echo begun; until test -e /tmp/go; do sleep 0.1; done; echo ended; exit 3"
	for _, command := range [][]string{
		{"kubectl-apolo_run", "--quiet", "--name", "rotated", "busybox:1", "--", "sh", "-c", script},
		{"kubectl-apolo_job", "logs", "-f", "rotated"},
	} {
		process := plugin(t, rotated, command[0], command[1:]...)
		stdout, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		process.Stderr = &stderr
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = process.Process.Kill() })
		if _, err := io.ReadFull(stdout, make([]byte, len("begun\n"))); err != nil {
			t.Fatal(err, &stderr)
		}
		if command[0] == "kubectl-apolo_run" {
			defer func() {
				rest, _ := io.ReadAll(stdout)
				_ = process.Wait() // the exit code says it
				if code := process.ProcessState.ExitCode(); code != 3 || string(rest) != "ended\n" || stderr.String() != "" {
					t.Errorf("run: code %d, %q, %s", code, rest, &stderr)
				}
			}()
			continue
		}
		write(time.Now().Add(time.Hour))
		eventually(t, "the old certificate has ended", func() bool { return time.Now().After(ends.Add(time.Second)) })
		if got := runDirect(t, kubeconfig, "kubectl-apolo_job", "exec", "rotated", "--", "touch", "/tmp/go"); got.code != 0 {
			t.Error(got)
		}
		rest, _ := io.ReadAll(stdout)
		_ = process.Wait() // the exit code says it
		if code := process.ProcessState.ExitCode(); code != 0 || string(rest) != "ended\n" || stderr.String() != "" {
			t.Errorf("logs: code %d, %q, %s", code, rest, &stderr)
		}
	}
}

// TestCredentialPlugins uses programs that bring credentials, and such that bring none.
func TestCredentialPlugins(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	c.kubectl(t, "admin", "-n", namespace, "create", "serviceaccount", "robot")
	c.kubectl(t, "admin", "-n", namespace, "create", "rolebinding", "robot", "--clusterrole=admin", "--serviceaccount="+namespace+":robot")
	token := strings.TrimSpace(c.kubectl(t, "admin", "-n", namespace, "create", "token", "robot"))
	certificate, key, err := c.clientCertificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	credential := func(status map[string]any) string {
		text, err := json.Marshal(map[string]any{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	byToken := credential(map[string]any{"token": token})
	byCertificate := credential(map[string]any{"clientCertificateData": string(certificate), "clientKeyData": string(key)})
	folder := t.TempDir()
	// with is a kubeconfig with a plugin, and count tells how often it has run.
	with := func(base, name, script string, mode clientcmdapi.ExecInteractiveMode) (path string, count func() int) {
		program, calls := filepath.Join(folder, name), filepath.Join(folder, name+".calls")
		if script != "" {
			if err := os.WriteFile(program, []byte("#!/bin/sh\necho called >> "+calls+"\n"+script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		path = changed(t, base, func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			*user = clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
				APIVersion: "client.authentication.k8s.io/v1", Command: program, InteractiveMode: mode, InstallHint: "install it",
			}}
		})
		return path, func() int {
			content, _ := os.ReadFile(calls) // not there: not called
			return strings.Count(string(content), "called\n")
		}
	}
	print := func(text string) string { return "cat <<'EOF'\n" + text + "\nEOF" }
	never, always := clientcmdapi.NeverExecInteractiveMode, clientcmdapi.AlwaysExecInteractiveMode

	for name, script := range map[string]string{
		"token":       print(byToken),
		"certificate": print(byCertificate),
		"ends-soon":   print(credential(map[string]any{"token": token, "expirationTimestamp": time.Now().Add(time.Hour).Format(time.RFC3339)})),
	} {
		t.Run(name, func(t *testing.T) {
			config, count := with(kubeconfig, name, script, never)
			if got := runDirect(t, config, "kubectl-apolo_secret", "ls"); got.code != 0 || got.stderr != "" || count() != 1 {
				t.Errorf("%d calls: %s", count(), got)
			}
			worksThrough(t, config, name)
		})
	}
	t.Run("refreshed", func(t *testing.T) {
		// The first token has ended in the eyes of the API server, though not in the plugin's own.
		script := "if test $(wc -l < " + filepath.Join(folder, "refreshed.calls") + ") = 1; then\n" +
			print(credential(map[string]any{"token": token[:len(token)-4] + "AAAA"})) + "\nelse\n" + print(byToken) + "\nfi"
		config, count := with(kubeconfig, "refreshed", script, never)
		got := runDirect(t, config, "kubectl-apolo_secret", "add", "refreshed", "value")
		if got.code != 0 || got.stdout != "secret/refreshed created (5 bytes)\n" || got.stderr != "" || count() != 2 {
			t.Errorf("%d calls: %s", count(), got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		config, count := with(kubeconfig, "refused", print(credential(map[string]any{"token": "nobody"})), never)
		got := runDirect(t, config, "kubectl-apolo_secret", "ls")
		if got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "does not accept your credentials") || count() > 3 {
			t.Errorf("%d calls: %s", count(), got)
		}
	})
	for name, test := range map[string]struct {
		script string
		mode   clientcmdapi.ExecInteractiveMode
		says   string
	}{
		"missing":     {"", never, "brought none: "},
		"failing":     {"echo no such account >&2; exit 7", never, "failed with exit code 7"},
		"garbage":     {"echo '<html>'", never, "brought none: "},
		"empty":       {"true", never, "brought none: "},
		"other-kind":  {print(`{"kind": "Secret", "apiVersion": "v1"}`), never, "brought none: "},
		"no-content":  {print(credential(map[string]any{})), never, "brought none: "},
		"interactive": {"read answer; " + print(byToken), always, "standard input"},
		"hanging":     {"exec sleep 60 2> /dev/null", never, "did not end in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, _ := with(kubeconfig, name, test.script, test.mode)
			got := runDirect(t, config, "kubectl-apolo_secret", "ls", "--request-timeout=3s")
			lines := strings.Split(strings.TrimSpace(got.stderr), "\n") // a plugin may say something itself
			last := lines[len(lines)-1]
			if got.code != 1 || !strings.HasPrefix(last, "error: ") || !strings.Contains(last, test.says) || len(lines) > 2 || got.stdout != "" {
				t.Error(got)
			}
			if strings.Contains(got.stderr, token) || strings.Contains(got.stderr, base64.StdEncoding.EncodeToString([]byte(token))) {
				t.Error("the token is on standard error")
			}
		})
	}
}

// TestServersClock has an API server whose clock is an hour ahead of this machine's, or behind it: how long ago is
// told by the server's.
func TestServersClock(t *testing.T) {
	long(t)
	t.Parallel()
	_, kubeconfig := openCluster(t).namespace(t, "alice")
	if got := runDirect(t, kubeconfig, "kubectl-apolo_run", "--quiet", "--name", "ended", "busybox:1", "--", "echo", "hello"); got.code != 0 {
		t.Fatal(got)
	}
	for _, apart := range []time.Duration{time.Hour, -time.Hour} {
		p := newProxy(t, kubeconfig, fault{kind: never})
		asked := make(chan string, 10)
		p.upstream.ModifyResponse = func(response *http.Response) error {
			response.Header.Set("Date", time.Now().Add(apart).UTC().Format(http.TimeFormat))
			if since := response.Request.URL.Query().Get("sinceTime"); since != "" {
				asked <- since
			}
			return nil
		}
		if got := p.run("kubectl-apolo_job", "logs", "ended", "--since", "10m"); got.code != 0 {
			t.Error(got)
		}
		since, err := time.Parse(time.RFC3339, <-asked)
		if want := time.Now().Add(apart - 10*time.Minute); err != nil || since.Sub(want).Abs() > commandTimeout {
			t.Errorf("%s apart: asked for what was written since %s, want about %s (%v)", apart, since, want, err)
		}
		if got := p.run("kubectl-apolo_secret", "add", "clock", "value", "--overwrite"); got.code != 0 || got.stderr != "" {
			t.Errorf("%s apart: %s", apart, got)
		}
		if got := p.run("kubectl-apolo_doctor"); !strings.Contains(got.stdout, "this machine and the API server are ") {
			t.Errorf("%s apart: doctor does not say so: %s", apart, got)
		}
	}
}

// TestDiskIsFull has commands write to a file system that is too small.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	p.add(t, "small", []byte("old value"))
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(folder, "file")
	for _, before := range []string{"", "old value"} {
		if before != "" {
			if got := runDirect(t, p.kubeconfig, "kubectl-apolo_secret", "get", "small", "-f", path); got.code != 0 {
				t.Fatal(got)
			}
		}
		got := runDirect(t, p.kubeconfig, "kubectl-apolo_secret", "get", bystander, "-f", path) // 200 KiB
		if got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "no space left on device") || got.stdout != "" {
			t.Error(got)
		}
		content, err := os.ReadFile(path)
		if before == "" && !os.IsNotExist(err) || before != "" && string(content) != before {
			t.Errorf("the file holds %d bytes (%v)", len(content), err)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) > 1 {
			t.Errorf("there are %v (%v)", entries, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.add(t, "text", bytes.Repeat([]byte("all work and no play "), 5000)) // 105 kB
	for _, command := range [][]string{
		{"kubectl-apolo_secret", "export", "small", "text", "--to-dir", filepath.Join(folder, "exported")},
		{"kubectl-apolo_secret", "export", "small", "text", "--to-env-file", path},
		{"kubectl-apolo_secret", "edit", "text"},
	} {
		_, end := start(t, p.kubeconfig, command, "XDG_RUNTIME_DIR="+folder, "KUBE_EDITOR=false")
		got := end()
		if got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "no space left on device") || got.stdout != "" {
			t.Errorf("%v: %s", command, got)
		}
		err := filepath.WalkDir(folder, func(left string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				t.Errorf("%v leaves %s", command, left)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
