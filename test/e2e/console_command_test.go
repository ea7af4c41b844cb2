package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// The shipped binary, as a user starts and ends it.
func TestConsoleCommand(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	home, bin := t.TempDir(), binaries(t)
	// A browser that only says what it was told to open.
	opened := filepath.Join(home, "opened")
	script := "#!/bin/sh\necho \"$@\" > " + opened + ".new && mv " + opened + ".new " + opened + "\n"
	if err := os.WriteFile(filepath.Join(home, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) (*exec.Cmd, *bufio.Reader, *strings.Builder) {
		command := exec.Command(filepath.Join(bin, "kubectl-apolo"), append([]string{"console"}, args...)...)
		command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
			"PATH="+home+":"+bin+":"+os.Getenv("PATH"))
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		errOut := &strings.Builder{}
		command.Stderr = errOut
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { command.Process.Kill() })
		return command, bufio.NewReader(out), errOut
	}
	command, out, _ := start()
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`^The Console is at (http://127\.0\.0\.1:(\d+))/#token=([A-Z0-9]{26})\n$`).FindStringSubmatch(line)
	if link == nil {
		t.Fatalf("%q", line)
	}
	origin, port, token := link[1], link[2], link[3]

	// The browser's arguments are seen by all users of the machine, the file that it opens by none.
	var told []byte
	eventually(t, "the browser to be opened", func() bool { told, err = os.ReadFile(opened); return err == nil })
	file, err := url.Parse(strings.TrimSpace(string(told)))
	if err != nil || file.Scheme != "file" || strings.Contains(string(told), "token") {
		t.Fatalf("the browser was told %q, %v", told, err)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	page, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	inFile := regexp.MustCompile(`url=` + origin + `/#token=([A-Z0-9]{26})"`).FindSubmatch(page)
	if inFile == nil || string(inFile[1]) == token {
		t.Fatalf("%s", page)
	}
	for _, one := range []string{token, string(inFile[1])} {
		b := &browser{t: t, server: &httptest.Server{URL: origin}}
		b.login(one)
		if session := get[console.Session](b, "/session"); session.User != "alice" {
			t.Errorf("%+v", session)
		}
		if response, _ := b.send(http.MethodPost, "/login", map[string]any{"token": one}); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("a second time: %s", response.Status)
		}
	}

	// No other address of this machine answers.
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok || network.IP.String() == "127.0.0.1" || network.IP.IsLinkLocalUnicast() {
			continue
		}
		if conn, err := net.Dial("tcp", net.JoinHostPort(network.IP.String(), port)); err == nil {
			conn.Close()
			t.Errorf("it listens on %s too", network.IP)
		}
	}

	second, _, errOut := start("--port", port, "--no-browser")
	if err := second.Wait(); second.ProcessState.ExitCode() != 1 || !strings.Contains(errOut.String(), "error: port "+port+" is in use; choose another with --port") {
		t.Errorf("%v, %s", err, errOut)
	}
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}
