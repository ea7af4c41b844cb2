package jobstatus

import (
	"cmp"
	"encoding/json"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// isSuspended reports whether a job waits because somebody else than this package told it to.
func isSuspended(job *batchv1.Job) bool {
	return deref(job.Spec.Suspend) && job.Annotations[wellknown.AnnotationPreparing] == ""
}

// suspendedBy says who has suspended a job, as far as the Job tells.
func suspendedBy(job *batchv1.Job) string {
	if queue := job.Labels[jobspec.LabelQueue]; queue != "" {
		return "the queue " + queue
	}
	manager, latest := "", job.CreationTimestamp
	for _, entry := range job.ManagedFields {
		var fields struct {
			Spec map[string]json.RawMessage `json:"f:spec"`
		}
		if entry.FieldsV1 == nil || entry.Time == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		// A webhook's change is the creator's for the API server.
		if _, sets := fields.Spec["f:suspend"]; sets && !strings.HasPrefix(entry.Manager, "kubectl-apolo") && !entry.Time.Before(&latest) {
			manager, latest = entry.Manager, *entry.Time
		}
	}
	return cmp.Or(manager, "an admission webhook of the cluster")
}

// describeSuspended is for a job that somebody has suspended. Its pods are deleted, and what they have
// done counts for nothing; until it is killed a container may still say something.
func (s *Snapshot) describeSuspended(pod *corev1.Pod, state State) State {
	by := suspendedBy(s.job)
	state.Container, state.Reason = "", ReasonSuspended
	if state.Phase == Running && state.ExitCode == UnknownExitCode && !s.gone[pod.UID] {
		state.Message = "suspended by " + by + "; its container is ended"
		return state
	}
	state.Phase, state.ExitCode = Suspended, UnknownExitCode
	state.Message = "suspended by " + by + "; it waits until it is resumed there"
	return state
}
