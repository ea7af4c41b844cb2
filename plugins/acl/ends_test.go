package acl

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

// done is when the timers of the tests were complete, an hour before ends.
var (
	done = time.Date(2050, 1, 31, 12, 0, 0, 0, time.UTC)
	ends = done.Add(time.Hour)
)

// until gives a level of access to the secret to bob, until ends.
func until(level string, changes ...func(*batchv1.Job, *rbacv1.RoleBinding)) []runtime.Object {
	objects := granted(level, "bob")
	role, binding := objects[0].(*rbacv1.Role), objects[1].(*rbacv1.RoleBinding)
	timer := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "apolo-timer-" + level, UID: "fedcba98-0000", OwnerReferences: role.OwnerReferences,
		Labels: map[string]string{wellknown.LabelTimer: "true", wellknown.LabelObject: wellknown.Hash("key")}, Annotations: map[string]string{wellknown.AnnotationLevel: level}}}
	timer.Spec.TTLSecondsAfterFinished = ptr.To(int32(3600))
	timer.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: "True", LastTransitionTime: metav1.NewTime(done)}}
	for _, object := range []*metav1.ObjectMeta{&role.ObjectMeta, &binding.ObjectMeta} {
		object.Name += ":" + timer.Name
		object.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: timer.Name, UID: timer.UID}}
	}
	role.Rules = append(role.Rules, rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: []string{timer.Name}})
	binding.RoleRef.Name = role.Name
	binding.Annotations = map[string]string{wellknown.AnnotationEnds: ends.Format(time.RFC3339)}
	for _, change := range changes {
		change(timer, binding)
	}
	return []runtime.Object{timer, role, binding}
}

func TestEndsInLs(t *testing.T) {
	const shared, mine = "URI GRANTED TO ACCESS ENDS", "URI ACCESS ENDS"
	longer := func(job *batchv1.Job, _ *rbacv1.RoleBinding) { job.Spec.TTLSecondsAfterFinished = ptr.To(int32(7200)) }
	never := func(job *batchv1.Job, _ *rbacv1.RoleBinding) { job.Spec.TTLSecondsAfterFinished = nil }
	another := func(job *batchv1.Job, _ *rbacv1.RoleBinding) { job.UID = "00000000-0000" }
	loose := func(_ *batchv1.Job, binding *rbacv1.RoleBinding) { binding.OwnerReferences = nil }
	rules := func(names ...string) func(*kubetest.Server) {
		return func(s *kubetest.Server) {
			var all []authorizationv1.ResourceRule
			for _, name := range names {
				all = append(all, authorizationv1.ResourceRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{name}})
			}
			all = append(all, authorizationv1.ResourceRule{Verbs: []string{"get"}, APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: []string{"apolo-timer-read"}})
			s.SetRules(authorizationv1.SubjectRulesReviewStatus{ResourceRules: all})
		}
	}
	verbs().Run(t, []verbtest.Case{
		{Name: "shared", Command: "ls --shared", Objects: with(until("read"), key()), Table: []string{shared, "secret://c/default/key bob read 2050-01-31T13:00:00Z"}},
		{Name: "one", Command: "ls --shared secret:key", Objects: with(until("read"), append(granted("write", "carol"), key())...),
			Table: []string{shared, "secret://c/default/key bob read 2050-01-31T13:00:00Z", "secret://c/default/key carol write"}},
		{Name: "for programs", Command: "ls --shared -o jsonpath='{.items[0].ends}'", Objects: with(until("read"), key()), Stdout: "2050-01-31T13:00:00Z"},
		{Name: "longer", Command: "ls --shared", Objects: with(until("read", longer), key()), Table: []string{shared, "secret://c/default/key bob read 2050-01-31T14:00:00Z (its timer was changed)"}},
		{Name: "never", Command: "ls --shared", Objects: with(until("read", never), key()), Table: []string{shared, "secret://c/default/key bob read never: its timer was changed"}},
		{Name: "loose", Command: "ls --shared", Objects: with(until("read", loose), key()), Table: []string{shared, "secret://c/default/key bob read never: it is no longer owned by its timer"}},
		{Name: "of another timer", Command: "ls --shared", Objects: with(until("read", another), key()), Table: []string{shared, "secret://c/default/key bob read now: its timer has ended"}},
		{Name: "ended", Command: "ls --shared", Objects: with(until("read")[1:], key()), Table: []string{shared, "secret://c/default/key bob read now: its timer has ended"}},
		{Name: "forbidden", Command: "ls --shared", Objects: with(until("read"), key()), Server: forbid("list", "jobs"), Table: []string{shared, "secret://c/default/key bob read unknown: you can't list jobs"}},
		{Name: "mine", Command: "ls -n default", Objects: with(until("read"), key()), Server: rules("key"), Table: []string{mine, "secret://c/default/key read 2050-01-31T13:00:00Z"},
			Requests: []string{"POST selfsubjectrulesreviews", "GET default/jobs/apolo-timer-read"}},
		{Name: "mine, and without an end", Command: "ls -n default", Objects: with(until("read"), key()), Server: rules("key", "key"), Table: []string{"URI ACCESS", "secret://c/default/key read"}},
		{Name: "mine, and another", Command: "ls -n default", Objects: with(until("read"), key()), Server: rules("key", "other"),
			Table: []string{mine, "secret://c/default/key read 2050-01-31T13:00:00Z", "secret://c/default/other read"}},
		{Name: "mine, never", Command: "ls -n default", Objects: with(until("read", never), key()), Server: rules("key"), Table: []string{mine, "secret://c/default/key read never: its timer was changed"}},
		{Name: "of a user", Command: "ls -u bob -n default", Objects: with(until("read"), key()), Table: []string{mine, "secret://c/default/key read 2050-01-31T13:00:00Z"}},
		{Name: "more for a while", Command: "ls -u bob -n default", Objects: with(until("write"), append(granted("read", "bob"), key())...),
			Table: []string{mine, "secret://c/default/key write 2050-01-31T13:00:00Z"}},
		{Name: "less for a while", Command: "ls -u bob -n default", Objects: with(until("read"), append(granted("write", "bob"), key())...), Table: []string{"URI ACCESS", "secret://c/default/key write"}},
	})
}

