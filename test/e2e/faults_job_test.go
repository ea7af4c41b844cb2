package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
)

// newJobPlace has two jobs, "ended" and "running", and no room for the pod of a third.
func newJobPlace(t *testing.T) *fixture {
	t.Helper()
	p := newFixture(t)
	for _, command := range []string{
		"kubectl-apolo_secret add password hunter2-secret",
		"kubectl-apolo_run --quiet --name ended --env PASSWORD=secret:password busybox:1 -- echo it has ended",
		"kubectl-apolo_run --quiet --detach --wait-start --name running busybox:1 -- sleep 3600",
	} {
		if got := runDirect(t, p.kubeconfig, strings.Fields(command)...); got.code != 0 {
			t.Fatalf("%s: %s", command, got)
		}
	}
	p.names = map[string]string{}
	for name, job := range map[string]string{"POD1": "ended", "POD2": "running"} {
		p.names[name] = p.cluster.kubectl(t, "admin", "-n", p.namespace, "get", "pods", "-l", "batch.kubernetes.io/job-name="+job, "-o", "jsonpath={.items[0].metadata.name}")
	}
	p.allowPods(t, 1)
	return p
}

// makeJob prepares a job that does not start.
func makeJob(a *attempt) {
	a.Helper()
	a.succeeds("kubectl-apolo_run --no-wait-start --name KEY --life-span 1h busybox:1 -- true", "KEY")
	eventually(a, "the job was seen by its controller", func() bool { return a.job().Status.StartTime != nil })
}

func faultsOfJob(t *testing.T, o *observed) {
	p := newJobPlace(t)
	nothing := func(*attempt) {}
	testFaults(t, p, o, slices.Concat(endings, answers), []faultCase{
		{
			name:     "job ls",
			command:  "kubectl-apolo_job ls",
			requests: []string{"GET NS/jobs", "GET NS/pods"},
			check:    shownOnlyIf("running"),
			again:    shows("running"),
		},
		{
			name:     "job status",
			command:  "kubectl-apolo_job status ended",
			requests: []string{"GET NS/jobs/ended", "GET NS/pods", "GET NS/events", "GET NS/events", "GET NS/rolebindings/apolo:job:ended:UID"},
			check:    shownOnlyIf("succeeded"),
			again:    shows("succeeded"),
		},
		{
			name:     "job logs",
			command:  "kubectl-apolo_job logs ended",
			requests: []string{"GET NS/jobs/ended", "GET NS/pods", "GET NS/secrets/password"},
			streams:  []string{"GET NS/pods/POD1/log follow=false"},
			check:    shownOnlyIf("it has ended\n"),
			again:    shows("it has ended\n"),
		},
		{
			name:     "job exec",
			command:  "kubectl-apolo_job exec running -- echo hello",
			requests: []string{"GET NS/jobs/running", "GET NS/pods"},
			streams:  []string{"GET NS/pods/POD2/exec websocket"},
			check: func(a *attempt) { // what a command prints is shown as it comes
				if a.ended.code == 0 && a.ended.stdout != "hello\n" {
					a.Errorf("it says that it worked: %s", a.ended)
				}
			},
			again: shows("hello"),
		},
		{
			name:     "job generate-run-command",
			command:  "kubectl-apolo_job generate-run-command ended",
			requests: []string{"GET NS/jobs/ended", "GET NS/configmaps/apolo-config"},
			check:    shownOnlyIf("--env PASSWORD=secret:password"),
			again:    shows("--env PASSWORD=secret:password"),
		},
		{
			name:     "run --list-presets",
			command:  "kubectl-apolo_run --list-presets",
			requests: []string{"GET NS/configmaps/apolo-presets", "GET apolo/configmaps/apolo-presets"},
			check:    shownOnlyIf("cpu-small"),
			again:    shows("cpu-small"),
		},
		{
			name:     "job top",
			command:  "kubectl-apolo_job top",
			requests: []string{"GET NS/jobs", "GET NS/pods", "GET NS/pods"},
			prepare:  func(a *attempt) { a.proxy.answer = a.measure },
			check:    shownOnlyIf("33Mi"),
			again:    nothing, // without the proxy there is no metrics API
		},
		{
			name:    "doctor",
			command: "kubectl-apolo_doctor",
			streams: []string{"GET /version", "POST selfsubjectreviews", "GET NS", "POST selfsubjectaccessreviews", "GET kube-system/pods", "GET /metrics"},
			reports: true,
			check: func(a *attempt) {
				if a.ended.code == 0 && !strings.Contains(a.ended.stdout, "user") {
					a.Errorf("it says that all is well: %s", a.ended)
				}
			},
			again: shows("you may run jobs"),
		},
	})
	own := newFixture(t) // each attempt has its own job here
	own.allowPods(t, 0)
	testFaults(t, own, o, slices.Concat(endings, answers), []faultCase{
		{
			name:     "job kill",
			command:  "kubectl-apolo_job kill KEY",
			requests: []string{"GET NS/jobs/KEY", "DELETE NS/jobs/KEY", "GET NS/pods"},
			prepare:  makeJob,
			check: func(a *attempt) {
				left := a.job() != nil
				if left == (a.sent("DELETE NS/jobs/KEY") > 0) {
					a.Errorf("the job is left: %v", left)
				}
				if left && a.ended.code == 0 {
					a.Errorf("it says that it worked: %s", a.ended)
				}
			},
			again: func(a *attempt) {
				if a.sent("DELETE NS/jobs/KEY") > 0 {
					a.fails(a.command, "there is no job")
					a.succeeds(a.command+" --ignore-not-found", "")
				} else {
					a.succeeds(a.command, "deleted")
				}
			},
		},
		{
			name:     "job bump-life-span",
			command:  "kubectl-apolo_job bump-life-span KEY 1h",
			requests: []string{"GET NS/jobs/KEY", "PATCH NS/jobs/KEY"},
			prepare:  makeJob,
			check: func(a *attempt) {
				want := int64(3600)
				if a.sent("PATCH NS/jobs/KEY") > 0 {
					want = 7200
				}
				a.wantLifeSpan(want)
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "may run")
				want := int64(7200)
				if a.sent("PATCH NS/jobs/KEY") > 0 {
					want = 10800
				}
				a.wantLifeSpan(want)
				a.succeeds("kubectl-apolo_job kill KEY", "deleted")
			},
		},
	})
	pending := newFixture(t) // the pod of each attempt's job is there, and no node takes it
	testFaults(t, pending, o, slices.Concat(endings, answers), []faultCase{
		{
			name:    "job share",
			command: "kubectl-apolo_job share KEY bob",
			requests: []string{"GET NS/jobs/KEY", "GET NS/roles", "GET NS/pods", "PATCH NS/pods/POD", readJobBinding, "POST NS/roles", "POST NS/rolebindings",
				"PATCH NS/roles/apolo:job:KEY:UID", "PATCH NS/jobs/KEY"},
			prepare: func(a *attempt) {
				makeUnscheduledJob(a)
				eventually(a, "the job has a pod", func() bool { return len(a.podsOf()) == 1 })
			},
			check: func(a *attempt) {
				shared := a.find(a, bindingResource, a.namespace, a.text("apolo:job:KEY:UID")) != nil
				if a.ended.code == 0 && !shared {
					a.Errorf("it says that it worked: %s", a.ended)
				}
				a.wantSharedJob(shared, shared && a.sent("PATCH NS/roles/apolo:job:KEY:UID") > 0)
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "job/KEY ")
				a.wantSharedJob(true, true)
			},
		},
		{
			name:     "job unshare",
			command:  "kubectl-apolo_job unshare KEY bob",
			requests: []string{"GET NS/jobs/KEY", "GET NS/roles", "GET NS/jobs/KEY", readJobBinding, writeJobBinding},
			prepare: func(a *attempt) {
				makeUnscheduledJob(a)
				eventually(a, "the job has a pod", func() bool { return len(a.podsOf()) == 1 })
				a.succeeds("kubectl-apolo_job share KEY bob", "shared with bob")
			},
			check: func(a *attempt) {
				left := a.sent(writeJobBinding) == 0
				a.wantSharedJob(left, left)
			},
			again: func(a *attempt) {
				if a.sent(writeJobBinding) > 0 {
					a.fails(a.command, "is not shared with bob")
				} else {
					a.succeeds(a.command, "no longer shared with bob")
				}
				a.wantSharedJob(false, false)
			},
		},
	})
}

