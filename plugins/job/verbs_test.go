package job

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

func verbs() verbtest.Plugin {
	return verbtest.Plugin{Name: "job", Build: New, Stored: func(s *kubetest.Server) []string {
		name := func(map[string]any) string { return "" }
		subjects := func(content map[string]any) string {
			var names []string
			subjects, _ := content["subjects"].([]any)
			for _, subject := range subjects {
				names = append(names, fmt.Sprint(subject.(map[string]any)["name"]))
			}
			return strings.Join(names, " ")
		}
		return verbtest.Stored(s, map[string]func(map[string]any) string{
			"jobs": func(content map[string]any) string {
				return fmt.Sprint("life=", content["spec"].(map[string]any)["activeDeadlineSeconds"])
			},
			"pods": name, "secrets": name, "roles": name, "rolebindings": subjects,
		})
	}}
}

// made is when all jobs of these tests were made.
var made = metav1.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// newJob is a job that was made with run, changed as a test needs it. Its UID begins with its name.
func newJob(name string, changes ...func(*batchv1.Job)) *batchv1.Job {
	spec := jobspec.New()
	spec.Name, spec.Image, spec.Args, spec.Tags = name, "busybox:1", []string{"sh", "-c", "echo hi"}, []string{"of-" + name}
	spec.Variables = []jobspec.Variable{{Name: "KEY", Secret: &uri.Secret{Key: "key"}}}
	spec.LifeSpan = time.Hour
	manifest, err := jobspec.Build(&spec, "c", "default")
	if err != nil {
		panic(err)
	}
	job := manifest.Job
	job.Namespace, job.UID, job.CreationTimestamp = "default", types.UID(name+"-uid"), made
	for _, change := range changes {
		change(job)
	}
	return job
}

func started(job *batchv1.Job) { job.Status.StartTime = &made }

func ended(kind batchv1.JobConditionType) func(*batchv1.Job) {
	return func(job *batchv1.Job) {
		started(job)
		if kind == batchv1.JobComplete {
			job.Status.CompletionTime = ptr.To(metav1.NewTime(made.Add(time.Minute)))
		}
		job.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(made.Add(time.Minute))}}
	}
}

func heldJob(job *batchv1.Job) { job.Finalizers = []string{"example.com/hold"} }

// podOf is the pod of a job, in a state of its container.
func podOf(job *batchv1.Job, phase corev1.PodPhase, state corev1.ContainerState) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name + "-pod", UID: job.UID + "-pod", CreationTimestamp: made,
			Labels:          map[string]string{wellknown.LabelJob: wellknown.LabelTrue, batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: ptr.To(true)}}},
		Spec:   job.Spec.Template.Spec,
		Status: corev1.PodStatus{Phase: phase, StartTime: &made, ContainerStatuses: []corev1.ContainerStatus{{Name: jobspec.ContainerName, State: state}}},
	}
}

// runningJob is a job with a pod that runs.
func runningJob(name string, changes ...func(*batchv1.Job)) []runtime.Object {
	job := newJob(name, append([]func(*batchv1.Job){started}, changes...)...)
	return []runtime.Object{job, podOf(job, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: made}})}
}

// endedJob is a job whose command has ended with an exit code.
func endedJob(name string, code int32) []runtime.Object {
	kind, phase := batchv1.JobComplete, corev1.PodSucceeded
	if code != 0 {
		kind, phase = batchv1.JobFailed, corev1.PodFailed
	}
	job := newJob(name, ended(kind))
	return []runtime.Object{job, podOf(job, phase, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, StartedAt: made, FinishedAt: metav1.NewTime(made.Add(time.Minute)),
	}})}
}

// orphan is the pod of a job that is gone, as kubectl delete --cascade=orphan leaves it.
func orphan(name string) []runtime.Object {
	pod := runningJob(name)[1].(*corev1.Pod)
	pod.OwnerReferences = nil
	return []runtime.Object{pod}
}

// foreignJob is a Job of another tool.
func foreignJob() runtime.Object { return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}} }

func forbid(verb, resource string) func(*kubetest.Server) {
	return func(s *kubetest.Server) { s.Forbid(verb, resource) }
}

func concat(all ...[]runtime.Object) (objects []runtime.Object) {
	for _, some := range all {
		objects = append(objects, some...)
	}
	return objects
}

const (
	noJob     = `error: there is no job "none" in namespace default; 'apolo job ls -a' lists all that there are`
	theirsJob = "error: the Job theirs in namespace default is another tool's; look at it with: kubectl describe job theirs -n default"
)

