package jobstatus

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// scene is a job and its pod, to be changed by a test.
type scene struct {
	job *batchv1.Job
	pod *corev1.Pod
	*Snapshot
}

func newScene() *scene {
	s := &scene{
		job: &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: "j", UID: "job"},
			Spec:       batchv1.JobSpec{ActiveDeadlineSeconds: ptr.To[int64](90)},
		},
		pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "j-1", UID: "pod"}, Status: corev1.PodStatus{Phase: corev1.PodPending}},
	}
	s.Snapshot = NewSnapshot("job", nil)
	s.Snapshot.job, s.pods["pod"] = s.job, s.pod
	return s
}

// second is the scene with another pod, which the functions change from now on.
func (s *scene) second() *scene {
	s.pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "j-2", UID: "pod 2", CreationTimestamp: metav1.Now()}}
	s.pods["pod 2"] = s.pod
	return s
}

func (s *scene) container(state corev1.ContainerState) {
	sidecar := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	if state.Terminated != nil { // all end together, where a test says nothing else
		sidecar = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: metav1.Now()}}
	}
	s.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "sidecar", State: sidecar}, {Name: jobspec.ContainerName, State: state}}
}

func (s *scene) waiting(reason, message string) {
	s.container(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

func (s *scene) running() {
	s.container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
}

func (s *scene) ended(code int32, reason string) {
	s.container(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: metav1.Now(), Message: "termination message",
	}})
}

func (s *scene) condition(of batchv1.JobConditionType, reason string) {
	s.job.Status.Conditions = append(s.job.Status.Conditions,
		batchv1.JobCondition{Type: of, Status: corev1.ConditionTrue, Reason: reason, Message: "the condition's words"})
}

func (s *scene) deleting() { s.pod.DeletionTimestamp = ptr.To(metav1.Now()) }

func (s *scene) event(about types.UID, reason, message string) {
	s.events[about] = &corev1.Event{Reason: reason, Message: message, InvolvedObject: corev1.ObjectReference{UID: about}}
}

