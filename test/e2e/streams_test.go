package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// streamProxy stands between commands and the API server, and lets streams be cut and WebSockets be refused.
type streamProxy struct {
	kubeconfig string
	upstream   *httputil.ReverseProxy

	lock    sync.Mutex
	refuses bool       // WebSockets
	open    []net.Conn // that carry streams
	seen    []string   // the protocol and subresource of each stream
}

func newStreamProxy(t *testing.T, kubeconfig string) *streamProxy {
	t.Helper()
	p := &streamProxy{}
	p.upstream, p.kubeconfig = stand(t, kubeconfig, p, func() {})
	t.Cleanup(p.cut)
	return p
}

// ServeHTTP forwards a request.
func (p *streamProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if protocol == "" {
		p.upstream.ServeHTTP(w, r)
		return
	}
	p.lock.Lock()
	refused := p.refuses && protocol == "websocket"
	if !refused {
		p.seen = append(p.seen, protocol+" "+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
		p.open = append(p.open, r.Context().Value(connectionKey{}).(net.Conn))
	}
	p.lock.Unlock()
	if refused {
		http.Error(w, "no WebSockets here", http.StatusForbidden)
		return
	}
	p.upstream.ServeHTTP(w, r)
}

// cut ends all streams.
func (p *streamProxy) cut() {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, connection := range p.open {
		connection.Close()
	}
	p.open = nil
}

func (p *streamProxy) streams() string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return strings.Join(p.seen, ", ")
}

// protocols runs a test over both ways to connect.
func protocols(t *testing.T, test func(t *testing.T, p *streamProxy, protocol string)) {
	c := openCluster(t)
	for _, protocol := range []string{"websocket", "SPDY/3.1"} {
		t.Run(protocol[:4], func(t *testing.T) {
			t.Parallel()
			_, kubeconfig := c.namespace(t, "alice")
			p := newStreamProxy(t, kubeconfig)
			p.refuses = protocol != "websocket"
			test(t, p, protocol)
		})
	}
}

func startJob(t *testing.T, kubeconfig, name string, args ...string) {
	t.Helper()
	o := runDirect(t, kubeconfig, append([]string{"kubectl-apolo_run", "--detach", "--wait-start", "--name", name, "busybox:1", "--"}, args...)...)
	if o.code != 0 {
		t.Fatal(o)
	}
}

// TestExecCarriesEveryByte sends 32 MiB through a command and back.
func TestExecCarriesEveryByte(t *testing.T) {
	long(t)
	t.Parallel()
	protocols(t, func(t *testing.T, p *streamProxy, protocol string) {
		startJob(t, p.kubeconfig, "echo", "sleep", "1000")
		const size = 32 << 20
		command := plugin(t, p.kubeconfig, "kubectl-apolo_job", "exec", "echo", "--", "cat")
		sent, received := sha256.New(), sha256.New()
		command.Stdin = io.TeeReader(io.LimitReader(rand.Reader, size), sent)
		counter := &counted{to: received}
		command.Stdout = counter
		var stderr bytes.Buffer
		command.Stderr = &stderr
		if err := command.Run(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		if counter.n != size || !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
			t.Errorf("%d bytes came back of %d, or other ones", counter.n, size)
		}
		if got := p.streams(); got != protocol+" exec" {
			t.Errorf("the streams were: %s", got)
		}
	})
}

type counted struct {
	to io.Writer
	n  int
}

func (c *counted) Write(data []byte) (int, error) {
	c.n += len(data)
	return c.to.Write(data)
}

// TestExecThatIsCutIsNoSuccess: what became of the command nobody knows.
func TestExecThatIsCutIsNoSuccess(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, p *streamProxy, _ string) {
		startJob(t, p.kubeconfig, "train", "sleep", "1000")
		command := plugin(t, p.kubeconfig, "kubectl-apolo_job", "exec", "train", "--", "sh", "-c", "echo begun; sleep 1000")
		var stderr bytes.Buffer
		command.Stderr = &stderr
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stdout, make([]byte, len("begun\n"))); err != nil {
			t.Fatal(err)
		}
		p.cut()
		_ = command.Wait() // the exit code says it
		if code := command.ProcessState.ExitCode(); code != 1 || stderr.String() != "error: job train: the connection was cut; the command may still be running in it\n" {
			t.Errorf("code %d: %s", code, stderr.String())
		}
	})
}