func TestWrongUsage(t *testing.T) {
	verbs().RunWrong(t, map[string]string{
		"nothing":                         `unknown command "nothing"`,
		"run x":                           "there is no command run: use kubectl apolo run",
		"save x":                          "there is no command save: Kubernetes can't make an image of a container; build one, or keep results on a disk",
		"ls x":                            "ls takes no arguments; choose jobs with --name, --status and --tag, a namespace with -n",
		"ls --status x":                   `invalid --status "x": must be one of pending, suspended, running, succeeded, failed, cancelled, orphaned`,
		"ls --format id,x":                `--format: there is no column "x", only id, uid, namespace, name, status, reason, when, created, started, finished, image, command, owner, tags, description, preset, secrets`,
		"ls --since x":                    `--since "x" is neither a time such as 2026-01-31 or 2026-01-31T12:00:00Z, nor how long ago, such as 1d12h`,
		"ls --until x":                    `--until "x" is neither a time such as 2026-01-31 or 2026-01-31T12:00:00Z, nor how long ago, such as 1d12h`,
		"ls -w -o json":                   "--watch prints a table or names, not -o json",
		"ls -o alice":                     `invalid output format "alice": must be one of wide, name, json, yaml, go-template, go-template-file, jsonpath, jsonpath-file, custom-columns, custom-columns-file; for the jobs of a user, use --owner USER`,
		"ls --recent-first --recent-last": "--recent-first and --recent-last exclude each other",
		"status":                          "accepts 1 arg (JOB), received 0",
		"status a b":                      "accepts 1 arg (JOB), received 2",
		"status Name":                     `"Name" can't be the name of a job`,
		"status job:/x":                   `"job:/x" is not complete: it must be job:/NAMESPACE/NAME`,
		"logs":                            "accepts 1 arg (JOB), received 0",
		"logs j --since x":                `--since "x" is neither a time such as 2026-01-31 or 2026-01-31T12:00:00Z, nor how long ago, such as 1d12h`,
		"exec":                            "exec needs the NAME of a job",
		"exec j":                          `exec needs a command, after "--"`,
		"exec j k -- true":                `exec works on one job, and the command comes after "--"`,
		"exec j -t -T -- true":            "-t and -T exclude each other",
		"exec j -t -- true":               "-t needs a terminal as standard input and output",
		"attach":                          "accepts 1 arg (JOB), received 0",
		"attach j --port-forward x":       `ports "x": "x" is not a port, a number up to 65535; they are LOCAL:REMOTE, such as 8080:80`,
		"port-forward":                    `accepts at least 1 arg (JOB [LOCAL:REMOTE...]), received 0`,
		"port-forward j 70000:1":          `ports "70000:1": "70000" is not a port, a number up to 65535; they are LOCAL:REMOTE, such as 8080:80`,
		"browse":                          `accepts 1 arg (JOB), received 0`,
		"kill":                            "kill needs at least one JOB, or --tag",
		"kill j --tag t":                  "kill takes JOBs or --tag, not both",
		"kill j --timeout 1s":             "--timeout is for --wait",
		"kill UPPER":                      `"UPPER" can't be the name of a job`,
		"share j":                         "accepts at least 2 args (JOB USER...), received 1",
		"share j sa:x":                    `"sa:x" is not a service account: it must be sa:NAMESPACE:NAME`,
		"unshare j":                       "accepts at least 2 args (JOB USER...), received 1",
		"top job:/team/j":                 "top shows one namespace: choose it with -n, and name the job j",
		"bump-life-span j":                "accepts 2 args (JOB TIME), received 1",
		"bump-life-span j soon":           `"soon" is not a time: write something like 1d2h3m4s, 90m or 0`,
		"bump-life-span j 0s":             `0s is less than a second`,
		"generate-run-command":            "accepts 1 arg (JOB), received 0",
		"generate-run-command a b":        "accepts 1 arg (JOB), received 2",
	})
}

