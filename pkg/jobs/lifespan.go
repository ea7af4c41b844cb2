package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// BumpLifeSpan adds to the life span of a job, and returns the job as it is then. It is an error where
// the job has no limit, or has ended. Of several calls at once each counts.
func (c *Client) BumpLifeSpan(ctx context.Context, job *batchv1.Job, more time.Duration) (*batchv1.Job, error) {
	known := job
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() (err error) {
		if known == nil {
			if known, err = c.Get(ctx, job.Name); err != nil {
				return err
			}
		}
		current := known
		known = nil
		listed := jobstatus.Job{Job: current, State: jobstatus.StateOf(current, nil, nil)}
		switch {
		case current.UID != job.UID:
			return &NotFoundError{Namespace: job.Namespace, Name: job.Name}
		case current.DeletionTimestamp != nil:
			return fmt.Errorf("job %s %w", job.Name, kube.CheckNotBeingDeleted(current))
		case listed.Status().Ended():
			return fmt.Errorf("job %s has ended (%s)", job.Name, listed.Status())
		case listed.LifeSpan() == 0:
			return fmt.Errorf("job %s has no life span that could be longer: it runs until it ends", job.Name)
		}
		if podsAreLimited(current) {
			return fmt.Errorf("job %s is or was shared, so its pods have a deadline too, which Kubernetes never raises; run it again with a longer --life-span", job.Name)
		}
		if listed.LifeSpan() > duration.Max-more {
			return fmt.Errorf("job %s has a life span of %s already: with %s more it would be longer than the longest possible, %s",
				job.Name, duration.Format(listed.LifeSpan()), duration.Format(more), duration.Format(duration.Max))
		}
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": current.ResourceVersion},
			"spec":     map[string]any{"activeDeadlineSeconds": *jobspec.Seconds(listed.LifeSpan() + more)},
		})
		if err != nil {
			return err
		}
		bumped, err := do[batchv1.Job](ctx, c, c.batch.Patch(types.MergePatchType).Namespace(job.Namespace).Resource(jobsResource).Name(job.Name).Body(patch))
		switch {
		case err == nil:
			job = bumped
			return nil
		case apierrors.IsConflict(err):
			return err
		}
		return fmt.Errorf("job %s: %w", job.Name, c.explain(err, "patch", jobsResource, job.Name))
	})
	return job, err
}