const (
	readJobBinding  = "GET NS/rolebindings/apolo:job:KEY:UID"
	writeJobBinding = "PUT NS/rolebindings/apolo:job:KEY:UID"
)

// makeUnscheduledJob prepares a job with a pod that no node takes.
func makeUnscheduledJob(a *attempt) {
	a.Helper()
	a.succeeds("kubectl-apolo_run --no-wait-start --name KEY --life-span 1h --node-selector disk=nowhere busybox:1 -- true", "KEY")
	a.uid = string(a.job().UID)[:8]
}

// podsOf are the pods of the attempt's job.
func (a *attempt) podsOf() []unstructured.Unstructured {
	a.Helper()
	return a.list(a, podResource, "batch.kubernetes.io/job-name="+a.key)
}

// wantSharedJob checks whether bob has the attempt's job, and its pod. A pod that he has ends without its job too.
func (a *attempt) wantSharedJob(job, pod bool) {
	a.Helper()
	pods := a.podsOf()
	if len(pods) != 1 {
		a.Fatalf("the job has %d pods", len(pods))
	}
	name := pods[0].GetName()
	eventually(a, fmt.Sprintf("bob has the job: %v, its pod: %v", job, pod), func() bool {
		return a.may(a, "bob", "get", jobResource, a.key) == job && a.may(a, "bob", "get", podResource, name) == pod
	})
	if limit := as[corev1.Pod](a, &pods[0]).Spec.ActiveDeadlineSeconds; pod && ptr.Deref(limit, 0) != 3600 {
		a.Errorf("bob has a pod without the deadline of its job: %v", limit)
	}
}

func (a *attempt) wantLifeSpan(seconds int64) {
	a.Helper()
	var job *batchv1.Job
	if job = a.job(); job == nil || ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) != seconds {
		a.Errorf("its life span is not %d s: %v", seconds, job)
	}
}

// measure answers for the metrics API, which the local cluster doesn't have.
func (a *attempt) measure(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/apis/metrics.k8s.io/") {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{
		"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1",
		"items": []any{map[string]any{
			"metadata":   map[string]any{"name": a.names["POD2"]},
			"containers": []any{map[string]any{"name": "job", "usage": map[string]any{"cpu": "12345678n", "memory": "34567Ki"}}},
		}},
	})
	return err == nil
}
