package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// injector is an admission webhook that adds containers to the pods of one namespace, as a service mesh does, and
// changes its Jobs, as a queue does.
type injector struct {
	mutex   sync.Mutex
	patches map[string][]string // JSON patches, by the name of the job
}

// inject has the pods of the named job changed by JSON patches: each pod by the next one, and all others by the
// last. With job/NAME it is the Job itself that is changed. "refuse: REASON" refuses instead, and "fail" is a webhook
// that does not work.
func (i *injector) inject(job string, patches ...string) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.patches[job] = patches
}

// next is the patch for a new pod of a job.
func (i *injector) next(job string) string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	left := i.patches[job]
	if len(left) == 0 {
		return ""
	}
	if len(left) > 1 {
		i.patches[job] = left[1:]
	}
	return left[0]
}

// ServeHTTP answers an AdmissionReview.
func (i *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Request    struct {
			UID    string `json:"uid"`
			Kind   struct{ Kind string }
			Object struct {
				Metadata struct {
					Name   string
					Labels map[string]string
				}
			}
		} `json:"request"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	job := review.Request.Object.Metadata.Labels["batch.kubernetes.io/job-name"]
	if review.Request.Kind.Kind == "Job" {
		job = "job/" + review.Request.Object.Metadata.Name
	}
	response := map[string]any{"uid": review.Request.UID, "allowed": true}
	patch := i.next(job)
	reason, refused := strings.CutPrefix(patch, "refuse: ")
	switch {
	case patch == "fail":
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	case refused:
		response["allowed"], response["status"] = false, map[string]any{"message": reason}
	case patch != "":
		response["patchType"], response["patch"] = "JSONPatch", base64.StdEncoding.EncodeToString([]byte(patch))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": review.APIVersion, "kind": review.Kind, "response": response})
}

// newInjector registers an injector for a namespace, for as long as the test runs.
func (c *cluster) newInjector(t testing.TB, namespace string) *injector {
	t.Helper()
	i := &injector{patches: map[string][]string{}}
	server := httptest.NewUnstartedServer(i)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS() // its certificate is its own authority's
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	manifest := fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: injector.e2e.apolo.us
  clientConfig: {url: %[2]q, caBundle: %[3]s}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  - {apiGroups: [batch], apiVersions: [v1], operations: [CREATE], resources: [jobs]}
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 30
`, namespace, server.URL, base64.StdEncoding.EncodeToString(authority))
	file := filepath.Join(t.TempDir(), "webhook.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "admin", "apply", "-f", file)
	t.Cleanup(func() {
		c.kubectl(t, "admin", "delete", "mutatingwebhookconfiguration", namespace, "--ignore-not-found")
	})
	// API servers learn of a webhook in a moment.
	i.inject("job/probe", `[{"op":"add","path":"/metadata/labels","value":{"seen":"true"}}]`)
	eventually(t, "the API server calls the webhook", func() bool {
		out, err := c.tryKubectl("admin", "-n", namespace, "create", "job", "probe", "--image=busybox:1", "--dry-run=server", "-o", "jsonpath={.metadata.labels.seen}")
		return err == nil && strings.TrimSpace(out) == "true"
	})
	return i
}

// sidecar is a container in JSON that runs a script with the busybox's shell.
func sidecar(name, script string) string {
	return fmt.Sprintf(`{"name":%q,"image":"busybox:1","imagePullPolicy":"IfNotPresent","command":["sh","-c",%q]}`, name, script)
}

// until is a script that runs until it is told to end, and then does so with a code.
func until(code int) string {
	return fmt.Sprintf("trap 'exit %d' TERM; echo sidecar ready; sleep 100000 & wait", code)
}

// Where a patch puts a container.
func first(container string) string {
	return `[{"op":"add","path":"/spec/containers/0","value":` + container + `}]`
}

func last(container string) string {
	return `[{"op":"add","path":"/spec/containers/-","value":` + container + `}]`
}

func asInit(container string) string {
	return `[{"op":"add","path":"/spec/initContainers","value":[` + container + `]}]`
}

// native makes a native sidecar of a container.
func native(container string) string {
	return asInit(strings.TrimSuffix(container, "}") + `,"restartPolicy":"Always"}`)
}

