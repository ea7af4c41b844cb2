package jobs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// debounce is how long Follow waits for more, once something has changed: a job that starts or ends
// changes several times in a row.
const debounce = 100 * time.Millisecond

// Follow gives each what List would return without Leftovers, now and after every change, until the context ends, whose
// error it returns, or the user may not list or watch jobs any more. Where the API server can't be
// reached for a while it continues by itself.
func (c *Client) Follow(ctx context.Context, options ListOptions, each func([]jobstatus.Job)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	namespace := c.listNamespace(options)
	changes := make(chan change)
	observe := func(o objects) {
		err := c.observe(ctx, o, func(change change) {
			select {
			case changes <- change:
			case <-ctx.Done():
			}
		})
		if o.resource == jobsResource && ctx.Err() == nil {
			cancel(err)
		}
	}
	go observe(objects{
		unary: c.batch, streaming: c.streamingBatch, resource: jobsResource, namespace: namespace,
		options: metav1.ListOptions{LabelSelector: jobSelector},
		newList: func() runtime.Object { return &batchv1.JobList{} },
	})
	go observe(objects{
		unary: c.core, streaming: c.streamingCore, resource: podsResource, namespace: namespace,
		options: metav1.ListOptions{LabelSelector: jobSelector, FieldSelector: activePodSelector},
		newList: func() runtime.Object { return &corev1.PodList{} },
	})

	jobs, pods := map[types.UID]*batchv1.Job{}, map[types.UID]*corev1.Pod{}
	complete := false // the jobs were listed
	troubled := false
	timer := time.NewTimer(debounce)
	timer.Stop()
	for {
		select {
		case change := <-changes:
			if (change.trouble != nil || troubled) && options.Trouble != nil {
				options.Trouble(change.trouble)
			}
			if troubled = change.trouble != nil; troubled {
				continue
			}
			if change.resource == jobsResource {
				complete = true
				clear(jobs)
			}
			if change.resource == podsResource {
				clear(pods)
			}
			for _, object := range append(change.all, change.changed) {
				switch object := object.(type) {
				case *batchv1.Job:
					jobs[object.UID] = object
				case *corev1.Pod:
					pods[object.UID] = object
				}
			}
			switch object := change.deleted.(type) {
			case *batchv1.Job:
				delete(jobs, object.UID)
				maps.DeleteFunc(pods, func(_ types.UID, pod *corev1.Pod) bool { return metav1.IsControlledBy(pod, object) })
			case *corev1.Pod:
				// One that ended has only left the selection; its job's status follows.
				if object.DeletionTimestamp != nil {
					delete(pods, object.UID)
				}
			}
			if complete {
				timer.Reset(debounce)
			}
		case <-timer.C:
			found := listed(options, maps.Values(jobs), maps.Values(pods))
			byName := slices.SortedFunc(maps.Values(pods), func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
			each(append(found, options.orphans(byName)...))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
