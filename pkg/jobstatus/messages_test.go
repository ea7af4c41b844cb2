package jobstatus

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// What runc says of a variable with a zero byte quotes it.
func TestMessagesHideVariables(t *testing.T) {
	const said = `runc create failed: unable to start container process: error during container init: environment variable value can't contain null(\x00): "T=abc\x00canary"`
	pod := &corev1.Pod{}
	pod.UID = "1"
	pod.Spec.Containers = []corev1.Container{{Name: jobspec.ContainerName, Env: []corev1.EnvVar{
		{Name: "X", Value: "shown"},
		{Name: "T", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{}}},
	}}}
	pod.Status.Phase = corev1.PodFailed
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: jobspec.ContainerName, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: said},
	}}}
	const want = `error during container init: environment variable value can't contain null(\x00): "T=***`
	if got := StateOf(nil, []*corev1.Pod{pod}, nil).Message; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := HideVariables("X=shown", &pod.Spec); got != "X=shown" {
		t.Errorf("%q", got)
	}
	s := NewSnapshot("", [][]byte{[]byte("canary-value")})
	s.pods["1"] = pod
	pod.Status.ContainerStatuses[0].State.Terminated.Message = "some runtime: canary-value is wrong"
	if got := s.Describe().Message; got != "some runtime: *** is wrong" {
		t.Errorf("%q", got)
	}
}

func TestStartError(t *testing.T) {
	const runc = "failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process: "
	for message, want := range map[string]string{
		runc + `exec: "ls": executable file not found in $PATH: unknown`: `exec: "ls": executable file not found in $PATH`,
		runc + `error during container init: error mounting "/var/lib/x/volume-subpaths/v/job/0" to rootfs at "/etc": mount /var/lib/x:/etc (via /proc/self/fd/6), flags: 0x5001: not a directory`: "nothing can be mounted at /etc: the image has a directory where a file is mounted, or a file where a directory is; choose another path",
		"something else": "something else",
	} {
		if got := startError(message); got != want {
			t.Errorf("%q is %q, want %q", message, got, want)
		}
	}
}
