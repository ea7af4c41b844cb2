package jobs

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// patchJob changes a job, whoever else is changing it. The patch names the job's UID.
func (c *Client) patchJob(ctx context.Context, job Ref, patch []byte) (patched *batchv1.Job, err error) {
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() (err error) {
		patched, err = do[batchv1.Job](ctx, c, c.batch.Patch(types.MergePatchType).
			Namespace(job.Namespace).
			Resource(jobsResource).
			Name(job.Name).
			Body(patch))
		return err
	})
	return patched, err
}

// patchPod is the same for a pod.
func (c *Client) patchPod(ctx context.Context, pod *corev1.Pod, patch []byte) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		return c.core.Patch(types.MergePatchType).Namespace(pod.Namespace).Resource(podsResource).Name(pod.Name).Body(patch).Do(ctx).Error()
	})
}
