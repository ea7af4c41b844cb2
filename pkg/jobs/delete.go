package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// goneInterval is how often WaitUntilGone looks for pods.
const goneInterval = 500 * time.Millisecond

// Delete deletes a job, its pods and its copies. It is done as soon as the API server has accepted
// it: the pods get their grace period to end. A job that is gone already is no error.
//
// Where a finalizer holds the Job or a pod of it, the error is a *kube.BeingDeletedError. The garbage collector would
// let the pods of a Job that is held run on, so Delete deletes these too.
func (c *Client) Delete(ctx context.Context, job Ref) error {
	var (
		pods    []metav1.PartialObjectMetadata
		podsErr error
		group   sync.WaitGroup
	)
	group.Go(func() { pods, podsErr = c.podMetadata(ctx, job) })
	err := c.delete(ctx, job.Namespace, job.Name, metav1.Preconditions{UID: &job.UID})
	group.Wait()
	held := (*kube.BeingDeletedError)(nil)
	switch {
	case errors.As(err, &held):
		return c.endPods(ctx, job, held, pods)
	case apierrors.IsNotFound(err), kube.IsReplaced(err):
	case err != nil:
		return c.explain(err, "delete", jobsResource, job.Name)
	}
	switch podHeld := heldPods(pods); {
	case apierrors.IsForbidden(podsErr): // as for those it is shared with
		return nil
	case podsErr != nil:
		return fmt.Errorf("the Job is deleted, but whether a finalizer holds its pods is unknown: %w", podsErr)
	case podHeld != nil:
		return fmt.Errorf("is deleted, but its %w", podHeld)
	}
	return nil
}

// endPods deletes the pods of a job that is held.
func (c *Client) endPods(ctx context.Context, job Ref, held *kube.BeingDeletedError, pods []metav1.PartialObjectMetadata) error {
	options := c.podObjects(job).options
	err := c.core.Delete().Namespace(job.Namespace).Resource(podsResource).VersionedParams(&options, metav1.ParameterCodec).
		Body(&metav1.DeleteOptions{}).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("%w; its pods may run on: %w", held, c.explain(err, "deletecollection", podsResource, ""))
	}
	if podHeld := heldPods(pods); podHeld != nil {
		return fmt.Errorf("%w, and its %w", held, podHeld)
	}
	return fmt.Errorf("%w; its pods are ended", held)
}

// heldPods is an error that names a pod that will still be there when its containers have ended.
func heldPods(pods []metav1.PartialObjectMetadata) error {
	for i := range pods {
		pod := pods[i].DeepCopy()
		// The job controller removes this one as soon as the Job is deleted.
		pod.Finalizers = slices.DeleteFunc(pod.Finalizers, func(finalizer string) bool { return finalizer == batchv1.JobTrackingFinalizer })
		if err := kube.CheckDeleted(pod); err != nil {
			return fmt.Errorf("pod %s %w", pod.Name, err)
		}
	}
	return nil
}

// podMetadata reads what there is of the pods of a job, without what is in them.
func (c *Client) podMetadata(ctx context.Context, job Ref) ([]metav1.PartialObjectMetadata, error) {
	api, err := c.kube.Metadata()
	if err != nil {
		return nil, err
	}
	list, err := api.Resource(corev1.SchemeGroupVersion.WithResource(podsResource)).Namespace(job.Namespace).List(ctx, c.podObjects(job).options)
	if err != nil {
		return nil, c.explain(err, "list", podsResource, "")
	}
	return list.Items, nil
}

// WaitUntilGone waits until a job that was deleted, and its pods as far as the user may see them, are gone.
func (c *Client) WaitUntilGone(ctx context.Context, job Ref) error {
	if err := c.kube.WaitUntilGone(ctx, batchv1.SchemeGroupVersion.WithResource(jobsResource), job.Namespace, job.Name, job.UID); err != nil {
		return err
	}
	for {
		pods, err := c.podMetadata(ctx, job)
		if apierrors.IsForbidden(err) || err == nil && len(pods) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if joblog.Pause(ctx, goneInterval, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (c *Client) delete(ctx context.Context, namespace, name string, only metav1.Preconditions) error {
	return kube.Delete(ctx, c.batch.Delete().Namespace(namespace).Resource(jobsResource).Name(name), &metav1.DeleteOptions{
		Preconditions: &only,
		// Without it the API server leaves the pods of a Job running, for historical reasons.
		PropagationPolicy: ptr.To(metav1.DeletePropagationBackground),
	})
}
