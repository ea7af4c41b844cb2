package jobs

import (
	"context"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/leftovers"
)

// Leftovers are what is left of a job that is gone.
func (c *Client) Leftovers(ctx context.Context, name string) ([]leftovers.Object, error) {
	found, _, err := leftovers.Find(ctx, c.kube, c.kube.Namespace)
	return slices.DeleteFunc(found, func(o leftovers.Object) bool { return o.Job != name }), err
}

// RemoveLeftovers removes what Leftovers returned.
func (c *Client) RemoveLeftovers(ctx context.Context, objects []leftovers.Object) error {
	return leftovers.Remove(ctx, c.kube, objects)
}

// orphans are, as jobs, those of the pods that have no Job, where the options ask for them. They have no tags.
func (o ListOptions) orphans(pods []*corev1.Pod) (found []jobstatus.Job) {
	if !o.Orphans || len(o.Tags) > 0 {
		return nil
	}
	for _, pod := range pods {
		job := pod.Labels[batchv1.JobNameLabel]
		if len(pod.OwnerReferences) > 0 || job == "" {
			continue
		}
		state := jobstatus.StateOf(nil, []*corev1.Pod{pod}, nil)
		found = append(found, jobstatus.Orphaned(pod.Namespace, job, pod.CreationTimestamp, pod.Spec, state, []string{"pod " + pod.Name}))
	}
	return found
}

// withLeftovers adds the jobs that are gone, and of which something is left, to a list.
func (c *Client) withLeftovers(ctx context.Context, namespace string, list []jobstatus.Job) ([]jobstatus.Job, error) {
	found, _, err := leftovers.Find(ctx, c.kube, namespace)
	if err != nil {
		return nil, err
	}
	type place struct{ namespace, job string }
	jobs := map[place][]leftovers.Object{}
	for _, o := range found {
		if o.Job != "" {
			at := place{o.Namespace, o.Job}
			jobs[at] = append(jobs[at], o)
		}
	}
	for i := range list {
		if l := &list[i]; l.IsOrphaned() {
			at := place{l.Namespace, l.Name}
			*l = jobstatus.Orphaned(l.Namespace, l.Name, l.CreationTimestamp, l.Spec.Template.Spec, l.State, words(jobs[at]))
			delete(jobs, at)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(jobs), func(a, b place) int { return strings.Compare(a.namespace+"/"+a.job, b.namespace+"/"+b.job) }) {
		state := jobstatus.State{Phase: jobstatus.Failed, ExitCode: jobstatus.UnknownExitCode} // no pod of it runs
		list = append(list, jobstatus.Orphaned(at.namespace, at.job, jobs[at][0].Created, corev1.PodSpec{}, state, words(jobs[at])))
	}
	return list, nil
}

func words(objects []leftovers.Object) (all []string) {
	for _, o := range objects {
		all = append(all, o.What())
	}
	return all
}
