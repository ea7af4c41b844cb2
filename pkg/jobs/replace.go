package jobs

import (
	"context"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// maxReplaced is how often a call makes room for a named job, before it takes the name for used by others.
const maxReplaced = 3

// freeName makes room for a named job, and reports whether it did: a job that has ended, or that a killed call left
// unprepared, is deleted. An error is for a job that is not deleted although it should be.
func (c *Client) freeName(ctx context.Context, plan *Plan, attempt int) (bool, error) {
	if attempt == maxReplaced {
		return false, nil
	}
	job, status, err := c.ended(ctx, plan.manifest.Job.Name)
	switch {
	case err != nil:
		return false, err
	case job == nil:
		return true, nil
	case status == "" && attempt == 1:
		cleared, held := c.clearAbandoned(ctx, plan.manifest.Job.Name)
		if held != nil {
			return false, fmt.Errorf("job %q %w; choose another name, or try again when it is gone", plan.manifest.Job.Name, held)
		}
		return cleared, nil
	case status == "":
		return false, nil
	}
	// By its UID, so that a job that somebody else has put in its place meanwhile stays.
	err = c.delete(context.WithoutCancel(ctx), job.Namespace, job.Name, metav1.Preconditions{UID: &job.UID})
	if err != nil && !apierrors.IsNotFound(err) && !kube.IsReplaced(err) {
		return false, fmt.Errorf("job %q has ended (%s) and can't be replaced: %w", job.Name, status, c.explain(err, "delete", jobsResource, job.Name))
	}
	plan.replaced = status
	return true, nil
}

// ended reads a job, nil where there is none. The status is "" unless the job is one of ours that has ended.
func (c *Client) ended(ctx context.Context, name string) (*batchv1.Job, jobstatus.Status, error) {
	job, err := c.Get(ctx, name)
	var notFound *NotFoundError
	switch {
	case errors.As(err, &notFound):
		return nil, "", nil
	case err != nil:
		return &batchv1.Job{}, "", nil // what can't be read, or is another tool's, stays
	}
	if err := kube.CheckNotBeingDeleted(job); err != nil {
		return job, "", fmt.Errorf("job %q %w; choose another name, or try again when it is gone", name, err)
	}
	listed := jobstatus.Job{Job: job, State: jobstatus.StateOf(job, nil, nil)}
	if !listed.Status().Ended() {
		// Its controller takes a moment to say that the last pod has ended.
		pods, err := c.PodsOf(ctx, job)
		if err != nil {
			return job, "", nil
		}
		listed.State = jobstatus.StateOf(job, pods, nil)
	}
	if status := listed.Status(); status.Ended() {
		return job, status, nil
	}
	return job, "", nil
}

// dryRunBeside is CreateDryRun for a plan whose name an ended job has: that job would be replaced, and until then the
// API server can check the new one only under another name.
func (c *Client) dryRunBeside(ctx context.Context, plan *Plan) (*batchv1.Job, error) {
	other := plan.manifest.Job.DeepCopy()
	other.Name = jobspec.NewName(other.Spec.Template.Spec.Containers[0].Image)
	created, err := c.post(ctx, other, metav1.DryRunAll)
	if err == nil {
		created.Name = plan.manifest.Job.Name
	}
	return created, err
}
