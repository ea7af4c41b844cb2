package jobstatus

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// States of containers.
func isRunning() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

func isWaiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func hasEndedWith(code int32) corev1.ContainerState {
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: metav1.Now()}}
}

// own sets the state of the job's container, first and last those of the ordinary sidecars around it.
func (s *scene) own(state corev1.ContainerState) *scene {
	s.pod.Status.ContainerStatuses = append(s.pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: jobspec.ContainerName, State: state})
	return s
}

func (s *scene) sidecar(name string, state corev1.ContainerState) *scene {
	s.pod.Status.ContainerStatuses = append(s.pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, State: state})
	return s
}

func (s *scene) init(name string, state corev1.ContainerState) *scene {
	s.pod.Status.InitContainerStatuses = append(s.pod.Status.InitContainerStatuses, corev1.ContainerStatus{Name: name, State: state})
	return s
}

func (s *scene) native(name string, state corev1.ContainerState) *scene {
	s.pod.Spec.InitContainers = append(s.pod.Spec.InitContainers,
		corev1.Container{Name: name, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)})
	return s.init(name, state)
}

func (s *scene) phase(phase corev1.PodPhase) { s.pod.Status.Phase = phase }

func TestDescribeWholePod(t *testing.T) {
	const none = UnknownExitCode
	for name, test := range map[string]struct {
		scene     func(*scene)
		phase     Phase
		container string
		reason    string
		message   string // a part of it
		code      int
		started   bool
	}{
		"first runs on": {func(s *scene) { s.sidecar("mesh", isRunning()).own(hasEndedWith(0)) },
			Finishing, "mesh", ReasonSidecarRunning, "the command has ended with exit code 0, but the sidecar mesh still runs", 0, true},
		"last runs on": {func(s *scene) { s.own(hasEndedWith(3)).sidecar("mesh", isRunning()) },
			Finishing, "mesh", ReasonSidecarRunning, "exit code 3, but the sidecar mesh still runs", 3, true},
		"two run on": {func(s *scene) { s.sidecar("a", isRunning()).own(hasEndedWith(0)).sidecar("b", isRunning()) },
			Finishing, "a", ReasonSidecarRunning, "but the sidecars a, b still run", 0, true},
		"one is never pulled": {func(s *scene) { s.own(hasEndedWith(0)).sidecar("mesh", isWaiting("ImagePullBackOff", "x: not found")) },
			Finishing, "mesh", ReasonSidecarRunning, "but the image of the sidecar mesh can't be pulled: x: not found", 0, true},
		"a native one is ended": {func(s *scene) { s.native("mesh", isRunning()).own(hasEndedWith(0)) }, Finishing, "", "", "", 0, true},
		"all have ended":        {func(s *scene) { s.native("mesh", hasEndedWith(143)).own(hasEndedWith(0)).sidecar("b", hasEndedWith(0)) }, Succeeded, "", "", "", 0, true},
		"one failed": {func(s *scene) { s.own(hasEndedWith(0)).sidecar("mesh", hasEndedWith(2)) },
			Failed, "mesh", "Error", "the sidecar mesh failed: exit code 2", 0, true},
		"both failed": {func(s *scene) { s.own(hasEndedWith(3)).sidecar("mesh", hasEndedWith(2)); s.phase(corev1.PodFailed) }, Failed, "", "Error", "", 3, true},
		"one failed, the command runs": {func(s *scene) { s.own(isRunning()).sidecar("mesh", hasEndedWith(2)) },
			Running, "mesh", "Error", "the sidecar mesh failed: exit code 2; with it the job fails", none, true},
		"one is not pulled, the command runs": {func(s *scene) { s.own(isRunning()).sidecar("mesh", isWaiting("ErrImagePull", "timeout")) },
			Running, "mesh", "ErrImagePull", "the image of the sidecar mesh can't be pulled: timeout", none, true},
		"one is created, the command runs": {func(s *scene) { s.own(isRunning()).sidecar("mesh", isWaiting("ContainerCreating", "")) }, Running, "", "", "", none, true},
		"a native one keeps failing": {func(s *scene) {
			s.native("mesh", isWaiting("CrashLoopBackOff", "back-off 10s")).own(isRunning())
			s.pod.Status.InitContainerStatuses[0].LastTerminationState = hasEndedWith(9)
		}, Running, "mesh", "CrashLoopBackOff", "the sidecar mesh keeps failing: exit code 9", none, true},
		"ended by run": {func(s *scene) {
			s.own(hasEndedWith(0)).sidecar("mesh", hasEndedWith(143))
			s.phase(corev1.PodFailed)
			s.pod.Status.Reason = "DeadlineExceeded"
			s.pod.Annotations = map[string]string{wellknown.AnnotationEndedSidecars: "mesh"}
		}, Succeeded, "", "", "", 0, true},
		"ended by run after a failure": {func(s *scene) {
			s.own(hasEndedWith(4)).sidecar("mesh", hasEndedWith(143))
			s.phase(corev1.PodFailed)
			s.pod.Status.Reason = "DeadlineExceeded"
			s.pod.Annotations = map[string]string{wellknown.AnnotationEndedSidecars: "mesh"}
		}, Failed, "", "Error", "", 4, true},
		"ended by run, another failed before": {func(s *scene) {
			s.own(hasEndedWith(0)).sidecar("mesh", hasEndedWith(143)).sidecar("vault", hasEndedWith(1))
			s.phase(corev1.PodFailed)
			s.pod.Status.Reason = "DeadlineExceeded"
			s.pod.Annotations = map[string]string{wellknown.AnnotationEndedSidecars: "mesh"}
		}, Failed, "vault", "Error", "the sidecar vault failed: exit code 1", 0, true},
		"ended by a deadline": {func(s *scene) {
			s.own(hasEndedWith(0)).sidecar("mesh", hasEndedWith(143))
			s.phase(corev1.PodFailed)
			s.pod.Status.Reason, s.pod.Status.Message = "DeadlineExceeded", "too long"
		}, Failed, "", "DeadlineExceeded", "too long", 0, true},
		"recorded": {func(s *scene) {
			clear(s.pods)
			s.job.Annotations = map[string]string{wellknown.AnnotationExitCode: "0"}
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded")
		}, Succeeded, "", "", "", 0, false},
		"recorded failure": {func(s *scene) {
			clear(s.pods)
			s.job.Annotations = map[string]string{wellknown.AnnotationExitCode: "7"}
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded")
		}, Failed, "", "Error", "", 7, false},
		"recorded, and not ended": {func(s *scene) {
			s.own(hasEndedWith(0)).sidecar("mesh", isRunning())
			s.job.Annotations = map[string]string{wellknown.AnnotationExitCode: "0"}
		}, Finishing, "mesh", ReasonSidecarRunning, "still runs", 0, true},
		"recorded nonsense": {func(s *scene) {
			clear(s.pods)
			s.job.Annotations = map[string]string{wellknown.AnnotationExitCode: "yes"}
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded")
		}, Failed, "", "BackoffLimitExceeded", "the condition's words", none, false},
		"init fails": {func(s *scene) {
			s.init("prepare", hasEndedWith(3)).own(isWaiting("PodInitializing", ""))
			s.phase(corev1.PodFailed)
		}, Failed, "prepare", "Error", "the init container prepare failed: exit code 3", none, false},
		"init hangs": {func(s *scene) {
			s.init("done", hasEndedWith(0)).init("prepare", isRunning()).own(isWaiting("PodInitializing", ""))
		},
			Pending, "prepare", "PodInitializing", "the init container prepare has not ended yet", none, false},
		"init is pulled": {func(s *scene) {
			s.init("prepare", isWaiting("PodInitializing", "")).own(isWaiting("PodInitializing", ""))
			s.event("pod", "Pulling", "Pulling image")
			s.events["pod"].InvolvedObject.FieldPath = "spec.initContainers{prepare}"
		}, Pulling, "prepare", "", "", none, false},
		"init is not pulled": {func(s *scene) {
			s.init("prepare", isWaiting("ErrImagePull", "timeout")).own(isWaiting("PodInitializing", ""))
			s.failures[podContainer{"pod", "prepare"}] = 1
		}, Pulling, "prepare", "ErrImagePull", "the image of the init container prepare can't be pulled: timeout", none, false},
		"init is never pulled": {func(s *scene) {
			s.init("prepare", isWaiting("ImagePullBackOff", "timeout")).own(isWaiting("PodInitializing", ""))
			s.failures[podContainer{"pod", "prepare"}] = 2
		}, Stuck, "prepare", "ImagePullBackOff", "the image of the init container prepare can't be pulled: timeout", none, false},
		"init has no secret": {func(s *scene) {
			s.init("prepare", isWaiting("CreateContainerConfigError", `secret "x" not found`)).own(isWaiting("PodInitializing", ""))
		}, Stuck, "prepare", "CreateContainerConfigError", `the init container prepare can't start: secret "x" not found`, none, false},
		"a native one has not started": {func(s *scene) { s.native("mesh", isRunning()).own(isWaiting("PodInitializing", "")) },
			Pending, "mesh", "PodInitializing", "the sidecar mesh has not started yet", none, false},
		"a native one fails before": {func(s *scene) { s.native("mesh", hasEndedWith(2)).own(isWaiting("PodInitializing", "")) },
			Pending, "mesh", "Error", "the sidecar mesh failed: exit code 2", none, false},
		"a native one has started": {func(s *scene) {
			s.native("mesh", isRunning()).own(isWaiting("ContainerCreating", ""))
			s.pod.Status.InitContainerStatuses[0].Started = ptr.To(true)
		}, Pending, "", "", "", none, false},
		"suspended": {func(s *scene) { clear(s.pods); s.job.Spec.Suspend = ptr.To(true) },
			Suspended, "", ReasonSuspended, "suspended by an admission webhook", none, false},
		"suspended by a queue": {func(s *scene) {
			clear(s.pods)
			s.job.Spec.Suspend, s.job.Labels = ptr.To(true), map[string]string{jobspec.LabelQueue: "night"}
		}, Suspended, "", ReasonSuspended, "suspended by the queue night", none, false},
		"prepared by us": {func(s *scene) {
			clear(s.pods)
			s.job.Spec.Suspend, s.job.Annotations = ptr.To(true), map[string]string{wellknown.AnnotationPreparing: wellknown.LabelTrue}
		}, Pending, "", "", "", none, false},
		"suspended, runs on": {func(s *scene) { s.own(isRunning()); s.deleting(); s.job.Spec.Suspend = ptr.To(true) },
			Running, "", ReasonSuspended, "its container is ended", none, true},
		"suspended, ended": {func(s *scene) { s.own(hasEndedWith(143)); s.deleting(); s.job.Spec.Suspend = ptr.To(true) },
			Suspended, "", ReasonSuspended, "suspended by", none, true},
		"suspended, pod gone": {func(s *scene) { s.own(isRunning()); s.gone["pod"] = true; s.job.Spec.Suspend = ptr.To(true) },
			Suspended, "", ReasonSuspended, "suspended by", none, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			test.scene(s)
			got := s.Describe()
			if got.Phase != test.phase || got.Container != test.container || got.Reason != test.reason || got.ExitCode != test.code ||
				got.Started != test.started || !strings.Contains(got.Message, test.message) || test.message == "" && got.Message != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestSuspendedBy(t *testing.T) {
	job := newScene().job
	entry := func(manager, fields string, minute int64) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Time: ptr.To(metav1.Unix(60*minute, 0)), FieldsV1: metav1.NewFieldsV1(fields)}
	}
	job.ManagedFields = []metav1.ManagedFieldsEntry{
		entry("kubectl-apolo_run", `{"f:spec":{"f:suspend":{}}}`, 1),
		entry("kubectl-label", `{"f:metadata":{}}`, 4),
		entry("kubectl-edit", `{"f:spec":{"f:suspend":{}}}`, 2),
		entry("kueue", `{"f:spec":{"f:suspend":{}}}`, 3),
		entry("broken", `{`, 5),
	}
	if got := suspendedBy(job); got != "kueue" {
		t.Errorf("it is %s", got)
	}
}
