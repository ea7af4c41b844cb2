package jobstatus

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// A pod may hold containers that this package did not put there: an admission webhook adds them, as service
// meshes and secret injectors do. They decide with the job's own container what becomes of the pod, so
// they are part of its state.

// otherContainer is a container of a pod besides the job's own.
type otherContainer struct {
	*corev1.ContainerStatus
	init bool // it runs before the others
	// native marks a sidecar as Kubernetes knows them: an init container that runs until the others have
	// ended, and that the kubelet then ends. Its exit code does not count.
	native bool
}

// String names the container in a sentence.
func (c otherContainer) String() string {
	if c.init && !c.native {
		return "the init container " + c.Name
	}
	return "the sidecar " + c.Name
}

// otherContainers returns them in the order of the pod, those that run first at the head.
func otherContainers(pod *corev1.Pod) []otherContainer {
	var all []otherContainer
	for i := range pod.Status.InitContainerStatuses {
		status := &pod.Status.InitContainerStatuses[i]
		native := slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
			return c.Name == status.Name && deref(c.RestartPolicy) == corev1.ContainerRestartPolicyAlways
		})
		all = append(all, otherContainer{status, true, native})
	}
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name != jobspec.ContainerName {
			all = append(all, otherContainer{status, false, false})
		}
	}
	return all
}

func jobContainer(pod *corev1.Pod) *corev1.ContainerStatus {
	i := slices.IndexFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == jobspec.ContainerName })
	if i < 0 {
		return nil
	}
	return &pod.Status.ContainerStatuses[i]
}

// podEnded reports whether no container of a pod runs any more.
func podEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// waits reports whether a container has its own reason not to run; the others only wait for their turn.
func (c otherContainer) waits() bool {
	if c.State.Waiting == nil {
		return false
	}
	switch c.State.Waiting.Reason {
	case "ContainerCreating", "PodInitializing", "":
		return false
	}
	return true
}

// failed returns how a container failed, or nil. That of a native sidecar is the end before its restart.
func (c otherContainer) failed() *corev1.ContainerStateTerminated {
	end := c.State.Terminated
	if c.native && c.waits() {
		end = c.LastTerminationState.Terminated
	}
	if end == nil || end.ExitCode == 0 {
		return nil
	}
	return end
}

// failureOf words how a container failed.
func failureOf(end *corev1.ContainerStateTerminated) string {
	switch {
	case end.StartedAt.Unix() <= 0:
		return startError(end.Message)
	case end.Reason == ReasonOOMKilled:
		return fmt.Sprintf("out of memory (OOMKilled), exit code %d", end.ExitCode)
	}
	return fmt.Sprintf("exit code %d", end.ExitCode)
}

// startProblem words why a container does not start.
func (c otherContainer) startProblem() string {
	waiting := c.State.Waiting
	switch {
	case isPullProblem(waiting.Reason):
		return fmt.Sprintf("the image of %s can't be pulled: %s", c, pullError(waiting.Message))
	case waiting.Reason == "CrashLoopBackOff" && c.failed() != nil:
		return fmt.Sprintf("%s keeps failing: %s", c, failureOf(c.failed()))
	case waiting.Message == "":
		return fmt.Sprintf("%s can't start: %s", c, waiting.Reason)
	}
	return fmt.Sprintf("%s can't start: %s", c, waiting.Message)
}

func isPullProblem(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed", "InvalidImageName", "ErrImageNeverPull":
		return true
	}
	return false
}

// culprit returns the container other than the job's own for whose sake a pod fails, and how it failed.
func culprit(pod *corev1.Pod) (c otherContainer, end *corev1.ContainerStateTerminated) {
	endedByRun := strings.Split(pod.Annotations[wellknown.AnnotationEndedSidecars], ",")
	for _, c := range otherContainers(pod) {
		if end := c.failed(); end != nil && !c.native && !slices.Contains(endedByRun, c.Name) {
			return c, end
		}
	}
	return otherContainer{}, nil
}

// describeSidecars adds to the state of a job that runs what its sidecars suffer from.
func describeSidecars(pod *corev1.Pod, state State) State {
	if c, end := culprit(pod); end != nil {
		state.Container, state.Reason = c.Name, end.Reason
		state.Message = fmt.Sprintf("%s failed: %s; with it the job fails once its command ends", c, failureOf(end))
		return state
	}
	for _, c := range otherContainers(pod) {
		if c.waits() {
			state.Container, state.Reason, state.Message = c.Name, c.State.Waiting.Reason, c.startProblem()
			return state
		}
	}
	return state
}