// missing is a container whose image nobody has.
func missing(name string) string {
	return fmt.Sprintf(`{"name":%q,"image":"127.0.0.1:1/missing:1"}`, name)
}

// TestInjectedContainers runs jobs into whose pods a webhook puts its own containers: the answers of all commands
// are about the whole pod, and the exit code is the command's.
func TestInjectedContainers(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	webhook := c.newInjector(t, namespace)
	if got := runDirect(t, kubeconfig, "kubectl-apolo_secret", "add", "token", "hidden-value"); got.code != 0 {
		t.Fatal(got)
	}
	const outlives = "finishing: the command has ended with exit code %d, but the sidecar mesh still runs"
	for name, test := range map[string]struct {
		patch  string
		flags  string // of run
		script string // of the job
		code   int
		stdout string
		stderr string // a part of it
		status string // the line Status of job status afterwards; empty: the job is gone
		detail string // another line of it
		absent string // not on standard error
	}{
		"native":               {patch: native(sidecar("mesh", until(0))), script: "echo out", stdout: "out\n", status: "succeeded", detail: "mesh *sidecar, succeeded", absent: "mesh"},
		"native-fails-at-end":  {patch: native(sidecar("mesh", until(7))), script: "echo out", stdout: "out\n", status: "succeeded", absent: "mesh"},
		"native-command-fails": {patch: native(sidecar("mesh", until(0))), script: "echo out; exit 3", code: 3, stdout: "out\n", status: "failed", detail: "Exit code: *3"},
		"first-ends":           {patch: first(sidecar("mesh", "echo ready")), script: "sleep 1; echo out", stdout: "out\n", status: "succeeded", absent: "mesh"},
		"last-ends":            {patch: last(sidecar("mesh", "echo ready")), script: "sleep 1; echo out; exit 4", code: 4, stdout: "out\n", status: "failed", detail: "Exit code: *4"},
		"first-outlives":       {patch: first(sidecar("mesh", until(0))), script: "echo out", stdout: "out\n", stderr: fmt.Sprintf(outlives, 0), status: "succeeded", detail: "Exit code: *0"},
		"last-outlives":        {patch: last(sidecar("mesh", until(9))), script: "echo out", stdout: "out\n", stderr: fmt.Sprintf(outlives, 0), status: "succeeded", detail: "mesh *sidecar, failed: exit code 9"},
		"outlives-failure":     {patch: first(sidecar("mesh", until(0))), script: "echo out; exit 5", code: 5, stdout: "out\n", stderr: fmt.Sprintf(outlives, 5), status: "failed", detail: "Exit code: *5"},
		"outlives-rm":          {patch: last(sidecar("mesh", until(0))), flags: "--rm", script: "echo out; exit 6", code: 6, stdout: "out\n", stderr: fmt.Sprintf(outlives, 6)},
		"outlives-retried": {patch: last(sidecar("mesh", until(0))), flags: "--restart on-failure", script: "echo out", stdout: "out\n",
			stderr: fmt.Sprintf(outlives, 0), status: "succeeded"},
		"fails": {patch: first(sidecar("mesh", "echo no route hidden-value >&2; exit 8")), flags: "--env TOKEN=secret:token", script: "sleep 2; echo out", code: 1, stdout: "out\n",
			stderr: "the log of the container mesh ends with:\n  no route ***\n", status: "failed: the sidecar mesh failed: exit code 8", detail: "  no route"},
		"fails-too":  {patch: last(sidecar("mesh", "exit 8")), script: "sleep 2; exit 2", code: 2, status: "failed"},
		"not-pulled": {patch: last(missing("mesh")), script: "echo out", stdout: "out\n", stderr: "but the image of the sidecar mesh can't be pulled: ", status: "succeeded"},
		"init-ends":  {patch: asInit(sidecar("prepare", "echo prepared")), script: "echo out", stdout: "out\n", status: "succeeded", detail: "prepare *init container, succeeded"},
		"init-fails": {patch: asInit(sidecar("prepare", "echo no vault; exit 9")), script: "echo out", code: 1,
			stderr: "the log of the container prepare ends with:\n  no vault\n", status: "failed: the init container prepare failed: exit code 9", detail: "  no vault"},
		"init-hangs": {patch: asInit(sidecar("prepare", "echo waiting for vault; "+until(0))), flags: "--schedule-timeout 15s", script: "echo out", code: 1,
			stderr: "did not start within 15s: pending: the init container prepare has not ended yet; it was removed"},
		"init-not-pulled":   {patch: asInit(missing("prepare")), script: "echo out", code: 1, stderr: "can't start: the image of the init container prepare can't be pulled: "},
		"native-not-pulled": {patch: native(missing("mesh")), script: "echo out", code: 1, stderr: "can't start: the image of the sidecar mesh can't be pulled: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			webhook.inject(name, test.patch)
			command := append([]string{"kubectl-apolo_run", "--name", name}, strings.Fields(test.flags)...)
			got := runDirect(t, kubeconfig, append(command, "busybox:1", "--", "sh", "-c", test.script)...)
			if got.code != test.code || got.stdout != test.stdout || !strings.Contains(got.stderr, test.stderr) ||
				test.absent != "" && strings.Contains(got.stderr, test.absent) {
				t.Errorf("run: %s", got)
			}
			if strings.Contains(got.stderr, "hidden-value") {
				t.Errorf("run shows a value: %s", got)
			}
			status := runDirect(t, kubeconfig, "kubectl-apolo_job", "status", name)
			if test.status == "" {
				if status.code != 1 || !strings.Contains(status.stderr, "there is no job") {
					t.Errorf("status: %s", status)
				}
				return
			}
			if !regexp.MustCompile(`(?m)^Status: *`+test.status+`$`).MatchString(status.stdout) ||
				!regexp.MustCompile(test.detail).MatchString(status.stdout) || strings.Contains(status.stdout, "hidden-value") {
				t.Errorf("status: %s", status)
			}
			word, _, _ := strings.Cut(test.status, ":")
			listed := runDirect(t, kubeconfig, "kubectl-apolo_job", "ls", "--all", "-o", fmt.Sprintf("jsonpath={.items[?(@.name==%q)].status}", name))
			if strings.TrimSpace(listed.stdout) != word {
				t.Errorf("ls: %s", listed)
			}
			if logs := runDirect(t, kubeconfig, "kubectl-apolo_job", "logs", name); test.stdout != "" && (logs.code != 0 || logs.stdout != test.stdout) {
				t.Errorf("logs: %s", logs)
			}
		})
	}
}