// TestTerminalIsAttachedAgain: a cut connection doesn't end a session.
func TestTerminalIsAttachedAgain(t *testing.T) {
	long(t)
	t.Parallel()
	protocols(t, func(t *testing.T, p *streamProxy, protocol string) {
		term := startRun(t, p.kubeconfig, "--name", "shell", "busybox:1", "--", "sh")
		term.waitFor("you are attached")
		term.ready()
		term.typeLine("kept=al''ive; echo se''t\n")
		term.waitFor("set\r\n")
		p.cut()
		term.waitFor("job/shell: the connection was cut; attaching again\r\n")
		eventually(t, "a second stream", func() bool { return strings.Count(p.streams(), protocol+" attach") == 2 })
		term.typeLine("\necho still $kept\n")
		term.waitFor("still alive\r\n")
		term.typeLine("exit 4\n")
		if screen, code := term.end(); code != 4 || !echoes(t, term.file) {
			t.Errorf("code %d, the screen is:\n%s", code, screen)
		}
	})
}

// TestInputThatIsCutIsNoSuccess: the command gets the end of an input that is not its end, so that
// what it makes of it must not pass for its result.
func TestInputThatIsCutIsNoSuccess(t *testing.T) {
	long(t)
	t.Parallel()
	protocols(t, func(t *testing.T, p *streamProxy, _ string) {
		command := plugin(t, p.kubeconfig, "kubectl-apolo_run", "-q", "-i", "--name", "count", "busybox:1", "--", "sh", "-c", "read line; echo $line; wc -c")
		var stderr bytes.Buffer
		command.Stderr = &stderr
		stdin, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stdin, "begun\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stdout, make([]byte, len("begun\n"))); err != nil {
			t.Fatal(err)
		}
		p.cut()
		rest, err := io.ReadAll(stdout)
		if err != nil {
			t.Fatal(err)
		}
		_ = command.Wait() // the exit code says it
		if code := command.ProcessState.ExitCode(); code != 1 || string(rest) != "0\n" ||
			stderr.String() != "error: job count: the job did not get all of its input: the connection was cut\n" {
			t.Errorf("code %d: %q\n%s", code, rest, stderr.String())
		}
	})
}

// TestForwardingGoesOn over a new connection when one was cut.
func TestForwardingGoesOn(t *testing.T) {
	long(t)
	t.Parallel()
	protocols(t, func(t *testing.T, p *streamProxy, protocol string) {
		told := filepath.Join(t.TempDir(), "told")
		stderr, err := os.Create(told)
		if err != nil {
			t.Fatal(err)
		}
		command := plugin(t, p.kubeconfig, "kubectl-apolo_run", "--name", "web", "--port-forward", "0:8080", "busybox:1", "--", "sh", "-c",
			"mkdir /www; echo hello > /www/index.html; httpd -p 8080 -h /www; until test -e /tmp/done; do sleep 0.1; done")
		command.Stderr = stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { command.Process.Kill() })
		var address string
		eventually(t, "a port", func() bool {
			text, err := os.ReadFile(told)
			address = string(regexp.MustCompile(`localhost:\d+`).Find(text))
			return err == nil && address != ""
		})
		fetch := func() string {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			answer, err := client.Get("http://" + address)
			if err != nil {
				return err.Error()
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			return fmt.Sprint(string(body), err)
		}
		eventually(t, "an answer", func() bool { return fetch() == "hello\n<nil>" })
		before := p.streams()
		p.cut()
		eventually(t, "an answer after the cut", func() bool { return fetch() == "hello\n<nil>" })
		if after := p.streams(); after != before+", "+protocol+" portforward" {
			t.Errorf("the streams were: %s, and after the cut: %s", before, after)
		}
		// Many at once share the connection.
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if got := fetch(); got != "hello\n<nil>" {
					t.Errorf("of many at once: %s", got)
				}
			})
		}
		group.Wait()
		if o := runDirect(t, p.kubeconfig, "kubectl-apolo_job", "exec", "web", "--", "touch", "/tmp/done"); o.code != 0 {
			t.Error(o)
		}
		if err := command.Wait(); err != nil {
			text, _ := os.ReadFile(told)
			t.Errorf("%v\n%s", err, text)
		}
	})
}