// describeFinishing is for a pod whose command has ended, and reports whether other containers keep it from
// ending, too. Native sidecars only need a moment: the kubelet ends them.
func describeFinishing(pod *corev1.Pod, end *corev1.ContainerStateTerminated, state State) (State, bool) {
	if podEnded(pod) || pod.DeletionTimestamp != nil || end.ExitCode != 0 && pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure {
		return state, false
	}
	finishing := false
	var running []string
	for _, c := range otherContainers(pod) {
		switch {
		case c.State.Terminated != nil, c.init && !c.native:
			continue
		case c.native:
		case c.waits():
			state.Container, state.Message = c.Name, c.startProblem()
		default:
			running = append(running, c.Name)
		}
		finishing = true
	}
	if !finishing {
		return state, false
	}
	state.Phase, state.Started, state.ExitCode = Finishing, end.StartedAt.Unix() > 0, int(end.ExitCode)
	switch len(running) {
	case 0:
	case 1:
		state.Container, state.Message = running[0], fmt.Sprintf("the sidecar %s still runs", running[0])
	default:
		state.Container, state.Message = running[0], fmt.Sprintf("the sidecars %s still run", strings.Join(running, ", "))
	}
	if state.Container != "" {
		state.Reason = ReasonSidecarRunning
		command := fmt.Sprintf("the command has ended with exit code %d", end.ExitCode)
		if !state.Started {
			command = "the command can't start: " + startError(end.Message)
		}
		state.Message = command + ", but " + state.Message
	}
	return state, true
}

// describeInit is for a pod whose own container waits for others, and reports whether it does.
func (s *Snapshot) describeInit(pod *corev1.Pod, state State) (State, bool) {
	for _, c := range otherContainers(pod) {
		if !c.init {
			break
		}
		end := c.State.Terminated
		switch {
		case !c.native && end != nil && end.ExitCode == 0, c.native && c.State.Running != nil && deref(c.Started):
			continue // its turn is over
		case c.waits():
			state = s.describeWaiting(pod, c.Name, c.State.Waiting, state)
			state.Message = c.startProblem()
		case c.failed() != nil:
			state.Reason, state.Message = c.failed().Reason, fmt.Sprintf("%s failed: %s", c, failureOf(c.failed()))
		case c.State.Running != nil && c.native:
			state.Reason, state.Message = "PodInitializing", fmt.Sprintf("%s has not started yet", c)
		case c.State.Running != nil:
			state.Reason, state.Message = "PodInitializing", fmt.Sprintf("%s has not ended yet", c)
		default:
			return s.withEvent(pod, state), true
		}
		state.Container = c.Name
		return state, true
	}
	return state, false
}

// describeFailedStart is for a pod that ended before its own container ran.
func describeFailedStart(pod *corev1.Pod, state State) State {
	state.Phase = Failed
	if c, end := culprit(pod); end != nil && pod.Status.Reason == "" {
		state.Container, state.Reason, state.Message = c.Name, end.Reason, fmt.Sprintf("%s failed: %s", c, failureOf(end))
		return state
	}
	state.Reason, state.Message = pod.Status.Reason, pod.Status.Message
	if state.Message == "" {
		state.Message = disruption(pod)
	}
	return state
}

// Container is a container of a pod besides the job's own.
type Container struct {
	Name string
	Init bool // it runs before the others, and ends; all others are sidecars
	// State is how it fares, in words. It is not harmless for a terminal.
	State string
}

// OtherContainers describes the containers of a pod besides the job's own.
func OtherContainers(pod *corev1.Pod) []Container {
	var all []Container
	for _, c := range otherContainers(pod) {
		one := Container{Name: c.Name, Init: c.init && !c.native}
		switch end := c.State.Terminated; {
		case end != nil && end.ExitCode == 0:
			one.State = "succeeded"
		case end != nil:
			one.State = "failed: " + failureOf(end)
		case c.State.Running != nil:
			one.State = string(Running)
		case c.waits():
			one.State = "waiting: " + c.State.Waiting.Reason
		default:
			one.State = "waiting"
		}
		if c.RestartCount > 0 {
			one.State += fmt.Sprintf(", restarted %d times", c.RestartCount)
		}
		all = append(all, one)
	}
	return all
}
