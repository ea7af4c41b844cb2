package e2e

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

const copySelector = wellknown.LabelJobCopy + "=true"

// The keys of two secrets, which are their values too.
const (
	envSecret  = "env-secret"
	fileSecret = "file-secret"
)

// jobScript succeeds only where both secrets are in the job.
const jobScript = `test "$X" = ` + envSecret + ` && test "$(cat /etc/apolo-test)" = ` + fileSecret + ` && echo both are here`

// newRunFixture has a second namespace of alice's, with two secrets in it.
func newRunFixture(t *testing.T) *fixture {
	t.Helper()
	p := newFixture(t)
	p.other, _ = p.cluster.namespace(t, "alice")
	client, err := kube.NewClient(&kube.Options{Kubeconfig: p.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	other, err := secrets.NewStore(client, uri.Secret{Namespace: p.other})
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []*secrets.Store{p.store, other} {
		for _, key := range []string{envSecret, fileSecret} {
			if _, err := store.Add(t.Context(), key, []byte(key), secrets.AddOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

// copyWatch sees every version of every copy in a namespace, however short-lived it is.
type copyWatch struct {
	lock   sync.Mutex
	jobs   map[types.UID]string // the names of all jobs that there ever were
	copies map[types.UID]metav1.ObjectMeta
	wrong  []string
}

// watchCopies begins before the first copy is made.
func (p *fixture) watchCopies(t *testing.T) *copyWatch {
	t.Helper()
	w := &copyWatch{jobs: map[types.UID]string{}, copies: map[types.UID]metav1.ObjectMeta{}}
	follow := func(events watch.Interface, each func(*unstructured.Unstructured)) {
		t.Cleanup(events.Stop)
		go func() {
			for event := range events.ResultChan() {
				object, ok := event.Object.(*unstructured.Unstructured)
				w.lock.Lock()
				if !ok || event.Type == watch.Error {
					w.wrong = append(w.wrong, fmt.Sprintf("the watch failed: %v", event.Object))
				} else {
					each(object)
				}
				w.lock.Unlock()
			}
		}()
	}
	jobEvents, err := p.admin.Resource(jobResource).Namespace(p.namespace).Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	follow(jobEvents, func(job *unstructured.Unstructured) { w.jobs[job.GetUID()] = job.GetName() })
	copyEvents, err := p.admin.Resource(secretResource).Namespace(p.namespace).Watch(context.Background(), metav1.ListOptions{LabelSelector: copySelector})
	if err != nil {
		t.Fatal(err)
	}
	follow(copyEvents, func(secret *unstructured.Unstructured) {
		w.copies[secret.GetUID()] = metav1.ObjectMeta{Name: secret.GetName(), OwnerReferences: secret.GetOwnerReferences()}
		if problem := ownedByJob(secret.GetOwnerReferences()); problem != "" {
			w.wrong = append(w.wrong, secret.GetName()+" "+problem)
		}
	})
	return w
}

// ownedByJob says what is wrong with the owners of a copy.
func ownedByJob(owners []metav1.OwnerReference) string {
	if len(owners) != 1 || owners[0].APIVersion != "batch/v1" || owners[0].Kind != "Job" || owners[0].UID == "" {
		return fmt.Sprintf("is owned by %v", owners)
	}
	return ""
}

// end checks all that was seen; so many copies were made.
func (w *copyWatch) end(t *testing.T, made int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d copies were seen", made), func() bool {
		w.lock.Lock()
		defer w.lock.Unlock()
		return len(w.copies) >= made
	})
	eventually(t, "every copy is owned by a job that existed", func() bool {
		w.lock.Lock()
		defer w.lock.Unlock()
		for _, c := range w.copies {
			if len(c.OwnerReferences) == 1 && w.jobs[c.OwnerReferences[0].UID] != c.OwnerReferences[0].Name {
				return false
			}
		}
		return true
	})
	w.lock.Lock()
	defer w.lock.Unlock()
	if len(w.copies) != made {
		t.Errorf("%d copies were made, and %d were seen", made, len(w.copies))
	}
	for _, problem := range w.wrong {
		t.Error(problem)
	}
}

// job is the attempt's job, or nil.
func (a *attempt) job() *batchv1.Job {
	a.Helper()
	if found := a.find(a, jobResource, a.namespace, a.key); found != nil {
		return as[batchv1.Job](a, found)
	}
	return nil
}

// copiesOf are the copies that a job owns.
func (a *attempt) copiesOf(uid types.UID) (copies []*corev1.Secret) {
	a.Helper()
	for _, item := range a.list(a, secretResource, copySelector) {
		if slices.ContainsFunc(item.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == uid }) {
			copies = append(copies, as[corev1.Secret](a, &item))
		}
	}
	return copies
}

// wantNoOrphans checks that there is no copy without a job. While jobs are deleted the garbage
// collector has to come by first.
func (a *attempt) wantNoOrphans() {
	a.Helper()
	eventually(a, "every copy has a job", func() bool {
		for _, item := range a.list(a, secretResource, copySelector) {
			owners := item.GetOwnerReferences()
			if problem := ownedByJob(owners); problem != "" {
				a.Errorf("%s %s", item.GetName(), problem)
				return true
			}
			if owner := a.find(a, jobResource, a.namespace, owners[0].Name); owner == nil || owner.GetUID() != owners[0].UID {
				return false
			}
		}
		return true
	})
}

// checkJob checks the job and its copies right after the fault.
func checkJob(copies int) func(*attempt) {
	return func(a *attempt) {
		created, copied, resumed := a.sent("POST NS/jobs") > 0, a.sent("POST NS/secrets"), a.sent("PATCH NS/jobs/KEY") > 0
		a.copiesMade.Add(int32(copied))
		a.wantNoOrphans()
		job := a.job()
		if a.sent("DELETE NS/jobs/KEY") > 0 { // its connection was cut, and it put an end to the job
			if job != nil {
				a.Errorf("the job is still there: %v", job.Status)
			}
			return
		}
		if (job != nil) != created {
			a.Errorf("the job exists: %v, and the requests were\n%s", job != nil, strings.Join(a.proxy.requests(), "\n"))
		}
		if job == nil || !created {
			return
		}
		if suspended := ptr.Deref(job.Spec.Suspend, false); suspended != (copies > 0 && !resumed) {
			a.Errorf("suspended: %v, with %d of %d copies", suspended, copied, copies)
		}
		used := usedSecrets(job)
		found := a.copiesOf(job.UID)
		if len(found) != copied || len(used) != 2 {
			a.Errorf("%d copies were made, and there are %d; the job uses %v", copied, len(found), used)
		}
		for _, secret := range found {
			key := used[secret.Name]
			if len(secret.Data) != 1 || string(secret.Data[key]) != key || secret.Type != corev1.SecretTypeOpaque {
				a.Errorf("the copy %s holds %d keys, and %d bytes for the job's %q", secret.Name, len(secret.Data), len(secret.Data[key]), key)
			}
		}
	}
}

// usedSecrets are the names of the Secrets that a job uses, each with the one key it uses of it.
func usedSecrets(job *batchv1.Job) map[string]string {
	used := map[string]string{}
	for _, container := range job.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
				used[from.SecretKeyRef.Name] = from.SecretKeyRef.Key
			}
		}
	}
	for _, volume := range job.Spec.Template.Spec.Volumes {
		if volume.Secret != nil && len(volume.Secret.Items) == 1 {
			used[volume.Secret.SecretName] = volume.Secret.Items[0].Key
		}
	}
	return used
}