func TestEndsInGrantAndRevoke(t *testing.T) {
	const (
		timedRead  = "roles default/apolo:secret:key:read:0123abcd:apolo-timer-read [get] [get]"
		timedWrite = "roles default/apolo:secret:key:write:0123abcd:apolo-timer-write [get update patch] [get]"
		timed      = ":apolo-timer-read"
	)
	held := func(s *kubetest.Server) {
		s.On("POST default/jobs", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "apolo-timer-x", "uid": "1"}, "spec": {"suspend": true, "ttlSecondsAfterFinished": 3600}}`)
		})
	}
	verbs().Run(t, []verbtest.Case{
		{Name: "beside one without an end", Command: "grant secret:key bob read --for 1h", Objects: with(granted("write", "bob"), key()),
			Stdout: "secret/key unchanged (user bob has write already, without an end; to give it one, revoke it first)"},
		{Name: "held", Command: "grant secret:key bob read --for 1h", Objects: []runtime.Object{key()}, Server: held, Code: 1,
			Stderr:   "error: secret:key: the timer can't run: a queueing system, or an admission rule, suspends new Jobs in this namespace",
			Requests: []string{"GET default/secrets/key", "GET default/roles", "GET default/roles", "POST default/jobs", "DELETE default/jobs/apolo-timer-x"}},
		{Name: "no Jobs", Command: "grant secret:key bob read --for 1h", Objects: []runtime.Object{key()}, Server: forbid("create", "jobs"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to create jobs in namespace "default"; ask an administrator for that right`},
		{Name: "without an end instead", Command: "grant secret:key bob read", Objects: with(until("read"), key()), Stdout: "secret/key granted to user bob (read)",
			Stored: []string{readRole, readBinding + " User:bob"}},
		{Name: "without an end, less", Command: "grant secret:key bob read", Objects: with(until("write"), key()), Stdout: "secret/key granted to user bob (read)",
			Stored: []string{readRole, readBinding + " User:bob", timedWrite, writeBind + ":apolo-timer-write User:bob"}},
		{Name: "of carol", Command: "grant secret:key carol read -q", Objects: with(until("read"), key()),
			Stored: []string{readRole, readBinding + " User:carol", timedRead, readBinding + timed + " User:bob"}},
		{Command: "revoke secret:key bob", Objects: with(until("read"), key()), Stdout: "secret/key revoked from user bob (was read)", Stored: []string{}},
		{Name: "both", Command: "revoke secret:key bob", Objects: with(until("write"), append(granted("read", "bob", "carol"), key())...), Stdout: "secret/key revoked from user bob (was write)",
			Stored: []string{readRole, readBinding + " User:carol"}},
		{Name: "roles may not be deleted", Command: "revoke secret:key bob", Objects: with(until("read"), key()), Server: forbid("delete", "roles"),
			Stdout: "secret/key revoked from user bob (was read)", Stored: []string{timedRead, readBinding + timed}},
	})
	shareVerb().RunWrong(t, map[string]string{
		"secret:key bob manage --for 1h":             "manage can't have an end: whoever has it could give it to others without one",
		"secret:key bob --for 1h --until 2050-01-31": "--for and --until can't be used together",
		"secret:key bob --for 0":                     "--for must be at least 1s",
		"secret:key bob --for soon":                  `--for "soon" is not a time: write something like 1d2h3m4s, 90m or 0`,
		"secret:key bob --until 18:00":               `--until "18:00" is not a time: write something like 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00Z`,
	})
}
