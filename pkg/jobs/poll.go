package jobs

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
)

// pollInterval is how often a job is looked at by anyone who can't watch it.
const pollInterval = 2 * time.Second

// poll does without a watch what the watch does, for a user with whom a job is shared: they may read the Job, and its
// pods by name. Where that does not work the first time either, the error is the watch's.
func (w *jobWatch) poll(ctx context.Context, watchErr error) (jobstatus.State, error) {
	var last jobstatus.State
	seen := false
	for {
		var pods []*corev1.Pod
		job, err := do[batchv1.Job](ctx, w.client, w.client.batch.Get().Namespace(w.job.Namespace).Resource(jobsResource).Name(w.job.Name))
		switch {
		case ctx.Err() != nil:
			return jobstatus.State{}, ctx.Err()
		case apierrors.IsNotFound(err), err == nil && job.UID != w.job.UID:
			state := last
			state.Phase, state.Reason, state.Message = jobstatus.Failed, jobstatus.ReasonDeleted, "the job was deleted by someone else"
			return state, nil
		case err == nil:
			pods, err = w.client.PodsOf(ctx, job)
		}
		switch {
		case apierrors.IsForbidden(err), err != nil && !seen:
			return jobstatus.State{}, watchErr
		case err != nil:
			if w.observer.Trouble != nil {
				w.observer.Trouble(err)
			}
		default:
			state := jobstatus.StateOf(job, pods, nil)
			state.Message = mask.Text(state.Message, w.observer.Values)
			if state != last && w.observer.State != nil {
				w.observer.State(state)
			}
			last, seen = state, true
			if w.attempts != nil {
				w.attempts(pods)
			}
			if state.Phase.Final() {
				return state, nil
			}
		}
		joblog.Pause(ctx, pollInterval, nil)
	}
}