// TestSidecarThatMayNotBeEnded runs a job as somebody who can make jobs and read pods, but change neither: run ends
// with the command, and says that the job runs on.
func TestSidecarThatMayNotBeEnded(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, _ := c.namespace(t, "alice")
	webhook := c.newInjector(t, namespace)
	webhook.inject("left", last(sidecar("mesh", until(0))))
	c.kubectl(t, "admin", "-n", namespace, "create", "role", "starter", "--verb=create,get,list,watch", "--resource=jobs.batch")
	c.kubectl(t, "admin", "-n", namespace, "create", "role", "reader", "--verb=get,list,watch", "--resource=pods,pods/log,events")
	for _, role := range []string{"starter", "reader"} {
		c.kubectl(t, "admin", "-n", namespace, "create", "rolebinding", role, "--role="+role, "--user=carol")
	}
	eventually(t, "carol may list pods", func() bool {
		_, err := c.tryKubectl("carol", "-n", namespace, "get", "pods")
		return err == nil
	})
	got := runDirect(t, c.kubeconfig("carol"), "kubectl-apolo_run", "-n", namespace, "--name", "left", "busybox:1", "--", "sh", "-c", "echo out; exit 4")
	if got.code != 4 || got.stdout != "out\n" || !strings.Contains(got.stderr, "its other containers can't be ended: ") ||
		!strings.Contains(got.stderr, "; the job runs on, remove it with: kubectl delete job left -n "+namespace) {
		t.Errorf("run: %s", got)
	}
}

// podOfAttempt is a sidecar in a pod whose command knows as $ATTEMPT which attempt it is.
func podOfAttempt(number int, sidecar string) string {
	return fmt.Sprintf(`[{"op":"add","path":"/spec/containers/0/env","value":[{"name":"ATTEMPT","value":"%d"}]},
		{"op":"add","path":"/spec/containers/-","value":%s}]`, number, sidecar)
}

