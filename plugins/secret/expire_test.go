package secret

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

// timed is owned by a timer.
func timed(object metav1.Object) {
	object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "apolo-timer-x", UID: "1"}})
}

// timer ends at 13:00.
func timer(changes ...func(*batchv1.Job)) *batchv1.Job {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "apolo-timer-x", UID: "1", Labels: map[string]string{wellknown.LabelTimer: "true"}}}
	job.Spec.TTLSecondsAfterFinished = ptr.To(int32(3600))
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: "True",
		LastTransitionTime: metav1.NewTime(time.Date(2050, 1, 31, 12, 0, 0, 0, time.UTC))}}
	for _, change := range changes {
		change(job)
	}
	return job
}

func TestExpireVerb(t *testing.T) {
	const stored = "secrets default/key key=value [true]"
	held := func(s *kubetest.Server) {
		s.On("POST default/jobs", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "apolo-timer-y", "uid": "2"}, "spec": {"suspend": true, "ttlSecondsAfterFinished": 3600}}`)
		})
	}
	const isHeld = "the timer can't run: a queueing system, or an admission rule, suspends new Jobs in this namespace"
	verbs().Run(t, []verbtest.Case{
		{Command: "expire key never", Objects: []runtime.Object{own("key", "value")}, Stdout: "secret/key unchanged (it never expires)"},
		{Name: "held", Command: "expire key 1h", Objects: []runtime.Object{own("key", "value")}, Server: held, Code: 1, Stderr: "error: secret:key: " + isHeld,
			Requests: []string{"GET default/secrets/key", "POST default/jobs", "DELETE default/jobs/apolo-timer-y"}},
		{Name: "held, of a new one", Command: "add key value --expires 1h", Server: held, Code: 1, Stderr: "error: secret:key: " + isHeld, Stored: []string{}},
		{Name: "held, of one that is replaced", Command: "add key value --overwrite --expires 1h", Objects: []runtime.Object{own("key", "old")}, Server: held, Code: 1,
			Stderr: "error: the value is replaced, but when it ends is unchanged: secret:key: " + isHeld, Stored: []string{stored}},
		{Name: "dry run", Command: "add key value --expires 1h --dry-run=server", Stdout: "secret/key created (5 bytes) (server dry run)", Stored: []string{}},
		{Command: "expire none 1h", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "being deleted", Command: "expire key 1h", Objects: []runtime.Object{own("key", "value", beingDeleted)}, Code: 1,
			Stderr: "error: secret:key: is being deleted; held by finalizer example.com/hold"},
		{Name: "in the past", Command: "expire key 2020-01-01T00:00:00Z", Objects: []runtime.Object{own("key", "value")}, Code: 1,
			Stderr: "error: secret:key: 2020-01-01T00:00:00Z is in the past by the cluster's clock"},
		{Name: "rm", Command: "rm key -q", Objects: []runtime.Object{own("key", "value", timed), timer()}, Stored: []string{}},
		{Name: "ends", Command: "ls -o jsonpath='{.items[*].ends}'", Objects: []runtime.Object{own("key", "value", timed), timer()}, Stdout: "2050-01-31T13:00:00Z"},
		{Name: "never ends", Command: "ls -o jsonpath='{.items[*].endsProblem}'", Stdout: "never: its timer was changed",
			Objects: []runtime.Object{own("key", "value", timed), timer(func(job *batchv1.Job) { job.Spec.TTLSecondsAfterFinished = nil })}},
		{Name: "of another timer", Command: "ls -o jsonpath='{.items[*].endsProblem}'", Stdout: "now: its timer has ended",
			Objects: []runtime.Object{own("key", "value", timed), timer(func(job *batchv1.Job) { job.UID = "3" })}},
		{Name: "unseen", Command: "ls -o jsonpath='{.items[*].endsProblem}'", Objects: []runtime.Object{own("key", "value", timed), timer()},
			Server: func(s *kubetest.Server) { s.Forbid("list", "jobs") }, Stdout: "unknown: you can't list jobs"},
		{Name: "names only", Command: "ls -q", Objects: []runtime.Object{own("key", "value", timed), timer()}, Stdout: "key", Requests: []string{"GET default/secrets"}},
		{Name: "mv of what has ended", Command: "mv key other", Objects: []runtime.Object{own("key", "value", timed)}, Code: 1,
			Stderr: "error: secret:key: its end is not certain (now: its timer has ended); change it with expire, or copy the secret with cp"},
	})
}
