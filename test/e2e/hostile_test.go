package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What a command may take of memory while a server does its worst, in bytes: where only the size of an answer
// counts, and where its content is made to grow when it is read.
const (
	ordinaryMemory = 700 << 20
	extremeMemory  = 1600 << 20
)

// hostileCommands are all commands that talk to an API server, in a form that needs an answer.
func hostileCommands(folder string) map[string][]string {
	value := filepath.Join(folder, "value")
	return map[string][]string{
		"secret add":               {"kubectl-apolo_secret", "add", "key", "value"},
		"secret add --overwrite":   {"kubectl-apolo_secret", "add", "key", "value", "--overwrite"},
		"secret get":               {"kubectl-apolo_secret", "get", "key"},
		"secret get -f":            {"kubectl-apolo_secret", "get", "key", "-f", value},
		"secret ls":                {"kubectl-apolo_secret", "ls"},
		"secret ls -o wide":        {"kubectl-apolo_secret", "ls", "-o", "wide"},
		"secret rm":                {"kubectl-apolo_secret", "rm", "key"},
		"secret cp":                {"kubectl-apolo_secret", "cp", "key", "other"},
		"secret mv":                {"kubectl-apolo_secret", "mv", "key", "other"},
		"secret adopt":             {"kubectl-apolo_secret", "adopt", "key"},
		"acl grant":                {"kubectl-apolo_acl", "grant", "secret:key", "bob", "read"},
		"acl revoke":               {"kubectl-apolo_acl", "revoke", "secret:key", "bob"},
		"acl ls":                   {"kubectl-apolo_acl", "ls"},
		"acl ls --shared":          {"kubectl-apolo_acl", "ls", "--shared"},
		"share":                    {"kubectl-apolo_share", "secret:key", "bob"},
		"run":                      {"kubectl-apolo_run", "--env", "X=secret:key", "busybox"},
		"run --no-wait-start":      {"kubectl-apolo_run", "--no-wait-start", "busybox"},
		"job ls":                   {"kubectl-apolo_job", "ls"},
		"job status":               {"kubectl-apolo_job", "status", "job"},
		"job logs":                 {"kubectl-apolo_job", "logs", "job"},
		"job exec":                 {"kubectl-apolo_job", "exec", "job", "--", "true"},
		"job attach":               {"kubectl-apolo_job", "attach", "job"},
		"job kill":                 {"kubectl-apolo_job", "kill", "job"},
		"job top":                  {"kubectl-apolo_job", "top", "job"},
		"job port-forward":         {"kubectl-apolo_job", "port-forward", "job", "0:80"},
		"job bump-life-span":       {"kubectl-apolo_job", "bump-life-span", "job", "1h"},
		"job generate-run-command": {"kubectl-apolo_job", "generate-run-command", "job"},
		"doctor":                   {"kubectl-apolo_doctor"},
	}
}

// hostileServer answers every request as handler does. The kubeconfig's user has a token.
func hostileServer(t testing.TB, http2 bool, handler http.Handler) (kubeconfig string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig = filepath.Join(t.TempDir(), "hostile")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := writeKubeconfig(kubeconfig, "hostile", server.URL, authority, map[string]any{"token": "the-users-token"}); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// forgetPeak makes the peak memory of this process what it has now: a process that it starts inherits it (proc(5), clear_refs).
func forgetPeak(t testing.TB) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// peakMemory is what a process that has ended had at most, in bytes.
func peakMemory(process *os.ProcessState) int64 {
	return process.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// residentPeak is what a process that still runs had at most, in bytes; 0 where that can't be read. What the kernel counts
// when it has ended (peakMemory) is at least what this process had when it started the other.
func residentPeak(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	var kilobytes int64
	_, _ = fmt.Sscan(line, &kilobytes)
	return kilobytes << 10
}

// flood writes a block again and again until the other side goes, or for a gibibyte.
func flood(w io.Writer, block string) {
	data := []byte(strings.Repeat(block, 1+(1<<16)/len(block)))
	for sent := 0; sent < 1<<30; sent += len(data) {
		if _, err := w.Write(data); err != nil {
			return
		}
	}
}

// items answers with as many empty objects as fit into an answer that is just not too large.
func items(w http.ResponseWriter, protobuf bool) {
	const size = 60 << 20
	if !protobuf {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion": "v1", "kind": "List", "items": [{}`+strings.Repeat(",{}", size/3)+"]}")
		return
	}
	// k8s.io/apimachinery/pkg/runtime/serializer/protobuf: a prefix, and a runtime.Unknown around the object.
	field := func(number byte, data []byte) []byte {
		return append(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(data))), data...)
	}
	kind := append(field(1, []byte("v1")), field(2, []byte("List"))...)
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	_, _ = w.Write(append([]byte("k8s\x00"), append(field(1, kind), field(2, bytes.Repeat([]byte{2<<3 | 2, 0}, size/2))...)...))
}