func TestLsVerb(t *testing.T) {
	all := concat(runningJob("run"), endedJob("done", 0), endedJob("bad", 3), []runtime.Object{newJob("wait"), newJob("other", func(job *batchv1.Job) { job.Namespace = "team" }), foreignJob()})
	verbs().Run(t, []verbtest.Case{
		{Command: "ls", Objects: all, Table: []string{
			"ID NAME STATUS WHEN IMAGE COMMAND",
			"run run running 2026-01-31T12:00:00Z busybox:1 sh -c 'echo hi'",
			"wait wait pending 2026-01-31T12:00:00Z busybox:1 sh -c 'echo hi'",
		}},
		{Command: "ls -q", Objects: all, Stdout: "run\nwait"},
		{Command: "ps -q -a", Objects: all, Stdout: "bad\ndone\nrun\nwait"},
		{Command: "ls -q -a --recent-first", Objects: all, Stdout: "wait\nrun\ndone\nbad"},
		{Command: "ls -q --status failed --status pending", Objects: all, Stdout: "bad\nwait"},
		{Command: "ls -q -a --name do --name ru", Objects: all, Stdout: "done\nrun"},
		{Command: "ls -q -a --tag of-bad", Objects: all, Stdout: "bad"},
		{Command: "ls -q -a --tag of-bad --tag of-run", Objects: all},
		{Command: "ls -q -a --since 2026-02-01", Objects: all},
		{Command: "ls -q -a --until 2026-02-01", Objects: all, Stdout: "bad\ndone\nrun\nwait"},
		{Command: "ls -q -A", Objects: all, Stdout: "job:/default/run\njob:/default/wait\njob:/team/other"},
		{Command: "ls -o name", Objects: all, Stdout: "job/run\njob/wait"},
		{Command: "ls -a --format name,status,finished,tags", Objects: all, Table: []string{
			"NAME STATUS FINISHED TAGS",
			"bad failed 2026-01-31T12:01:00Z of-bad", "done succeeded 2026-01-31T12:01:00Z of-done", "run running of-run", "wait pending of-wait",
		}},
		{Command: "ls -a -o jsonpath='{.items[*].exitCode}'", Objects: all, Stdout: "0"},
		{Name: "orphaned", Command: "ls -q --status orphaned", Objects: orphan("run"), Stdout: "run"},
		{Name: "may not list pods", Command: "ls -q", Objects: all, Server: forbid("list", "pods"), Stdout: "run\nwait"},
		{Name: "may not list jobs", Command: "ls", Server: forbid("list", "jobs"), Code: 1,
			Stderr: `error: forbidden: you lack permission to list jobs in namespace "default"; ask an administrator for that right`},
		{Command: "ls -n none", Code: 1, Stderr: `error: namespace "none" does not exist; -n is the namespace, and the name of a job is --name none`},
	})
}

func TestStatusVerb(t *testing.T) {
	verbs().Run(t, []verbtest.Case{
		{Command: "status run", Objects: runningJob("run"), Has: []string{"Status:     running\n", "Command:    sh -c 'echo hi'\n", "Secrets:", "Pod:        run-pod\n", "Life span:  1h, until 2026-01-31T13:00:00Z\n"}},
		{Command: "status job:/default/bad", Objects: endedJob("bad", 3), Has: []string{"Status:     failed", "Exit code:  3\n"}},
		{Command: "status run -o name", Objects: runningJob("run"), Stdout: "job/run"},
		{Command: "status run -o jsonpath='{.kind} {.metadata.name}'", Objects: runningJob("run"), Stdout: "Job run"},
		{Name: "events", Command: "status run", Objects: append(runningJob("run"), &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", CreationTimestamp: made},
			InvolvedObject: corev1.ObjectReference{UID: "run-uid-pod"}, Reason: "Pulled", Message: "the image is there", LastTimestamp: made}),
			Has: []string{"2026-01-31T12:00:00Z  Pulled: the image is there\n"}},
		{Command: "status none", Code: 1, Stderr: noJob},
		{Command: "status theirs", Objects: []runtime.Object{foreignJob()}, Code: 1, Stderr: theirsJob},
		{Name: "forbidden", Command: "status run", Server: forbid("get", "jobs"), Code: 1,
			Stderr: `error: job run: forbidden: you lack permission to get jobs "run" in namespace "default"; ask an administrator for that right`},
	})
}

func TestLogsVerb(t *testing.T) {
	log := func(text string) func(*kubetest.Server) {
		return func(s *kubetest.Server) { s.SetLog("default", "done-pod", text) }
	}
	key := secrets.Manifest("default", "key", []byte("hunter2-value"))
	done := append(endedJob("done", 0), key)
	verbs().Run(t, []verbtest.Case{
		{Command: "logs done", Objects: done, Server: log("one\nthe hunter2-value\n"), Stdout: "one\nthe ***"},
		{Command: "logs done --no-mask", Objects: done, Server: log("the hunter2-value\n"), Stdout: "the hunter2-value"},
		{Command: "logs -f done", Objects: done, Server: log("one\n"), Stdout: "one"},
		{Command: "logs done --timestamps", Objects: done, Server: log("one\n"), Stdout: "2026-01-31T12:00:00Z one"},
		{Name: "not started", Command: "logs wait", Objects: []runtime.Object{newJob("wait"), key}, Code: 1, Stderr: "error: job wait has not started; -f waits for it"},
		{Name: "may not read the secret", Command: "logs done", Objects: done, Server: func(s *kubetest.Server) { log("one\n")(s); s.Forbid("get", "secrets") }, Stdout: "one",
			Stderr: "warning: values of secrets that you can't read, or that are gone, are not hidden in this log"},
		{Command: "logs none", Code: 1, Stderr: noJob},
	})
}