// runsOver runs the command again, whatever is left of its job, and reports whether there is a new job: it must fail where
// the job still runs, and make room where it has ended.
func (a *attempt) runsOver(says string) bool {
	a.Helper()
	before := a.job()
	if before == nil || ptr.Deref(before.Spec.Suspend, false) {
		a.succeeds(a.command, says)
		return true
	}
	got := a.run(a.command)
	if got.code != 0 {
		if got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, "already exists") {
			a.Errorf("over a job that is there: %s", got)
		}
		return false
	}
	if !strings.Contains(got.stdout, a.text(says)) || got.stderr != "" && !strings.HasSuffix(got.stderr, "makes room for this one\n") {
		a.Errorf("over a job that has ended: %s", got)
	}
	removes := strings.Contains(a.command, " --rm ")
	if after := a.job(); after == nil != removes || after != nil && after.UID == before.UID {
		a.Errorf("it says that it ran, and its job is %v", after)
	}
	return true
}

// runAgain runs a job of the same name, which must do its work; and once the job is deleted, its
// copies are.
func runAgain(copies int) func(*attempt) {
	return func(a *attempt) {
		if a.runsOver("KEY") {
			a.copiesMade.Add(int32(copies))
		}
		a.wantWork(copies)
	}
}

// wantWork waits for the end of the attempt's job, and deletes it.
func (a *attempt) wantWork(copies int) {
	a.Helper()
	var job *batchv1.Job
	hasEnded := func(condition batchv1.JobCondition) bool {
		return condition.Status == corev1.ConditionTrue && (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed)
	}
	eventually(a, "the job ends", func() bool {
		job = a.job()
		return job == nil || slices.ContainsFunc(job.Status.Conditions, hasEnded)
	})
	if job == nil || job.Status.Succeeded != 1 {
		a.Fatalf("the job did not succeed: %v", job)
	}
	if found := a.copiesOf(job.UID); len(found) != copies {
		a.Errorf("the job owns %d copies, not %d", len(found), copies)
	}
	background := metav1.DeletePropagationBackground
	err := a.admin.Resource(jobResource).Namespace(a.namespace).Delete(a.Context(), a.key, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil {
		a.Fatal(err)
	}
	eventually(a, "the copies go with the job", func() bool { return len(a.copiesOf(job.UID)) == 0 })
}

func faultsOfRun(t *testing.T, o *observed) {
	p := newRunFixture(t)
	watched := p.watchCopies(t)
	t.Run("faults", func(t *testing.T) {
		testFaults(t, p, o, endings, detachedRuns(runAgain))
	})
	watched.end(t, int(p.copiesMade.Load()))

	// Without pods it takes less to look at what was made.
	still := newRunFixture(t)
	still.allowPods(t, 0)
	testFaults(t, still, o, answers, detachedRuns(runAgainStill))
	faultsOfRunAttached(t, newRunFixture(t), o)
}

// detachedRuns are run --no-wait-start with secrets of the namespace, and with another's, of which it makes copies.
func detachedRuns(again func(copies int) func(*attempt)) []faultCase {
	return []faultCase{
		{
			name: "run --no-wait-start",
			command: "kubectl-apolo_run --no-wait-start --name KEY --env X=secret:" + envSecret +
				" --volume secret:" + fileSecret + ":/etc/apolo-test busybox:1 -- sh -c SCRIPT",
			requests: []string{
				"GET NS", "GET NS/configmaps/apolo-config", "GET NS/secrets/" + envSecret, "GET NS/secrets/" + fileSecret,
				"GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs",
			},
			check: checkJob(0),
			again: again(0),
		},
		{
			name: "run --no-wait-start, with another's secrets",
			command: "kubectl-apolo_run --no-wait-start --name KEY --env X=secret:/OTHER/" + envSecret +
				" --volume secret:/OTHER/" + fileSecret + ":/etc/apolo-test busybox:1 -- sh -c SCRIPT",
			requests: []string{
				"GET NS", "GET NS/configmaps/apolo-config", "GET OTHER/secrets/" + envSecret, "GET OTHER/secrets/" + fileSecret,
				"GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs", "POST NS/secrets", "POST NS/secrets", "PATCH NS/jobs/KEY",
			},
			check: checkJob(2),
			again: again(2),
		},
	}
}

// allowPods lets jobs of the namespace have so many pods that have not ended.
func (p *fixture) allowPods(t *testing.T, count int) {
	t.Helper()
	p.cluster.kubectl(t, "admin", "-n", p.namespace, "create", "quota", "pods", fmt.Sprintf("--hard=pods=%d", count))
}

// runAgainStill is runAgain where no pod may start.
func runAgainStill(copies int) func(*attempt) {
	return func(a *attempt) {
		if job := a.job(); job != nil && !ptr.Deref(job.Spec.Suspend, false) {
			a.fails(a.command, "already exists")
		} else {
			a.succeeds(a.command, "KEY")
		}
		job := a.job()
		if job == nil || ptr.Deref(job.Spec.Suspend, false) || len(a.copiesOf(job.UID)) != copies {
			a.Errorf("it was run again, and there is %v", job)
		}
		a.succeeds("kubectl-apolo_job kill KEY", "deleted")
	}
}

// faultsOfRunAttached injects faults into run while its job runs. Once the job exists, a fault is no reason to lose it, its exit
// code, or a line of its log.
func faultsOfRunAttached(t *testing.T, p *fixture, o *observed) {
	const job = " --quiet --name KEY --env X=secret:" + envSecret + " --volume secret:" + fileSecret + ":/etc/apolo-test busybox:1 -- sh -c SCRIPT-SLOWLY"
	begin := []string{"GET NS", "GET NS/configmaps/apolo-config", "GET NS/secrets/" + envSecret, "GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs"}
	follow := []string{"GET NS/pods", "GET NS/jobs", "GET NS/pods watch", "GET NS/jobs watch", "GET NS/pods/POD/log follow=*"}
	var cases []faultCase
	for name, c := range map[string]struct {
		flags    string
		requests []string
	}{
		"run":      {"", slices.Concat(begin, follow)},
		"run --rm": {" --rm", slices.Concat(begin, follow, []string{"DELETE NS/jobs/KEY"})},
		"run --share": {" --share bob", slices.Concat(begin, []string{
			"POST NS/roles", "POST NS/rolebindings", "PATCH NS/jobs/KEY", "PATCH NS/roles/apolo:job:KEY:UID",
		}, follow)},
	} {
		cases = append(cases, faultCase{
			name: name, command: "kubectl-apolo_run" + c.flags + job, streams: c.requests, mayTell: name != "run",
			check: func(a *attempt) {
				if a.ended.code == 0 && a.ended.stdout != "both are here\n" {
					a.Errorf("it says that it worked: %s", a.ended)
				}
			},
			again: func(a *attempt) {
				if job := a.job(); a.ended.code == 0 && (job == nil || ptr.Deref(job.Spec.Suspend, false)) {
					return // it did all, and --rm its job, too
				}
				if !a.runsOver("both are here") {
					a.succeeds("kubectl-apolo_job kill KEY", "deleted")
					a.succeeds(a.command, "both are here")
				}
			},
		})
	}
	testFaults(t, p, o, slices.Concat([]faultKind{cutBefore, cutAfter}, answers), cases)
}

// TestLostAnswerLeavesNoJob: where the name is one that only this call can have chosen, a job whose creation got no
// answer is removed.
func TestLostAnswerLeavesNoJob(t *testing.T) {
	long(t)
	t.Parallel()
	p := newFixture(t)
	p.allowPods(t, 0)
	for _, m := range []faultKind{cutAfter, cutBody, half, late} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			tag := strings.ReplaceAll(string(m), " ", "-")
			a := p.attempt(t, tag, fault{kind: m, nth: 1, match: func(request string) bool {
				return strings.HasPrefix(request, "POST ") && strings.HasSuffix(request, "/jobs")
			}})
			got := a.proxy.run("kubectl-apolo_run", "--request-timeout="+requestTimeout.String(), "--no-wait-start", "--tag", tag, "busybox:1", "--", "true")
			if got.code != 1 || !isErrorLine(got.stderr) || !strings.HasSuffix(got.stderr, "; the job was rolled back\n") || got.stdout != "" {
				t.Error(got)
			}
			if left := p.list(t, jobResource, "tag.apolo.us/"+tag+"=true"); len(left) > 0 || a.sent("POST NS/jobs") != 1 {
				t.Errorf("%d jobs are left, and the requests were %q", len(left), a.proxy.requests())
			}
		})
	}
}