// TestHostileServer lets a server do its worst to every command: each must end by itself, with an error of one short
// line, and within the memory that docs/security.md states.
func TestHostileServer(t *testing.T) {
	long(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was sent on to another server, with Authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	longWords := strings.Repeat("\x1b]52;c;eA==\a\r\u202e words", 1<<20)

	// What all commands have in common, which is how they read, is tried with a few that differ in what they read.
	sample := map[string]bool{"secret get": true, "secret ls": true, "acl grant": true, "acl ls": true, "run": true, "job ls": true, "job logs": true}
	slots := make(chan struct{}, runtime.NumCPU())
	for _, attack := range []struct {
		name    string
		memory  int64
		handler http.HandlerFunc
		lists   bool // only what lists can be attacked
		waits   bool // the command waits for its time limit, and leaves the processor to others
		every   bool // every command is tried
	}{
		{"an answer without an end", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			flood(w, " ")
		}, false, false, false},
		{"a string without an end", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind": "`)
			flood(w, "x")
		}, false, false, false},
		{"a compressed answer that is large", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			compressed, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			flood(compressed, " ")
		}, false, false, false},
		{"millions of empty objects in JSON", extremeMemory, func(w http.ResponseWriter, r *http.Request) { items(w, false) }, false, false, false},
		{"millions of empty objects in protobuf", extremeMemory, func(w http.ResponseWriter, r *http.Request) { items(w, true) }, false, false, false},
		{"no answer", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, true, true},
		{"a byte now and then", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					_, _ = io.WriteString(w, " ")
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
					return
				}
			}
		}, false, true, false},
		{"nonsense as JSON", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Repeat("[", 1<<20))
		}, false, false, true},
		{"nonsense as protobuf", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
			_, _ = io.WriteString(w, "k8s\x00\x0a\xff\xff\xff\xff\x0f\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x1b[31m")
		}, false, false, false},
		{"a page for people", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<script>alert(1)</script>")
		}, false, false, false},
		{"an error of 20 MB with escapes", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": longWords})
		}, false, false, true},
		{"overloaded until the end of time", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1000000000")
			w.WriteHeader(http.StatusTooManyRequests)
		}, false, true, false},
		{"sent on elsewhere", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}, false, false, true},
		{"sent on in a circle", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, false, false, false},
		{"the same page again and again", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			kind := map[bool]string{true: "PartialObjectMetadataList", false: "List"}[strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList")]
			_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": map[string]any{"continue": "again"}, "items": []any{}})
		}, true, false, false},
		{"an amount that takes forever to read", ordinaryMemory, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/jobs") {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"apiVersion": "batch/v1", "kind": "JobList", "items": [{"metadata": {"name": "job", "labels": {"apolo.us/job": "true"}},
				"spec": {"template": {"spec": {"containers": [{"name": "job", "resources": {"limits": {"memory": "1000000000000000000000E2147483647"}}}]}}}}]}`)
		}, true, false, false},
	} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
			t.Run(attack.name+", "+version, func(t *testing.T) {
				kubeconfig := hostileServer(t, version == "HTTP/2", attack.handler)
				for name, command := range hostileCommands(t.TempDir()) {
					if version == "HTTP/1.1" && name != "secret ls" {
						continue // how bytes come is the same for all
					}
					if !attack.every && !attack.lists && !sample[name] {
						continue
					}
					if attack.lists && !strings.Contains(name, " ls") {
						continue // what reads no list takes an empty one for an answer
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						if !attack.waits {
							slots <- struct{}{}
							defer func() { <-slots }()
						}
						bounded := append([]string{command[0], "--request-timeout", "1s"}, command[1:]...) // in front of any "--"
						ended := runMeasured(t, kubeconfig, bounded...)
						checkRefusal(t, ended, attack.memory)
					})
				}
			})
		}
	}
}