func TestDescribe(t *testing.T) {
	const none = UnknownExitCode
	for name, test := range map[string]struct {
		scene   func(*scene)
		phase   Phase
		reason  string
		message string // a part of it
		code    int
		started bool
	}{
		"nothing yet": {func(s *scene) { s.Snapshot.job = nil; clear(s.pods) }, Pending, "", "", none, false},
		"no pod":      {func(s *scene) { clear(s.pods) }, Pending, "", "", none, false},
		"quota": {func(s *scene) {
			clear(s.pods)
			s.event("job", "FailedCreate", `Error creating: pods "j-x" is forbidden: exceeded quota: q`)
		}, Pending, "FailedCreate", "exceeded quota: q", none, false},
		"unschedulable": {func(s *scene) {
			s.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable",
				Message: "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available"}}
		}, Pending, "Unschedulable", "no node fits: too little memory is free (1 of 1 nodes)", none, false},
		"creating":    {func(s *scene) { s.waiting("ContainerCreating", "") }, Pending, "", "", none, false},
		"pulling":     {func(s *scene) { s.waiting("ContainerCreating", ""); s.event("pod", "Pulling", "Pulling image") }, Pulling, "", "", none, false},
		"mount fails": {func(s *scene) { s.waiting("ContainerCreating", ""); s.event("pod", "FailedMount", "disk is busy") }, Pending, "FailedMount", "disk is busy", none, false},
		"secret missing": {func(s *scene) {
			s.waiting("ContainerCreating", "")
			s.event("pod", "FailedMount", `secret "x" not found`)
		}, Stuck, "FailedMount", `secret "x" not found`, none, false},
		"first pull fails": {func(s *scene) {
			s.waiting("ErrImagePull", "i/o timeout")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Pulling, "ErrImagePull", "i/o timeout", none, false},
		"back-off": {func(s *scene) {
			s.waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: rpc error: code = Unknown desc = failed to pull and unpack image "x": failed to resolve reference "x": i/o timeout`)
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Pulling, "ImagePullBackOff", "i/o timeout", none, false},
		"containerd 2": {func(s *scene) {
			s.waiting("ErrImagePull", `failed to pull and unpack image "x": failed to resolve image: failed to do request: timeout`)
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Pulling, "ErrImagePull", "failed to do request: timeout", none, false},
		"second pull fails": {func(s *scene) {
			s.waiting("ErrImagePull", "i/o timeout")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 2
		}, Stuck, "ErrImagePull", "i/o timeout", none, false},
		"no such image": {func(s *scene) {
			s.waiting("ErrImagePull", "docker.io/x: not found")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Stuck, "ErrImagePull", "not found", none, false},
		"pull refused": {func(s *scene) {
			s.waiting("ErrImagePull", "x: pull access denied, authorization failed: no basic auth credentials")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Stuck, "ErrImagePull", "pull access denied, authorization failed: no basic auth credentials", none, false},
		"pull refused, perhaps before the kubelet had the secret": {func(s *scene) {
			s.pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
			s.waiting("ErrImagePull", "x: 401 Unauthorized")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Pulling, "ErrImagePull", "401 Unauthorized", none, false},
		"pull refused with the secret": {func(s *scene) {
			s.pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
			s.waiting("ErrImagePull", "x: 401 Unauthorized")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 2
		}, Stuck, "ErrImagePull", "401 Unauthorized", none, false},
		"no such image, with a secret": {func(s *scene) {
			s.pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
			s.waiting("ErrImagePull", "docker.io/x: not found")
			s.failures[podContainer{"pod", jobspec.ContainerName}] = 1
		}, Stuck, "ErrImagePull", "not found", none, false},
		"image name":   {func(s *scene) { s.waiting("InvalidImageName", "bad") }, Stuck, "InvalidImageName", "bad", none, false},
		"config error": {func(s *scene) { s.waiting("CreateContainerConfigError", `secret "x" not found`) }, Stuck, "CreateContainerConfigError", `secret "x"`, none, false},
		"busy kubelet": {func(s *scene) {
			s.waiting("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the condition")
		}, Pending, "CreateContainerConfigError", "failed to sync secret cache", none, false},
		"running":       {(*scene).running, Running, "", "", none, true},
		"succeeded":     {func(s *scene) { s.ended(0, "Completed") }, Succeeded, "", "", 0, true},
		"exit code":     {func(s *scene) { s.ended(3, "Error") }, Failed, "Error", "", 3, true},
		"out of memory": {func(s *scene) { s.ended(137, "OOMKilled") }, Failed, "OOMKilled", "", 137, true},
		"no such command": {func(s *scene) {
			s.container(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", StartedAt: metav1.Unix(0, 0),
				Message: `failed to create: runc: unable to start container process: exec: "x": not found in $PATH: unknown`}})
		}, Failed, "StartError", `exec: "x": not found in $PATH`, 128, false},
		"evicted": {func(s *scene) {
			s.ended(137, "Error")
			s.pod.Status.Phase, s.pod.Status.Reason, s.pod.Status.Message = corev1.PodFailed, "Evicted", "low on memory"
		}, Failed, "Evicted", "low on memory", 137, true},
		"evicted before it ran": {func(s *scene) {
			s.pod.Status.Phase, s.pod.Status.Reason, s.pod.Status.Message = corev1.PodFailed, "OutOfcpu", "no cpu left"
		}, Failed, "OutOfcpu", "no cpu left", none, false},
		"preempted": {func(s *scene) {
			s.ended(143, "Error")
			s.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Message: "preempted"}}
		}, Failed, "Error", "preempted", 143, true},
		"deleted, runs on":       {func(s *scene) { s.running(); s.jobGone = true }, Running, ReasonDeleted, "deleted by someone", none, true},
		"deleted, ended":         {func(s *scene) { s.ended(143, "Error"); s.deleting(); s.jobGone = true }, Failed, ReasonDeleted, "deleted by someone", 143, true},
		"deleted, ended well":    {func(s *scene) { s.ended(0, "Completed"); s.deleting(); s.jobGone = true }, Failed, ReasonDeleted, "deleted by someone", 0, true},
		"deleted after it ended": {func(s *scene) { s.ended(0, "Completed"); s.jobGone = true }, Succeeded, "", "", 0, true},
		"deleted, pod gone":      {func(s *scene) { s.running(); s.gone["pod"] = true; s.jobGone = true }, Failed, ReasonDeleted, "deleted by someone", none, true},
		"deleted before it ran":  {func(s *scene) { clear(s.pods); s.jobGone = true }, Failed, ReasonDeleted, "deleted by someone", none, false},
		"being deleted":          {func(s *scene) { clear(s.pods); s.job.DeletionTimestamp = ptr.To(metav1.Now()) }, Failed, ReasonDeleted, "deleted by someone", none, false},
		"too long, runs on":      {func(s *scene) { s.running(); s.deleting(); s.condition(batchv1.JobFailureTarget, "DeadlineExceeded") }, Running, "DeadlineExceeded", "life span of 1m30s", none, true},
		"too long, ended": {func(s *scene) {
			s.ended(143, "Error")
			s.deleting()
			s.condition(batchv1.JobFailureTarget, "DeadlineExceeded")
		}, Failed, "DeadlineExceeded", "life span of 1m30s", 143, true},
		"too long, never started":    {func(s *scene) { s.condition(batchv1.JobFailed, "DeadlineExceeded") }, Failed, "DeadlineExceeded", "life span", none, false},
		"pod deleted, not yet known": {func(s *scene) { s.ended(143, "Error"); s.deleting() }, Running, "", "", 143, true},
		"pod deleted": {func(s *scene) {
			s.ended(143, "Error")
			s.deleting()
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded")
		}, Failed, ReasonPodDeleted, "pod was deleted", 143, true},
		"pod deleted, ended well":  {func(s *scene) { s.ended(0, "Completed"); s.deleting(); s.condition(batchv1.JobComplete, "") }, Succeeded, "", "", 0, true},
		"complete without its pod": {func(s *scene) { clear(s.pods); s.condition(batchv1.JobComplete, "") }, Succeeded, "", "", 0, false},
		"failed without its pod":   {func(s *scene) { clear(s.pods); s.condition(batchv1.JobFailed, "BackoffLimitExceeded") }, Failed, "BackoffLimitExceeded", "the condition's words", none, false},
		"failed condition of a status that is false": {func(s *scene) {
			s.running()
			s.condition(batchv1.JobFailed, "x")
			s.job.Status.Conditions[0].Status = corev1.ConditionFalse
		}, Running, "", "", none, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			test.scene(s)
			got := s.Describe()
			if got.Phase != test.phase || got.Reason != test.reason || got.ExitCode != test.code || got.Started != test.started ||
				!strings.Contains(got.Message, test.message) || test.message == "" && got.Message != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDescribeTakesTheLivingPod(t *testing.T) {
	s := newScene()
	s.ended(1, "Error")
	s.deleting()
	s.pods["new"] = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "j-2", UID: "new"}}
	if got := s.Describe(); got.Pod != "j-2" || got.Phase != Pending {
		t.Errorf("got %+v", got)
	}
}

func TestDescribeAttempts(t *testing.T) {
	for name, test := range map[string]struct {
		scene func(*scene)
		want  State
	}{
		"failed, and goes on": {func(s *scene) { s.ended(3, "Error") },
			State{Phase: Restarting, Reason: "Error", Pod: "j-1", Attempt: 1, Started: true, ExitCode: 3}},
		"succeeded, and goes on": {func(s *scene) { s.ended(0, "Completed"); s.job.Spec.Completions = ptr.To[int32](9) },
			State{Phase: Restarting, Pod: "j-1", Attempt: 1, Started: true}},
		"the second one runs": {func(s *scene) { s.ended(3, "Error"); s.second().running() },
			State{Phase: Running, Pod: "j-2", Attempt: 2, Started: true, ExitCode: UnknownExitCode}},
		"the second one has ended": {func(s *scene) { s.second().ended(4, "Error") },
			State{Phase: Restarting, Reason: "Error", Pod: "j-2", Attempt: 2, Started: true, ExitCode: 4}},
		"the second one was the last": {func(s *scene) {
			s.second().ended(4, "Error")
			s.condition(batchv1.JobFailureTarget, "BackoffLimitExceeded")
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded")
		}, State{Phase: Failed, Reason: "Error", Pod: "j-2", Attempt: 2, Started: true, ExitCode: 4}},
		"about to be the last": {func(s *scene) { s.ended(4, "Error"); s.condition(batchv1.JobFailureTarget, "BackoffLimitExceeded") },
			State{Phase: Restarting, Reason: "Error", Pod: "j-1", Attempt: 1, Started: true, ExitCode: 4}},
		"complete": {func(s *scene) { s.second().ended(0, "Completed"); s.condition(batchv1.JobComplete, "") },
			State{Phase: Succeeded, Pod: "j-2", Attempt: 2, Started: true}},
		"too long, between two": {func(s *scene) { s.ended(3, "Error"); s.condition(batchv1.JobFailed, "DeadlineExceeded") },
			State{Phase: Failed, Reason: "DeadlineExceeded", Message: "the job ran longer than its life span of 1m30s", Pod: "j-1", Attempt: 1, Started: true, ExitCode: 3}},
		"too long, in the second": {func(s *scene) {
			s.second().running()
			s.deleting()
			s.condition(batchv1.JobFailureTarget, "DeadlineExceeded")
		}, State{Phase: Running, Reason: "DeadlineExceeded", Message: "the job ran longer than its life span of 1m30s", Pod: "j-2", Attempt: 2, Started: true, ExitCode: UnknownExitCode}},
		"a container that starts again": {func(s *scene) {
			s.job.Spec.BackoffLimit = ptr.To[int32](0)
			s.job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
			s.ended(3, "Error")
		}, State{Phase: Restarting, Reason: "Error", Pod: "j-1", Attempt: 1, Started: true, ExitCode: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			s.job.Spec.BackoffLimit = ptr.To[int32](1)
			test.scene(s)
			if got := s.Describe(); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestSignal(t *testing.T) {
	for code, want := range map[int]string{0: "", 1: "", 128: "", 130: "SIGINT", 137: "SIGKILL", 143: "SIGTERM", 255: ""} {
		if got := (State{ExitCode: code}).Signal(); got != want {
			t.Errorf("%d is %q", code, got)
		}
	}
}

func TestSnapshotCountsPullsAndKeepsTheLatestEvent(t *testing.T) {
	s := newScene()
	clear(s.pods)
	for _, reason := range []string{"ErrImagePull", "ErrImagePull", "ImagePullBackOff", "ErrImagePull"} {
		s.waiting(reason, "")
		s.Set(s.pod.DeepCopy())
	}
	if got := s.failures[podContainer{"pod", jobspec.ContainerName}]; got != 2 {
		t.Errorf("%d failures", got)
	}

	at := func(minute int, reason string) *corev1.Event {
		return &corev1.Event{Reason: reason, InvolvedObject: corev1.ObjectReference{UID: "pod"},
			LastTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC))}
	}
	for _, event := range []*corev1.Event{at(2, "FailedMount"), at(1, "Pulling"), at(3, "Scheduled"), at(4, "Failed")} {
		s.Set(event)
	}
	if got := s.events["pod"].Reason; got != "FailedMount" {
		t.Errorf("the event is %s", got)
	}
}

func TestSnapshotNoticesWhatANewListLeavesOut(t *testing.T) {
	s := newScene()
	s.ReplacePods(nil)
	if !s.gone["pod"] {
		t.Error("the pod is still there")
	}
	other := s.job.DeepCopy()
	other.UID = "another of that name"
	s.Set(other)
	if !s.jobGone {
		t.Error("the job is still there")
	}
}
