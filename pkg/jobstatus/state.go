package jobstatus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// Phase is how far a job has come.
type Phase string

// The phases. The last three are final.
const (
	Pending Phase = "pending"
	Pulling Phase = "pulling" // the node fetches the image
	Running Phase = "running"
	// Suspended is a job that a queue or a person has told to wait (spec.suspend).
	Suspended Phase = "suspended"
	// Finishing is a job whose command has ended, and whose pod has not: other containers in it still run.
	Finishing Phase = "finishing"
	// Restarting is a job whose attempt has ended, and that will make another one.
	Restarting Phase = "restarting"
	Succeeded  Phase = "succeeded"
	Failed     Phase = "failed"
	// Stuck is a job whose container never started, and never will: its pod is refused, its image can't
	// be pulled, or what it needs is not there.
	Stuck Phase = "stuck"
)

// Final reports whether a job of this phase will not change any more.
func (p Phase) Final() bool { return p == Succeeded || p == Failed || p == Stuck }

// Reasons that Kubernetes has no word for.
const (
	ReasonDeleted    = "Deleted"    // somebody deleted the job or its pod
	ReasonPodDeleted = "PodDeleted" // somebody deleted the job's pod
	// ReasonSidecarRunning is that of a job whose command has ended, and whose pod other containers keep
	// from ending.
	ReasonSidecarRunning = "SidecarRunning"
	ReasonSuspended      = "Suspended" // somebody set spec.suspend
)

// ReasonOOMKilled is the kubelet's word for a container that needed more memory than it may have.
const ReasonOOMKilled = "OOMKilled"

// UnknownExitCode is the ExitCode of a job whose command did not end, or not to our knowledge.
const UnknownExitCode = -1

// State is what can be said of a job at one moment.
type State struct {
	Phase Phase
	// Reason is the word that Kubernetes has for why it is so, such as Unschedulable,
	// ImagePullBackOff, Error, OOMKilled or DeadlineExceeded; empty where nothing is to be said.
	Reason string
	// Message is the cluster's own explanation. It is not harmless for a terminal.
	Message string
	// Container is the one that Reason and Message are about, where it is not the job's own: an init
	// container or a sidecar that something in the cluster added to the pod.
	Container string
	// Pod is the name of the pod that runs the job; empty before there is one.
	Pod string
	// Attempt counts the pods that the job has had, Pod included: 1 is the first, 0 before that. With
	// RestartNever there is only one. Pods that were gone before the job was looked at don't count.
	Attempt int
	// Started reports whether the container has run, so that there is a log.
	Started bool
	// ExitCode is the container's, once it has ended; else UnknownExitCode. Of several attempts it is
	// the last one's.
	ExitCode int
}

// Signal is the name of the signal that ended the command, as far as the exit code tells: shells and
// container runtimes report 128 and the signal's number. It is empty where there was none.
func (s State) Signal() string {
	return map[int]string{
		128 + 1: "SIGHUP", 128 + 2: "SIGINT", 128 + 3: "SIGQUIT", 128 + 4: "SIGILL", 128 + 6: "SIGABRT", 128 + 7: "SIGBUS",
		128 + 8: "SIGFPE", 128 + 9: "SIGKILL", 128 + 11: "SIGSEGV", 128 + 13: "SIGPIPE", 128 + 15: "SIGTERM",
	}[s.ExitCode]
}

// pullAttempts is after how many failures an image counts as one that can't be pulled.
const pullAttempts = 2

// Describe makes a State of what is known. Values of secrets are hidden in its message.
func (s *Snapshot) Describe() State {
	state := s.describeAll()
	state.Message = mask.Text(s.hideVariables(state.Message), s.values)
	return state
}

func (s *Snapshot) describeAll() State {
	pod := s.Latest()
	state := State{Phase: Pending, ExitCode: UnknownExitCode}
	if pod != nil {
		state = s.describePod(pod)
		state.Attempt = 1 + slices.Index(s.Attempts(), pod)
		if (state.Phase == Succeeded || state.Phase == Failed) && s.restarts() || state.Phase == Failed && replacesDisrupted(s.job, pod) {
			state.Phase = Restarting // unless the job itself has ended
		}
	} else if s.job != nil {
		if event := s.events[s.job.UID]; event != nil {
			state.Reason, state.Message = event.Reason, createError(event.Message)
			if isRefused(event.Message) {
				state.Phase = Stuck
			}
		}
	}
	if state.Phase.Final() {
		return state
	}
	return s.describeJob(pod, state)
}

// restarts reports whether the end of an attempt may be followed by another one: by a new pod, or by a
// new container in the same pod. Whether it is, is for the job's controller to decide.
func (s *Snapshot) restarts() bool {
	return s.job != nil && (deref(s.job.Spec.BackoffLimit) > 0 || deref(s.job.Spec.Completions) > 1 ||
		s.job.Spec.Template.Spec.RestartPolicy == corev1.RestartPolicyOnFailure)
}

