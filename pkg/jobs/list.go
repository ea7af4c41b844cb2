package jobs

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// listPage is how many objects one answer brings.
const listPage = 500

// ListOptions say which jobs to list.
type ListOptions struct {
	AllNamespaces bool
	Tags          []string // jobs that have all of them
	// Orphans has List add the pods whose job is gone, and Leftovers, with more requests, all else that is left of such
	// jobs. Jobs that are gone have no tags.
	Orphans, Leftovers bool
	// Trouble, which may be nil, gets from Follow why the cluster can't be reached, after every attempt,
	// and nil once it can again.
	Trouble func(error)
}

// selectors of what List reads.
const (
	jobSelector = wellknown.LabelJob + "=" + wellknown.LabelTrue
	// activePodSelector leaves out the pods of jobs that have ended, which are most.
	activePodSelector = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)
)

// List lists the jobs of the client's namespace, or of all, the oldest first. It takes two requests at
// the same time, for jobs and for the pods that have not ended, one more where a job has ended this
// very second, and more where there are over 500. Anyone who can't list pods gets what the Jobs tell.
func (c *Client) List(ctx context.Context, options ListOptions) ([]jobstatus.Job, error) {
	namespace := c.listNamespace(options)
	var (
		group            sync.WaitGroup
		jobs             []*batchv1.Job
		pods             []*corev1.Pod
		jobsErr, podsErr error
	)
	group.Go(func() {
		jobsErr = kube.EachPage(metav1.ListOptions{Limit: listPage, LabelSelector: jobSelector}, func(page *metav1.ListOptions) (string, error) {
			list, err := do[batchv1.JobList](ctx, c, c.batch.Get().Namespace(namespace).Resource(jobsResource).VersionedParams(page, metav1.ParameterCodec))
			for i := range list.Items {
				jobs = append(jobs, &list.Items[i])
			}
			return list.Continue, err
		})
	})
	group.Go(func() {
		podsErr = kube.EachPage(metav1.ListOptions{Limit: listPage, LabelSelector: jobSelector, FieldSelector: activePodSelector}, func(page *metav1.ListOptions) (string, error) {
			list, err := do[corev1.PodList](ctx, c, c.core.Get().Namespace(namespace).Resource(podsResource).VersionedParams(page, metav1.ParameterCodec))
			for i := range list.Items {
				pods = append(pods, &list.Items[i])
			}
			return list.Continue, err
		})
	})
	group.Wait()
	if jobsErr != nil {
		return nil, c.kube.Explain(jobsErr, kube.Request{Verb: "list", Resource: jobsResource, Namespace: namespace})
	}
	if podsErr != nil && !apierrors.IsForbidden(podsErr) {
		return nil, c.kube.Explain(podsErr, kube.Request{Verb: "list", Resource: podsResource, Namespace: namespace})
	}
	justEnded, err := c.justEnded(ctx, namespace, jobs, pods)
	if err != nil {
		return nil, err
	}
	found := listed(options, slices.Values(jobs), slices.Values(append(pods, justEnded...)))
	found = append(found, options.orphans(pods)...)
	if options.Leftovers && len(options.Tags) == 0 {
		return c.withLeftovers(ctx, namespace, found)
	}
	return found, nil
}

// maxUIDsPerSelector bounds the length of a request's URL.
const maxUIDsPerSelector = 100

// justEnded reads the pods of jobs that have ended, but whose controller, which takes a second, has
// not said so yet. Mostly there are none, and no request is made.
func (c *Client) justEnded(ctx context.Context, namespace string, jobs []*batchv1.Job, living []*corev1.Pod) ([]*corev1.Pod, error) {
	hasPod := map[types.UID]bool{}
	for _, pod := range living {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			hasPod[owner.UID] = true
		}
	}
	var unclear []string
	for _, job := range jobs {
		if l := (jobstatus.Job{Job: job}); l.Finished().IsZero() && !l.Started().IsZero() && !ptr.Deref(job.Spec.Suspend, false) && !hasPod[job.UID] {
			unclear = append(unclear, string(job.UID))
		}
	}
	if len(unclear) == 0 {
		return nil, nil
	}
	list, err := do[corev1.PodList](ctx, c, c.core.Get().Namespace(namespace).Resource(podsResource).VersionedParams(&metav1.ListOptions{
		LabelSelector: batchv1.ControllerUidLabel + " in (" + strings.Join(unclear[:min(len(unclear), maxUIDsPerSelector)], ",") + ")",
	}, metav1.ParameterCodec))
	var pods []*corev1.Pod
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return pods, c.kube.Explain(err, kube.Request{Verb: "list", Resource: podsResource, Namespace: namespace})
}

func (c *Client) listNamespace(options ListOptions) string {
	if options.AllNamespaces {
		return ""
	}
	return c.kube.Namespace
}

// listed joins jobs and their pods.
func listed(options ListOptions, jobs iter.Seq[*batchv1.Job], pods iter.Seq[*corev1.Pod]) []jobstatus.Job {
	owned := map[types.UID][]*corev1.Pod{}
	for pod := range pods {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	found := []jobstatus.Job{}
	for job := range jobs {
		if hasTags(job, options.Tags) {
			found = append(found, jobstatus.Job{Job: job, State: jobstatus.StateOf(job, owned[job.UID], nil)})
		}
	}
	slices.SortFunc(found, func(a, b jobstatus.Job) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return found
}

func hasTags(job *batchv1.Job, tags []string) bool {
	own := jobspec.TagsOf(job)
	return !slices.ContainsFunc(tags, func(tag string) bool { return !slices.Contains(own, tag) })
}