// TestAttemptsWithSidecars runs jobs of several attempts: a sidecar that outlives a failed one does not keep the next
// from coming, and restarts of a sidecar are no attempts.
func TestAttemptsWithSidecars(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	webhook := c.newInjector(t, namespace)
	for name, test := range map[string]struct {
		patches  []string
		flags    []string
		script   string
		code     int
		stdout   string
		attempts string // of job status
	}{
		"outlives": {[]string{podOfAttempt(1, sidecar("mesh", until(0))), podOfAttempt(2, sidecar("mesh", until(1)))}, []string{"--restart", "on-failure"},
			"echo $ATTEMPT; test $ATTEMPT = 2", 0, "1\n2\n", "Attempts: *2"},
		"sidecar-fails": {[]string{podOfAttempt(1, sidecar("mesh", "exit 3")), podOfAttempt(2, sidecar("mesh", "exit 0"))}, []string{"--restart", "on-failure"},
			"sleep 2; echo $ATTEMPT", 0, "1\n2\n", "Attempts: *2"},
		"sidecar-restarts": {[]string{native(sidecar("mesh", "sleep 1; exit 3"))}, nil, "sleep 6; echo out", 0, "out\n", "mesh *sidecar, .*restarted [1-9]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			webhook.inject(name, test.patches...)
			command := append(append([]string{"kubectl-apolo_run", "--name", name}, test.flags...), "busybox:1", "--", "sh", "-c", test.script)
			if got := runDirect(t, kubeconfig, command...); got.code != test.code || got.stdout != test.stdout {
				t.Errorf("run: %s", got)
			}
			status := runDirect(t, kubeconfig, "kubectl-apolo_job", "status", name)
			generated := runDirect(t, kubeconfig, "kubectl-apolo_job", "generate-run-command", name)
			if generated.code != 0 || strings.Contains(generated.stdout, "on-failure") != (len(test.flags) > 0) {
				t.Errorf("generate-run-command: %s", generated)
			}
			if !regexp.MustCompile(`(?m)^Status: *succeeded$`).MatchString(status.stdout) || !regexp.MustCompile(test.attempts).MatchString(status.stdout) {
				t.Errorf("status: %s", status)
			}
		})
	}
}

// TestDetachedJobWithSidecar leaves a job whose sidecar outlives the command to itself: nobody ends it, and all
// commands say so.
func TestDetachedJobWithSidecar(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	webhook := c.newInjector(t, namespace)
	webhook.inject("left", last(sidecar("mesh", until(0))))
	for _, command := range [][]string{
		{"kubectl-apolo_secret", "add", "token", "value"},
		{"kubectl-apolo_run", "-q", "--detach", "--wait-start", "--name", "left", "--env", "T=secret:token", "busybox:1", "--", "sh", "-c", "echo out; exit 4"},
	} {
		if got := runDirect(t, kubeconfig, command...); got.code != 0 {
			t.Fatal(got)
		}
	}
	eventually(t, "ps names the sidecar", func() bool {
		got := runDirect(t, kubeconfig, "kubectl-apolo_job", "ls", "--format", "name,status")
		return got.code == 0 && regexp.MustCompile(`(?m)^ +left +running \(sidecar mesh\)$`).MatchString(got.stdout)
	})
	const says = "the command has ended with exit code 4, but the sidecar mesh still runs"
	for _, test := range []struct {
		command []string
		code    int
		stdout  string
		stderr  string
	}{
		{[]string{"kubectl-apolo_job", "logs", "left"}, 0, "^out\n$", "^$"},
		{[]string{"kubectl-apolo_job", "logs", "-f", "left"}, 0, "^out\n$", says + "; until that ends, the job counts as running"},
		{[]string{"kubectl-apolo_job", "attach", "left"}, 4, "^out\n$", says},
		{[]string{"kubectl-apolo_job", "exec", "left", "--", "true"}, 1, "^$", "does not run"},
		{[]string{"kubectl-apolo_job", "status", "left"}, 0, `(?m)^Status: +running, finishing: ` + says + `$`, "^$"},
		{[]string{"kubectl-apolo_job", "ls", "-o", "json"}, 0, `"reason": "SidecarRunning"`, "^$"},
		{[]string{"kubectl-apolo_secret", "rm", "--if-unused", "token"}, 1, "^$", "left"},
	} {
		got := runDirect(t, kubeconfig, test.command...)
		if got.code != test.code || !regexp.MustCompile(test.stdout).MatchString(got.stdout) || !regexp.MustCompile(test.stderr).MatchString(got.stderr) {
			t.Errorf("%s: %s", test.command, got)
		}
	}
	if active := c.kubectl(t, "admin", "-n", namespace, "get", "job", "left", "-o", "jsonpath={.status.active}"); active != "1" {
		t.Errorf("the job has %q active pods: a command that looks at it has ended it", active)
	}
}