// TestPodsAreToldLate has the API server tell that the job has ended before it tells anything of its pod.
func TestPodsAreToldLate(t *testing.T) {
	long(t)
	t.Parallel()
	p := newFixture(t)
	a := p.attempt(t, "late", fault{kind: never})
	watches := 0
	a.proxy.hold = func(request string) {
		if !strings.HasSuffix(request, "/pods watch") {
			return
		}
		watches++
		eventually(t, "run asks for the pods again", func() bool { return a.sent("GET NS/pods") > 1 })
	}
	got := a.proxy.run("kubectl-apolo_run", "--quiet", "--name", "late", "busybox:1", "--", "sh", "-c", "echo all of it; exit 7")
	if got.code != 7 || got.stdout != "all of it\n" || watches != 1 {
		t.Errorf("with %d watches: %s", watches, got)
	}
}

// TestFaultsWhileAJobRuns injects faults into what run asks once the job exists. A cut connection is no reason
// to lose the job, its exit code, or a line of its log.
func TestFaultsWhileAJobRuns(t *testing.T) {
	long(t)
	t.Parallel()
	p := newRunFixture(t)
	watched := p.watchCopies(t)
	requests := map[string]string{
		"list of pods":  `^GET [^/]+/pods$`,
		"list of jobs":  `^GET [^/]+/jobs$`,
		"watch of pods": `^GET [^/]+/pods watch$`,
		"watch of jobs": `^GET [^/]+/jobs watch$`,
		"log":           `^GET .*/log follow=`,
	}
	t.Run("faults", func(t *testing.T) {
		for name, pattern := range requests {
			for _, m := range []faultKind{killBefore, cutBefore, cutAfter} {
				t.Run(string(m)+" "+name, func(t *testing.T) {
					t.Parallel()
					key := strings.ReplaceAll(string(m)+" "+name, " ", "-")
					a := p.attempt(t, key, fault{kind: m, nth: 1, match: regexp.MustCompile(pattern).MatchString})
					command := a.words("kubectl-apolo_run --quiet --name KEY --env X=secret:/OTHER/" + envSecret +
						" --volume secret:/OTHER/" + fileSecret + ":/etc/apolo-test busybox:1 -- sh -c SCRIPT")
					command[len(command)-1] += " && sleep 1" // or there may be nothing left to watch
					a.ended = a.proxy.run(command...)
					if !a.proxy.injected {
						t.Errorf("there was no such request: %s; sent were\n%s", pattern, strings.Join(a.proxy.requests(), "\n"))
					}
					if m.kills() && a.ended.code != -1 {
						t.Errorf("it was not killed: %s", a.ended)
					}
					if want := (outcome{0, "both are here\n", ""}); !m.kills() && a.ended != want {
						t.Errorf("with its connection cut: %s", a.ended)
					}
					checkJob(2)(a)
					a.wantWork(2)
				})
			}
		}
	})
	watched.end(t, int(p.copiesMade.Load()))
}