// measured is how a command ended, and what it took.
type measured struct {
	outcome
	memory int64
}

func runMeasured(t testing.TB, kubeconfig string, command ...string) measured {
	t.Helper()
	forgetPeak(t)
	cmd, end := start(t, kubeconfig, command)
	ended := end()
	return measured{ended, peakMemory(cmd.ProcessState)}
}

// checkRefusal: a failure in words that a terminal bears, within the memory.
func checkRefusal(t testing.TB, ended measured, memory int64) {
	t.Helper()
	shown := ended.stderr + ended.stdout
	if len(shown) > 20_000 {
		t.Errorf("%d bytes were printed, which begin with %.300q", len(shown), shown)
		return
	}
	if ended.code != 1 || !strings.Contains(shown, "error") && !strings.Contains(shown, "missing") { // the words of doctor
		t.Errorf("not a failure in words: %s", ended)
	}
	if i := strings.IndexAny(shown, "\x1b\r\a"); i >= 0 || strings.Contains(shown, "\u202e") {
		t.Errorf("a terminal would heed what the server says: %q", shown)
	}
	for _, word := range []string{"goroutine ", "the-users-token", "&{", "panic"} {
		if strings.Contains(shown, word) {
			t.Errorf("%q is shown: %s", word, ended)
		}
	}
	if ended.memory > memory {
		t.Errorf("it took %d MiB of memory, more than %d: %s", ended.memory>>20, memory>>20, ended)
	}
}

