package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// wantTimed checks that whatever gives access until a timer ends is owned by that timer, and that the timer ends.
func (p *fixture) wantTimed(t *testing.T) {
	t.Helper()
	jobs := map[string]*batchv1.Job{}
	for _, item := range p.list(t, jobResource, wellknown.LabelTimer) {
		jobs[item.GetName()] = as[batchv1.Job](t, &item)
	}
	for _, item := range append(p.list(t, roleResource, ""), p.list(t, bindingResource, "")...) {
		_, timer, timed := strings.Cut(item.GetName(), ":"+timers.Prefix)
		if !timed {
			continue
		}
		owners := item.GetOwnerReferences()
		job := jobs[timers.Prefix+timer]
		switch {
		case len(owners) != 1 || owners[0].Kind != "Job" || owners[0].Name != timers.Prefix+timer:
			t.Errorf("%s %s is owned by %v", item.GetKind(), item.GetName(), owners)
		case job == nil && item.GetDeletionTimestamp() == nil && p.find(t, roleResource, p.namespace, item.GetName()) != nil:
			t.Logf("%s %s is about to be collected", item.GetKind(), item.GetName())
		case job != nil && (job.UID != owners[0].UID || job.Spec.TTLSecondsAfterFinished == nil || len(job.Status.Conditions) == 0):
			t.Errorf("%s %s exists, and its timer has not begun: %+v", item.GetKind(), item.GetName(), job.Status)
		}
	}
}

// wantNothingTimed waits until all access with an end is over, and what gave it is gone.
func (p *fixture) wantNothingTimed(t *testing.T) {
	t.Helper()
	eventually(t, "all access has ended", func() bool {
		for _, item := range append(p.list(t, roleResource, ""), p.list(t, bindingResource, "")...) {
			if strings.Contains(item.GetName(), ":"+timers.Prefix) {
				return false
			}
		}
		return len(p.list(t, jobResource, wellknown.LabelTimer)) == 0
	})
}

// A command that is killed before or after any of its requests leaves nothing that has no end.
func TestKilledCommandsEnd(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"grant":  "kubectl-apolo_acl grant secret:KEY bob read --for 20s",
		"add":    "kubectl-apolo_secret add KEY value --expires 20s --overwrite",
		"expire": "kubectl-apolo_secret expire KEY 20s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newFixture(t)
			for _, kind := range []faultKind{killBefore, killAfter} {
				for nth := 1; ; nth++ {
					key := strings.ReplaceAll(fmt.Sprintf("%s-%d", kind, nth), " ", "-")
					if name != "add" {
						p.add(t, key, p.oldValue)
					}
					a := p.attempt(t, key, fault{kind: kind, nth: nth})
					got := a.proxy.run(a.words(command)...)
					if !a.proxy.injected {
						if nth < 5 || got.code != 0 {
							t.Errorf("request %d was never sent: %s", nth, got)
						}
						break
					}
					p.wantTimed(t)
					if made := p.find(t, secretResource, p.namespace, key); name == "add" && made != nil {
						if _, owned := timers.OwnerOf(made); !owned {
							t.Errorf("%s request %d: the secret has no end", kind, nth)
						}
					}
					// Again, it works.
					if got := runDirect(t, p.kubeconfig, a.words(command)...); got.code != 0 {
						t.Errorf("%s request %d, and again: %s", kind, nth, got)
					}
				}
			}
			p.wantTimed(t)
			p.wantNothingTimed(t)
			if p.may(t, "bob", "get", secretResource, "kill-before-1") {
				t.Error("bob still has access")
			}
			if there := p.find(t, secretResource, p.namespace, "kill-before-1"); (there == nil) != (name != "grant") {
				t.Errorf("of %s: the secret is %v", name, there)
			}
		})
	}
}

// Two hundred grants at once all end.
func TestManyGrantsEnd(t *testing.T) {
	long(t)
	t.Parallel()
	p := newFixture(t)
	p.add(t, "many", p.oldValue)
	var grants errgroup.Group
	grants.SetLimit(20)
	for i := range 200 {
		grants.Go(func() error {
			got := runDirect(t, p.kubeconfig, "kubectl-apolo_acl", "grant", "secret:many", fmt.Sprintf("user-%d", i), "read", "--for", "2m")
			if got.code != 0 {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
	}
	if err := grants.Wait(); err != nil {
		t.Fatal(err)
	}
	list := runDirect(t, p.kubeconfig, "kubectl-apolo_acl", "ls", "--shared", "secret:many")
	if n := strings.Count(list.stdout, " user-"); n < 1 || strings.Contains(list.stdout, "never") {
		t.Errorf("%d are listed: %s", n, list)
	}
	p.wantTimed(t)
	p.wantNothingTimed(t)
}

// The end comes also where the controllers are restarted meanwhile, and no earlier. Nothing else runs beside it.
func TestEndsThroughRestarts(t *testing.T) {
	long(t)
	p := newFixture(t)
	p.add(t, "key", p.oldValue)
	got := runDirect(t, p.kubeconfig, "kubectl-apolo_acl", "grant", "secret:key", "bob", "read", "--for", "30s", "-o", "jsonpath={.ends}")
	ends, err := time.Parse(time.RFC3339, got.stdout)
	if err != nil {
		t.Fatal(err, got)
	}
	restart(t, "--kill", "controller-manager")
	eventually(t, "bob's access ends", func() bool { return !p.may(t, "bob", "get", secretResource, "key") })
	if early := time.Until(ends); early > 0 {
		t.Errorf("the access ended %s early", early)
	}
	p.wantNothingTimed(t)
	if secret := p.find(t, secretResource, p.namespace, "key"); secret == nil || secret.GetDeletionTimestamp() != nil {
		t.Error("the secret went with the timer")
	}
}