func TestKillVerb(t *testing.T) {
	run := runningJob("run")
	verbs().Run(t, []verbtest.Case{
		{Command: "kill run", Objects: run, Stdout: "job/run deleted", Stored: []string{}, Requests: []string{"GET default/jobs/run", "DELETE default/jobs/run", "GET default/pods"}},
		{Name: "by its ID", Command: "kill 0123abcd", Objects: []runtime.Object{newJob("run", func(job *batchv1.Job) { job.UID = "0123abcd-0000-4000-8000-000000000000" })},
			Stdout: "job/run deleted", Stored: []string{}},
		{Command: "rm run -q", Objects: concat(run, []runtime.Object{newJob("wait")}), Stored: []string{"jobs default/wait life=3600"}},
		{Name: "one is missing", Command: "kill none run", Objects: run, Code: 1, Stdout: "job/run deleted", Stderr: noJob, Stored: []string{}},
		{Command: "kill none --ignore-not-found"},
		{Command: "kill --tag of-run", Objects: concat(run, []runtime.Object{newJob("wait")}), Stdout: "job/run deleted", Stored: []string{"jobs default/wait life=3600"}},
		{Name: "ended", Command: "kill --tag of-done", Objects: endedJob("done", 0)},
		{Command: "kill theirs", Objects: []runtime.Object{foreignJob()}, Code: 1, Stderr: theirsJob},
		{Name: "held", Command: "kill run", Objects: runningJob("run", heldJob), Code: 1, Stored: []string{"jobs default/run life=3600 (being deleted)"},
			Stderr: "error: job run is being deleted; held by finalizer example.com/hold; its pods are ended; --wait waits for that"},
		{Name: "held", Command: "kill run --wait --timeout 10ms", Objects: runningJob("run", heldJob), Code: 1, Stored: []string{"jobs default/run life=3600 (being deleted)"},
			Stderr: "error: job run is being deleted; held by finalizer example.com/hold; its pods are ended; waited 10ms"},
		{Command: "kill run --wait", Objects: run, Stdout: "job/run deleted", Stored: []string{}},
		{Name: "left of a job that is gone", Command: "kill run", Objects: orphan("run"), Stdout: "pod run-pod deleted, which was left of job/run", Stored: []string{}},
		{Name: "forbidden", Command: "kill run", Objects: run, Server: forbid("delete", "jobs"), Code: 1,
			Stderr: `error: job run: forbidden: you lack permission to delete jobs "run" in namespace "default"; ask an administrator for that right`},
	})
}

func TestShareVerbs(t *testing.T) {
	run := runningJob("run")
	shared := func(who ...string) []runtime.Object {
		meta := metav1.ObjectMeta{Name: "apolo:job:run:run-uid", Labels: map[string]string{wellknown.LabelShare: wellknown.LabelTrue}}
		binding := &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}}
		for _, name := range who {
			binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: name})
		}
		return []runtime.Object{&rbacv1.Role{ObjectMeta: meta}, binding}
	}
	with := func(pod bool, subjects string) []string {
		lines := []string{"jobs default/run life=3600", "roles default/apolo:job:run:run-uid", "rolebindings default/apolo:job:run:run-uid " + subjects}
		if pod {
			lines = append(lines, "pods default/run-pod")
		}
		return lines
	}
	verbs().Run(t, []verbtest.Case{
		{Command: "share run bob group:team", Objects: run, Stdout: "job/run shared with bob, group:team", Stored: with(true, "bob team")},
		{Name: "again", Command: "share run bob", Objects: concat(run, shared("bob")), Stdout: "job/run unchanged (shared with bob already)"},
		{Name: "no pod", Command: "share run bob", Objects: run[:1], Stdout: "job/run shared with bob", Stored: with(false, "bob"),
			Stderr: "warning: job/run has no pod yet: they can see and end the job, but not see its log; share it again once it runs"},
		{Command: "share none bob", Code: 1, Stderr: noJob},
		{Command: "unshare run bob", Objects: concat(run, shared("bob", "carol")), Stdout: "job/run no longer shared with bob", Stored: with(true, "carol")},
		{Name: "not shared", Command: "unshare run bob", Objects: run, Code: 1, Stderr: "error: job run is not shared with bob"},
		{Name: "forbidden", Command: "share run bob", Objects: run, Server: forbid("create", "roles"), Code: 1,
			Stderr: `error: the job run can't be shared: forbidden: you lack permission to create roles in namespace "default"; ask an administrator for that right`},
	})
}

