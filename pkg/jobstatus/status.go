package jobstatus

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// Job is a job with its state at the moment of a list. Of jobs whose pods were not read, or that
// have ended, it is what the Job's own status tells.
type Job struct {
	*batchv1.Job
	State State
}

// Status is the word that users know for how a job fares; it is Apolo's.
type Status string

// The statuses.
const (
	StatusPending   Status = "pending"
	StatusSuspended Status = "suspended"
	StatusRunning   Status = "running"
	StatusSucceeded Status = "succeeded"
	StatusFailed    Status = "failed"
	StatusCancelled Status = "cancelled" // it is being deleted
	StatusOrphaned  Status = "orphaned"  // it is gone, and something of it is left
)

// Statuses lists all there are, in the order in which a job comes to them.
func Statuses() []Status {
	return []Status{StatusPending, StatusSuspended, StatusRunning, StatusSucceeded, StatusFailed, StatusCancelled, StatusOrphaned}
}

// Ended reports whether a job of this status will not run any more.
func (s Status) Ended() bool {
	return s == StatusSucceeded || s == StatusFailed || s == StatusCancelled
}

// Ended reports whether nothing of a job runs any more. One that is being deleted, and has not ended before, may still
// run: a finalizer can hold it.
func (j *Job) Ended() bool {
	return j.Status().Ended() && (j.DeletionTimestamp == nil || !j.Finished().IsZero())
}

// Status puts the state of a job into a word.
func (j *Job) Status() Status {
	switch {
	case j.IsOrphaned():
		return StatusOrphaned
	case j.DeletionTimestamp != nil:
		return StatusCancelled
	case j.State.Phase == Succeeded:
		return StatusSucceeded
	case j.State.Phase == Failed:
		return StatusFailed
	case ptr.Deref(j.Spec.Suspend, false):
		return StatusSuspended
	case j.State.Phase == Running, j.State.Phase == Finishing, j.State.Phase == Restarting:
		return StatusRunning
	}
	return StatusPending
}

// Finished is when a job ended; zero while it continues.
func (j *Job) Finished() time.Time {
	if j.Job.Status.CompletionTime != nil {
		return j.Job.Status.CompletionTime.Time
	}
	for _, condition := range j.Job.Status.Conditions {
		if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// Started is when a job was first let start; zero before.
func (j *Job) Started() time.Time {
	if j.Job.Status.StartTime == nil {
		return time.Time{}
	}
	return j.Job.Status.StartTime.Time
}

// LifeSpan is how long a job may run; 0 means forever.
func (j *Job) LifeSpan() time.Duration {
	return jobspec.OfSeconds(ptr.Deref(j.Spec.ActiveDeadlineSeconds, 0))
}

// Deadline is when a job's life span ends; zero where it has none, or has not started.
func (j *Job) Deadline() time.Time {
	if j.LifeSpan() == 0 || j.Started().IsZero() {
		return time.Time{}
	}
	return j.Started().Add(j.LifeSpan())
}

// LastTransition is the time of the last change that matters: the end, else the start, else the creation.
func (j *Job) LastTransition() time.Time {
	if end := j.Finished(); !end.IsZero() {
		return end
	}
	if start := j.Started(); !start.IsZero() && j.Status() == StatusRunning {
		return start
	}
	return j.CreationTimestamp.Time
}

// ReasonOrphaned is why a job that is gone is in a list: something of it is left.
const ReasonOrphaned = "Orphaned"

// IsOrphaned reports whether a job is in a list only because its pod, or something else of it, is left.
func (j *Job) IsOrphaned() bool { return j.State.Reason == ReasonOrphaned }

// Orphaned makes a Job of what is left of a job that is gone. The state is that of its pod.
func Orphaned(namespace, name string, created metav1.Time, pod corev1.PodSpec, state State, left []string) Job {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: created}}
	job.Spec.Template.Spec = pod
	state.Reason = ReasonOrphaned
	state.Message = fmt.Sprintf("the job was deleted, and what it had was left: %s; job kill %s removes it", strings.Join(left, ", "), name)
	return Job{Job: job, State: state}
}