// describeJob adds what befalls the job as a whole. A pod that is being deleted has no say of its
// own: whether its job was deleted, timed out, or continues in another pod, only the job knows.
func (s *Snapshot) describeJob(pod *corev1.Pod, state State) State {
	end := func(reason, message string) State {
		state.Reason, state.Message, state.Container = reason, message, ""
		// Until it is killed the container may still say something.
		if state.Phase != Running || state.ExitCode != UnknownExitCode || s.gone[pod.UID] {
			state.Phase = Failed
		}
		return state
	}
	if s.jobGone || s.job != nil && s.job.DeletionTimestamp != nil {
		return end(ReasonDeleted, "the job was deleted by someone else")
	}
	if s.job == nil {
		return state
	}
	if isSuspended(s.job) {
		return s.describeSuspended(pod, state)
	}
	for _, condition := range s.job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return state.withResult(0)
		case batchv1.JobFailed, batchv1.JobFailureTarget:
			code, recorded := jobspec.RecordedExitCode(s.job)
			switch {
			case recorded:
				return state.withResult(code)
			case condition.Reason == batchv1.JobReasonDeadlineExceeded:
				return end(condition.Reason, fmt.Sprintf("the job ran longer than its life span of %s",
					time.Duration(deref(s.job.Spec.ActiveDeadlineSeconds))*time.Second))
			case pod != nil && (pod.DeletionTimestamp != nil || s.gone[pod.UID]):
				return end(ReasonPodDeleted, cmp.Or(disruption(pod), "the job's pod was deleted by someone else"))
			case state.Phase == Restarting && condition.Type == batchv1.JobFailed:
				state.Phase = Failed // for the reason of its last attempt
				return state
			case condition.Type == batchv1.JobFailed:
				return end(condition.Reason, condition.Message)
			}
		}
	}
	return state
}

// withResult is the state of a job whose command is known to have ended with code.
func (s State) withResult(code int) State {
	s.Phase, s.Reason, s.Message, s.Container, s.ExitCode = Succeeded, "", "", "", code
	if code != 0 {
		s.Phase, s.Reason = Failed, "Error"
	}
	return s
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// describePod tells what one pod says of its job. While a pod is being deleted its end is not the
// job's.
func (s *Snapshot) describePod(pod *corev1.Pod) State {
	state := State{Phase: Pending, Pod: pod.Name, ExitCode: UnknownExitCode}
	container := jobContainer(pod)
	switch {
	case container != nil && container.State.Running != nil:
		state.Phase, state.Started = Running, true
		return describeSidecars(pod, state)
	case container != nil && container.State.Terminated != nil:
		if finishing, ok := describeFinishing(pod, container.State.Terminated, state); ok {
			return finishing
		}
		return describeEnd(pod, container.State.Terminated, state)
	case pod.Status.Phase == corev1.PodFailed: // a container before it failed, or a node refused the pod, or gave it up
		return describeFailedStart(pod, state)
	}
	if waiting, ok := s.describeInit(pod, state); ok {
		return waiting
	}
	if container != nil && container.State.Waiting != nil {
		state.Started = container.LastTerminationState.Terminated != nil
		return s.describeWaiting(pod, jobspec.ContainerName, container.State.Waiting, state)
	}
	return s.describeUnstarted(pod, state)
}

// HasRun reports whether the container of a pod runs or ran, so that there is a log.
func HasRun(pod *corev1.Pod) bool {
	container := jobContainer(pod)
	if container == nil {
		return false
	}
	end := container.State.Terminated
	return container.State.Running != nil || container.LastTerminationState.Terminated != nil || end != nil && end.StartedAt.Unix() > 0
}

// HasEnded reports whether the container of a pod has ended and will not be started again.
func HasEnded(pod *corev1.Pod) bool {
	if podEnded(pod) {
		return true
	}
	container := jobContainer(pod)
	return container != nil && container.State.Terminated != nil && pod.Spec.RestartPolicy != corev1.RestartPolicyOnFailure
}

func describeEnd(pod *corev1.Pod, end *corev1.ContainerStateTerminated, state State) State {
	state.ExitCode = int(end.ExitCode)
	// A container that could not be started has an end without a beginning.
	state.Started = end.StartedAt.Unix() > 0
	if pod.DeletionTimestamp != nil {
		state.Phase = Running
		return state
	}
	other, otherEnd := culprit(pod)
	if end.ExitCode == 0 && pod.Status.Phase != corev1.PodFailed && otherEnd == nil {
		state.Phase = Succeeded
		return state
	}
	state.Phase = Failed
	_, endedByRun := pod.Annotations[wellknown.AnnotationEndedSidecars]
	if end.ExitCode == 0 && endedByRun && otherEnd == nil {
		state.Phase = Succeeded
		return state
	}
	if end.ExitCode == 0 && (pod.Status.Reason == "" || endedByRun) && otherEnd != nil {
		state.Container, state.Reason = other.Name, otherEnd.Reason
		state.Message = fmt.Sprintf("%s failed: %s", other, failureOf(otherEnd))
		return state
	}
	state.Reason, state.Message = end.Reason, end.Message
	if !state.Started {
		state.Message = startError(end.Message)
		return state
	}
	state.Message = "" // the container's termination message is for programs
	if pod.Status.Reason != "" && !endedByRun {
		state.Reason, state.Message = pod.Status.Reason, pod.Status.Message
	} else if why := disruption(pod); why != "" {
		state.Message = why
	}
	return state
}

// createError is why a pod can't be created, without the name it would have had, which is another one
// each time.
func createError(message string) string {
	if _, why, ok := strings.Cut(message, `" is forbidden: `); ok && strings.HasPrefix(message, createPrefix+"pods ") {
		return why
	}
	return strings.TrimPrefix(message, createPrefix)
}

// disruption is why a cluster ended a pod before its time, in the cluster's words.
func disruption(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget && condition.Status == corev1.ConditionTrue {
			return condition.Message
		}
	}
	return ""
}