func TestBumpVerb(t *testing.T) {
	verbs().Run(t, []verbtest.Case{
		{Command: "bump-life-span run 1h", Objects: []runtime.Object{newJob("run", started)}, Stdout: "job/run may run 2h, until 2026-01-31T14:00:00Z", Stored: []string{"jobs default/run life=7200"}},
		{Command: "bump-life-span run 30m -q", Objects: []runtime.Object{newJob("run")}, Stored: []string{"jobs default/run life=5400"}},
		{Name: "somebody else was faster", Command: "bump-life-span run 1h", Objects: []runtime.Object{newJob("run")}, Stdout: "job/run may run 3h", Stored: []string{"jobs default/run life=10800"},
			Server: func(s *kubetest.Server) {
				s.On("PATCH */jobs/run", func(w http.ResponseWriter, _ *http.Request) {
					s.Add(t, newJob("run", func(job *batchv1.Job) { job.Spec.ActiveDeadlineSeconds = ptr.To(int64(7200)) }))
					w.WriteHeader(http.StatusConflict)
					fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409}`)
				})
			}},
		{Name: "no limit", Command: "bump-life-span run 1h", Objects: []runtime.Object{newJob("run", func(job *batchv1.Job) { job.Spec.ActiveDeadlineSeconds = nil })}, Code: 1,
			Stderr: "error: job run has no life span that could be longer: it runs until it ends"},
		{Name: "ended", Command: "bump-life-span done 1h", Objects: endedJob("done", 0), Code: 1, Stderr: "error: job done has ended (succeeded)"},
		{Command: "bump-life-span none 1h", Code: 1, Stderr: noJob},
	})
}

func TestGenerateVerb(t *testing.T) {
	const command = "kubectl apolo run --name run --tag of-run --life-span 1h --env KEY=secret:key busybox:1 -- sh -c 'echo hi'"
	verbs().Run(t, []verbtest.Case{
		{Command: "generate-run-command run", Objects: []runtime.Object{newJob("run")}, Stdout: command},
		{Name: "changed since", Command: "generate-run run", Objects: []runtime.Object{newJob("run", func(job *batchv1.Job) { job.Spec.Template.Spec.HostNetwork = true })}, Stdout: command,
			Stderr: `warning: job "run" has fields with no equivalent flag: spec.template.spec.hostNetwork; the command leaves it out`},
		{Command: "generate-run-command none", Code: 1, Stderr: noJob},
		{Command: "generate-run-command theirs", Objects: []runtime.Object{foreignJob()}, Code: 1, Stderr: theirsJob},
	})
}

// What needs streams into a pod is tested on a cluster; what comes before them is here.
func TestVerbsOfRunningJobs(t *testing.T) {
	done, wait := endedJob("done", 0), []runtime.Object{newJob("wait")}
	const hasEnded = "error: job done has ended; its log: kubectl apolo logs done -n default"
	verbs().Run(t, []verbtest.Case{
		{Command: "exec done -- true", Objects: done, Code: 1, Stderr: hasEnded},
		{Command: "exec wait -- true", Objects: wait, Code: 1, Stderr: "error: job wait does not run (pending); look at it with: kubectl apolo job status wait -n default"},
		{Command: "exec none -- true", Code: 1, Stderr: noJob},
		{Command: "attach done", Objects: done, Code: 1, Stderr: hasEnded},
		{Command: "port-forward done 0:80", Objects: done, Code: 1, Stderr: hasEnded},
		{Command: "browse run", Objects: runningJob("run"), Code: 1,
			Stderr: "error: job run was started without --http-port: forward one with: kubectl apolo job port-forward run LOCAL:REMOTE -n default"},
		{Name: "without a metrics API", Command: "top", Objects: runningJob("run"), Code: 1,
			Stderr: "error: the cluster does not measure what jobs use: it has no metrics API; ask an administrator to install metrics-server"},
	})
}