// TestSuspendedFromOutside has jobs suspended by a queue and by a person: run says who it was and waits, and never
// resumes them.
func TestSuspendedFromOutside(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	other, otherKubeconfig := c.namespace(t, "alice")
	if got := runDirect(t, otherKubeconfig, "kubectl-apolo_secret", "add", "shared", "value"); got.code != 0 {
		t.Fatal(got)
	}
	webhook := c.newInjector(t, namespace)
	const suspend = `{"op":"add","path":"/spec/suspend","value":true}`
	const queue = `{"op":"add","path":"/metadata/labels/kueue.x-k8s.io~1queue-name","value":"night"}`
	for name, test := range map[string]struct {
		patch  string // of the Job
		flags  []string
		person bool // suspends the job when it runs
		script string
		stdout string
		by     string
	}{
		"webhook": {patch: "[" + suspend + "]", script: "echo out", stdout: "out\n", by: "an admission webhook of the cluster"},
		"queue":   {patch: "[" + suspend + "," + queue + "]", script: "echo out", stdout: "out\n", by: "the queue night"},
		"copies":  {patch: "[" + queue + "]", flags: []string{"--env", "S=secret:/" + other + "/shared"}, script: "echo out", stdout: "out\n", by: "the queue night"},
		"person": {person: true, script: `echo $ATTEMPT; if [ $ATTEMPT = 1 ]; then trap "exit 1" TERM; sleep 100000 & wait; fi`, stdout: "1\n2\n",
			by: "kubectl-patch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.patch != "" {
				webhook.inject("job/"+name, test.patch)
			}
			webhook.inject(name, podOfAttempt(1, sidecar("mesh", "true")), podOfAttempt(2, sidecar("mesh", "true")))
			command := append(append([]string{"kubectl-apolo_run", "--name", name}, test.flags...), "busybox:1", "--", "sh", "-c", test.script)
			_, end := start(t, kubeconfig, command)
			if test.person {
				eventually(t, "the job runs", func() bool {
					got := runDirect(t, kubeconfig, "kubectl-apolo_job", "logs", name)
					return got.stdout == "1\n"
				})
				c.kubectl(t, "alice", "-n", namespace, "patch", "job", name, "--type=merge", "-p", `{"spec":{"suspend":true}}`)
			}
			eventually(t, "status says who has suspended it", func() bool {
				status := runDirect(t, kubeconfig, "kubectl-apolo_job", "status", name)
				return regexp.MustCompile(`(?m)^Status: +suspended by ` + test.by + `; it waits until it is resumed there$`).MatchString(status.stdout)
			})
			listed := runDirect(t, kubeconfig, "kubectl-apolo_job", "ls", "--status", "suspended", "--name", name, "-q")
			if listed.stdout != name+"\n" {
				t.Errorf("ls: %s", listed)
			}
			if left := c.kubectl(t, "alice", "-n", namespace, "get", "job", name, "-o", `jsonpath={.spec.suspend} {.metadata.annotations.apolo\.us/preparing}`); left != "true " {
				t.Errorf("the job has %q", left)
			}
			c.kubectl(t, "alice", "-n", namespace, "patch", "job", name, "--type=merge", "-p", `{"spec":{"suspend":false}}`)
			if got := end(); got.code != 0 || got.stdout != test.stdout || !strings.Contains(got.stderr, "job/"+name+" suspended by "+test.by) {
				t.Errorf("run: %s", got)
			}
		})
	}
}