// fakeJob is a server with one job that runs, which is as far as an honest answer goes: log and watch are the attack.
func fakeJob(logs, watch http.HandlerFunc) http.Handler {
	const (
		job = `{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", "namespace": "default", "uid": "1", "resourceVersion": "1",
			"labels": {"apolo.us/job": "true"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
			"spec": {"template": {"spec": {"containers": [{"name": "job", "image": "busybox",
				"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "key", "key": "key"}}}]}]}}},
			"status": {"active": 1, "ready": 1, "startTime": "2026-01-01T00:00:00Z"}}`
		pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job-1", "namespace": "default", "uid": "2", "resourceVersion": "1",
			"labels": {"apolo.us/job": "true", "batch.kubernetes.io/controller-uid": "1", "job-name": "job"}, "creationTimestamp": "2026-01-01T00:00:00Z",
			"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "1", "controller": true}]},
			"spec": {"containers": [{"name": "job", "image": "busybox"}]},
			"status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z",
				"containerStatuses": [{"name": "job", "image": "busybox", "ready": true, "started": true, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}`
		secret = `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "default", "uid": "3", "labels": {"apolo.us/secret": "true"},
			"annotations": {"apolo.us/key": "key"}}, "data": {"key": "dGhlLXZhbHVlLW9mLXRoZS1rZXk="}}`
	)
	list := func(version, kind, item string) string {
		return fmt.Sprintf(`{"apiVersion": %q, "kind": %q, "metadata": {"resourceVersion": "1"}, "items": [%s]}`, version, kind, item)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(path, "/log"):
			w.Header().Set("Content-Type", "text/plain")
			logs(w, r)
		case r.URL.Query().Get("watch") != "":
			watch(w, r)
		case strings.HasSuffix(path, "/jobs"):
			_, _ = io.WriteString(w, list("batch/v1", "JobList", job))
		case strings.HasSuffix(path, "/pods"):
			_, _ = io.WriteString(w, list("v1", "PodList", pod))
		case strings.HasSuffix(path, "/events"):
			_, _ = io.WriteString(w, list("v1", "EventList", ""))
		case strings.Contains(path, "/jobs/"):
			_, _ = io.WriteString(w, job)
		case strings.Contains(path, "/pods/"):
			_, _ = io.WriteString(w, pod)
		case strings.Contains(path, "/secrets/"):
			_, _ = io.WriteString(w, secret)
		default:
			http.NotFound(w, r)
		}
	})
}

// TestHostileStreams: a log, or what happens to a job, continues as long as it likes, but not in memory.
func TestHostileStreams(t *testing.T) {
	long(t)
	const enough = 200 << 20 // bytes, after which the command is interrupted
	wait := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	// endless sends a block forever, and tells when it was enough.
	endless := func(before, block string, done chan struct{}) http.HandlerFunc {
		var sent atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, before)
			data := []byte(strings.Repeat(block, 1+(1<<15)/len(block)))
			for {
				if _, err := w.Write(data); err != nil || r.Context().Err() != nil {
					return
				}
				if all := sent.Add(int64(len(data))); all >= enough && all < enough+int64(len(data)) {
					close(done)
				}
			}
		}
	}
	const line = "2026-01-01T00:00:00.000000001Z "
	for name, attack := range map[string]struct {
		command     []string
		logs, watch func(done chan struct{}) http.HandlerFunc // nil: nothing comes
	}{
		"a line of a log without an end":        {command: []string{"logs", "-f", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line, "x", done) }},
		"a line without an end, not masked":     {command: []string{"logs", "-f", "--no-mask", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line, "x", done) }},
		"what could be the value forever":       {command: []string{"logs", "-f", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line, "the-value-of-the-ke", done) }},
		"base64 that could be the value":        {command: []string{"logs", "-f", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line, "dGhlLXZhbHVlLW9mLXRoZS1rZX", done) }},
		"line ends forever":                     {command: []string{"logs", "-f", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line+"the-val\n", line+"\n", done) }},
		"a log without times":                   {command: []string{"logs", "-f", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless("", "x", done) }},
		"timestamps, and a time without an end": {command: []string{"logs", "-f", "--timestamps", "job"}, logs: func(done chan struct{}) http.HandlerFunc { return endless(line+"the-val\n", "1", done) }},
		"bookmarks forever": {command: []string{"logs", "-f", "job"}, watch: func(done chan struct{}) http.HandlerFunc {
			return endless("", `{"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"resourceVersion": "2"}}}`+"\n", done)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			logs, watch := http.HandlerFunc(wait), http.HandlerFunc(wait)
			if attack.logs != nil {
				logs = attack.logs(done)
			}
			if attack.watch != nil {
				watch = attack.watch(done)
			}
			kubeconfig := hostileServer(t, true, fakeJob(logs, watch))
			ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(binaries(t), "kubectl-apolo_job"), attack.command...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+filepath.Dir(kubeconfig))
			var stderr strings.Builder
			cmd.Stderr = &stderr // the log itself goes to /dev/null
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
			case <-ctx.Done():
				t.Error("the command does not take what comes")
			}
			memory := residentPeak(cmd.Process.Pid)
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended
			_ = cmd.Wait()                       // the exit code says it
			if code := cmd.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
			if memory == 0 || memory > 200<<20 {
				t.Errorf("it took %d MiB of memory", memory>>20)
			}
		})
	}

	// Where the client library itself would take an event without an end, the command ends.
	t.Run("an event without an end", func(t *testing.T) {
		kubeconfig := hostileServer(t, true, fakeJob(wait, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"type": "`)
			data := []byte(strings.Repeat("x", 1<<16))
			for r.Context().Err() == nil {
				if _, err := w.Write(data); err != nil {
					return
				}
			}
		}))
		ended := runMeasured(t, kubeconfig, "kubectl-apolo_job", "logs", "-f", "job")
		checkRefusal(t, ended, 2*extremeMemory)
	})
}
