package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// wire is what connects a command to the API server, below TLS. All connections are cut once so many
// bytes have come from the server.
type wire struct {
	kubeconfig string // for the command

	mutex sync.Mutex
	open  map[net.Conn]bool
	cutAt []int64 // in order
	came  int64
}

func newWire(t *testing.T, kubeconfig string, cutAt ...int64) *wire {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	entry := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	server, err := url.Parse(entry.Server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), open: map[net.Conn]bool{}, cutAt: cutAt}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server.Host)
			if err != nil {
				near.Close()
				continue
			}
			w.mutex.Lock()
			w.open[near], w.open[far] = true, true
			w.mutex.Unlock()
			go w.copy(near, far, w.count)
			go w.copy(far, near, func(int) {})
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.cut()
	})
	entry.Server = "https://" + listener.Addr().String()
	if err := clientcmd.WriteToFile(*config, w.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wire) copy(to, from net.Conn, each func(int)) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			break
		}
		each(n)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, connection := range []net.Conn{to, from} {
		delete(w.open, connection)
		connection.Close()
	}
}

// count cuts where it is time.
func (w *wire) count(n int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.came += int64(n); len(w.cutAt) > 0 && w.came >= w.cutAt[0] {
		w.cutAt = w.cutAt[1:]
		w.cut()
	}
}

func (w *wire) cut() {
	for connection := range w.open {
		connection.Close()
	}
}

// TestNoLineIsLostThroughCuts counts 100,000 numbered lines, of which one in ten holds a secret, through
// two cuts in the middle of the log. It is smaller than what the kubelet keeps in one file.
func TestNoLineIsLostThroughCuts(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	_, kubeconfig := c.namespace(t, "alice")
	const lines = 100_000
	if out, err := plugin(t, kubeconfig, "kubectl-apolo_secret", "add", "password", "hunter2-secret").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := fmt.Sprintf(`seq %d | sed "s/.*/line & %s/; s/0 x/0 $PASSWORD x/"`, lines, strings.Repeat("x", 40))
	job := []string{"--env", "PASSWORD=secret:password", "busybox:1", "--", "sh", "-c", script}
	for name, command := range map[string][]string{
		"run":         append([]string{"kubectl-apolo_run", "--name", "cut"}, job...),
		"job logs -f": {"kubectl-apolo_job", "logs", "-f", "logged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if command[1] == "logs" {
				if out, err := plugin(t, kubeconfig, "kubectl-apolo_run", append([]string{"--no-wait-start", "--name", "logged"}, job...)...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			w := newWire(t, kubeconfig, 2<<20, 5<<20)
			process := plugin(t, w.kubeconfig, command[0], command[1:]...)
			stdout, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			process.Stderr = &stderr
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { process.Process.Kill() })
			scanner := bufio.NewScanner(stdout)
			for i := 1; i <= lines; i++ {
				want := fmt.Sprintf("line %d xxx", i)
				if i%10 == 0 {
					want = fmt.Sprintf("line %d *** xxx", i)
				}
				if !scanner.Scan() || !strings.HasPrefix(scanner.Text(), want) {
					t.Fatalf("want %q, got %.40q\n%s", want, scanner.Text(), stderr.String())
				}
			}
			if len(w.cutAt) > 0 {
				t.Errorf("it was not cut after %d bytes", w.cutAt)
			}
			if scanner.Scan() {
				t.Errorf("more: %.40q", scanner.Text())
			}
			if err := process.Wait(); err != nil {
				t.Errorf("%v\n%s", err, stderr.String())
			}
		})
	}
}