// describeUnstarted is for a pod whose container nothing is known of.
func (s *Snapshot) describeUnstarted(pod *corev1.Pod, state State) State {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			state.Reason, state.Message = condition.Reason, schedulingError(condition.Message)
			return state
		}
	}
	return s.withEvent(pod, state)
}

// describeWaiting words the reasons of the kubelet (k8s.io/kubernetes/pkg/kubelet: images/types.go,
// container/sync_result.go, kuberuntime/kuberuntime_container.go).
func (s *Snapshot) describeWaiting(pod *corev1.Pod, container string, waiting *corev1.ContainerStateWaiting, state State) State {
	switch waiting.Reason {
	case "ContainerCreating", "PodInitializing", "":
		return s.withEvent(pod, state)
	}
	state.Reason, state.Message = waiting.Reason, waiting.Message
	if neverCreated(waiting) {
		state.Phase = Stuck
	}
	switch waiting.Reason {
	case "CreateContainerConfigError":
		// A kubelet that is busy does not get a Secret in time; it tries again, and gets it then.
		if !strings.Contains(waiting.Message, "failed to sync ") {
			state.Phase = Stuck
		}
	case "InvalidImageName", "ErrImageNeverPull":
		state.Phase = Stuck
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		state.Phase = Pulling
		state.Message = pullError(waiting.Message)
		if s.failures[podContainer{pod.UID, container}] >= pullAttempts || isPermanentPullError(pod, waiting.Message) {
			state.Phase = Stuck
		}
	}
	return state
}

// pullError is the registry's answer without what the kubelet and the container runtime wrap around.
func pullError(message string) string {
	for _, wrapping := range []string{"ErrImagePull: ", "desc = "} {
		if _, inner, ok := strings.Cut(message, wrapping); ok {
			message = inner
		}
	}
	for {
		message = strings.TrimPrefix(message, "failed to resolve image: ") // containerd 2
		// failed to pull and unpack image "…": failed to resolve reference "…": …
		_, rest, ok := strings.Cut(message, `": `)
		if !ok || !strings.HasPrefix(message, "failed to pull and unpack image ") && !strings.HasPrefix(message, "failed to resolve reference ") {
			return message
		}
		message = rest
	}
}

// isPermanentPullError reports whether the words of a registry mean that a second attempt would end alike. A kubelet that is
// busy does not get an imagePullSecret in time, and asks without it at first.
func isPermanentPullError(pod *corev1.Pod, message string) bool {
	message = strings.ToLower(message)
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(words string) bool { return strings.Contains(message, words) })
	}
	if says("denied", "unauthorized", "403 forbidden", "authorization failed") {
		return len(pod.Spec.ImagePullSecrets) == 0
	}
	return says("not found", "manifest unknown", "invalid reference")
}

// withEvent adds what an event says of a pod that waits without a reason.
func (s *Snapshot) withEvent(pod *corev1.Pod, state State) State {
	event := s.events[pod.UID]
	if event == nil {
		return state
	}
	if event.Reason == eventPulling {
		state.Phase, state.Container = Pulling, eventContainer(event)
		return state
	}
	state.Reason, state.Message = event.Reason, event.Message
	// The kubelet tries a mount forever. Without its Secret it can't succeed.
	if event.Reason == "FailedMount" && missingSecret(event.Message) {
		state.Phase = Stuck
	}
	return state
}

// eventContainer is the container that an event is about, where it is not the job's own.
func eventContainer(event *corev1.Event) string {
	// spec.containers{NAME}, spec.initContainers{NAME}
	_, name, _ := strings.Cut(event.InvolvedObject.FieldPath, "{")
	if name = strings.TrimSuffix(name, "}"); name == jobspec.ContainerName {
		return ""
	}
	return name
}

func missingSecret(message string) bool {
	return strings.Contains(message, `secret "`) && strings.Contains(message, "not found") ||
		strings.Contains(message, "references non-existent secret key")
}

const eventPulling = "Pulling"

// explainsPending reports whether an event may explain why a job has not started: FailedCreate, FailedMount,
// FailedCreatePodSandBox and their like. "Failed" alone repeats what the pod's status says.
func explainsPending(event *corev1.Event) bool {
	return event.Reason == eventPulling || event.Reason != "Failed" && strings.HasPrefix(event.Reason, "Failed")
}
