package jobstatus

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// StateOf is what can be said of a job from what was read of it at one moment. The job may be nil;
// then it is what its pods say.
func StateOf(job *batchv1.Job, pods []*corev1.Pod, events []*corev1.Event) State {
	s := NewSnapshot("", nil)
	s.job = job
	for _, pod := range pods {
		s.pods[pod.UID] = pod
	}
	for _, event := range events {
		if about := event.InvolvedObject.UID; explainsPending(event) {
			s.events[about] = event
		}
	}
	state := s.Describe()
	if len(pods) > 0 || job == nil {
		return withDeletion(job, state)
	}
	// Its pods were not read.
	switch {
	case state.Phase == Pending && deref(job.Status.Ready) > 0:
		state.Phase, state.Started = Running, true
	case state.Reason == batchv1.JobReasonBackoffLimitExceeded: // says no more than that it failed
		state.Reason, state.Message = "", ""
	}
	return withDeletion(job, state)
}

// withDeletion adds to a state that the job is being deleted.
func withDeletion(job *batchv1.Job, state State) State {
	if job == nil {
		return state
	}
	if held := kube.CheckNotBeingDeleted(job); held != nil {
		state.Reason, state.Message = ReasonDeleted, "the job "+held.Error()
	}
	return state
}

// Attempt is one pod of a job, with its state.
type Attempt struct {
	*corev1.Pod
	State State
}

// Attempts are the pods of a job, the oldest first, each with the state that it alone would give.
func Attempts(pods []*corev1.Pod) []Attempt {
	attempts := make([]Attempt, 0, len(pods))
	for i, pod := range pods {
		state := StateOf(nil, []*corev1.Pod{pod}, nil)
		state.Attempt = i + 1
		attempts = append(attempts, Attempt{Pod: pod, State: state})
	}
	return attempts
}

// CommandEnd is the end of a job's command in a pod that has not ended.
type CommandEnd struct {
	ExitCode int
	Running  []string // the other containers that still run
	Failed   bool     // because of another container the pod fails, whatever the exit code is
}

// CommandEndOf reads a CommandEnd; nil where the command has not ended, or the whole pod has.
func CommandEndOf(pod *corev1.Pod) *CommandEnd {
	own := jobContainer(pod)
	if own == nil || own.State.Terminated == nil || podEnded(pod) {
		return nil
	}
	end := &CommandEnd{ExitCode: int(own.State.Terminated.ExitCode)}
	for _, other := range otherContainers(pod) {
		if other.State.Terminated == nil {
			end.Running = append(end.Running, other.Name)
		}
	}
	_, failure := culprit(pod)
	end.Failed = failure != nil
	return end
}

// Times are when the job's container in a pod was started and when it ended, by its node's clock; zero where it was not.
func Times(pod *corev1.Pod) (started, ended time.Time) {
	container := jobContainer(pod)
	if container == nil {
		return started, ended
	}
	switch state := container.State; {
	case state.Running != nil:
		return state.Running.StartedAt.Time, ended
	case state.Terminated != nil && state.Terminated.StartedAt.Unix() > 0:
		return state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time
	}
	return started, ended
}
