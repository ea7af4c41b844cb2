package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// PodsOf reads the pods of a job, one an attempt, the oldest first. Anyone who can't list pods gets those
// that a shared job names.
func (c *Client) PodsOf(ctx context.Context, job *batchv1.Job) ([]*corev1.Pod, error) {
	options := c.podObjects(RefOf(job)).options
	list, err := do[corev1.PodList](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(podsResource).VersionedParams(&options, metav1.ParameterCodec))
	names := jobspec.PodsOf(job)
	var pods []*corev1.Pod
	switch {
	case apierrors.IsForbidden(err) && len(names) > 0:
		if pods, err = c.podsNamed(ctx, job, names); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("job %s: %w", job.Name, c.explain(err, "list", podsResource, ""))
	}
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	return jobstatus.ByAge(pods), nil
}

func (c *Client) podsNamed(ctx context.Context, job *batchv1.Job, names []string) ([]*corev1.Pod, error) {
	pods := make([]*corev1.Pod, len(names))
	problems := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			pod, err := do[corev1.Pod](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(podsResource).Name(name))
			switch {
			case apierrors.IsNotFound(err):
			case err != nil:
				problems[i] = fmt.Errorf("pod %s: %w", name, c.explain(err, "get", podsResource, name))
			case metav1.IsControlledBy(pod, job):
				pods[i] = pod
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(pods, func(pod *corev1.Pod) bool { return pod == nil }), joinErrors(ctx, problems)
}

// Events reads what the cluster noted about a job and its pods, the oldest first. Events are kept for
// an hour, where nobody set it otherwise.
func (c *Client) Events(ctx context.Context, job *batchv1.Job, pods []*corev1.Pod) ([]*corev1.Event, error) {
	about := []types.UID{job.UID}
	for _, pod := range pods {
		about = append(about, pod.UID)
	}
	found := make([][]*corev1.Event, len(about))
	problems := make([]error, len(about))
	var group sync.WaitGroup
	for i, uid := range about {
		group.Go(func() {
			options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(uid)).String()}
			list, err := do[corev1.EventList](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(eventsResource).VersionedParams(&options, metav1.ParameterCodec))
			problems[i] = c.explain(err, "list", eventsResource, "")
			for j := range list.Items {
				found[i] = append(found[i], &list.Items[j])
			}
		})
	}
	group.Wait()
	events := slices.Concat(found...)
	specs := []*corev1.PodSpec{&job.Spec.Template.Spec}
	for _, pod := range pods {
		specs = append(specs, &pod.Spec)
	}
	for _, event := range events {
		event.Message = jobstatus.HideVariables(event.Message, specs...)
	}
	// Some parts of Kubernetes note whole seconds only; what happened in one is told in the order in
	// which it was stored.
	slices.SortStableFunc(events, func(a, b *corev1.Event) int {
		return cmp.Or(cmp.Compare(jobstatus.EventTime(a).Unix(), jobstatus.EventTime(b).Unix()), compareVersions(a.ResourceVersion, b.ResourceVersion))
	})
	return events, joinErrors(ctx, problems)
}

// compareVersions compares numbers of any length (KEP-5504 has resource versions compared so).
func compareVersions(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
