package jobs

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// transcript is out and an Observer at once, so that the order of what they get can be seen.
type transcript struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text.Write(p)
}

func (t *transcript) observer() Observer {
	return Observer{
		State: func(s jobstatus.State) {
			if s.Phase == jobstatus.Restarting {
				fmt.Fprintf(t, "<%d failed with %d>", s.Attempt, s.ExitCode)
			}
		},
		Attempt: func(number int) { fmt.Fprintf(t, "<attempt %d>", number) },
		Notice:  func(text string) { fmt.Fprintf(t, "<%s>", text) },
	}
}

// attemptPod is the pod of an attempt that began so many seconds after the first, in a state.
func attemptPod(number int, state corev1.ContainerState) *corev1.Pod {
	pod := testPod(state)
	pod.Name, pod.UID = fmt.Sprintf("j-%d", 10-number), types.UID(fmt.Sprint("pod", number)) // names have no order
	pod.CreationTimestamp = metav1.Unix(int64(1000+number), 0)
	return pod
}

func exited(code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", StartedAt: metav1.Now()}}
}

var runs = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}

// The logs of all attempts are there, whole and in order, however many of them the watch has missed,
// and what is said of an attempt's end comes after its log.
func TestAttendShowsEveryAttempt(t *testing.T) {
	job := testJob()
	job.Spec.BackoffLimit = ptr.To[int32](9)
	failed := job.DeepCopy()
	failed.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}}
	for name, test := range map[string]struct {
		pods []*corev1.Pod // the events of the watch, in order
		want string
	}{
		"each seen in turn": {
			[]*corev1.Pod{attemptPod(1, runs), attemptPod(1, exited(3)), attemptPod(2, corev1.ContainerState{}), attemptPod(2, runs), attemptPod(2, exited(4))},
			"log of j-9\n<1 failed with 3><attempt 2>log of j-8\n<2 failed with 4>",
		},
		"never seen to run": {
			[]*corev1.Pod{attemptPod(1, exited(3)), attemptPod(2, exited(4)), attemptPod(3, exited(5))},
			"log of j-9\n<1 failed with 3><attempt 2>log of j-8\n<2 failed with 4><attempt 3>log of j-7\n<3 failed with 5>",
		},
		"one never started": {
			[]*corev1.Pod{attemptPod(1, exited(3)), attemptPod(2, corev1.ContainerState{}), attemptPod(3, exited(5))},
			"log of j-9\n<1 failed with 3><attempt 3>log of j-7\n<3 failed with 5>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &transcript{}
			jobSeen := make(chan struct{})
			s := &apiServer{
				lists: map[string][]answer{"jobs": {list("batch/v1", job)}, "pods": {func(w http.ResponseWriter) {
					<-jobSeen
					list("v1")(w)
				}}},
				watches: map[string][]answer{},
			}
			for _, pod := range test.pods {
				s.watches["pods"] = append(s.watches["pods"], events("MODIFIED", pod))
			}
			logsRead := make(chan struct{})
			last := test.pods[len(test.pods)-1].Name
			s.logs = func(pod string) string {
				return "2026-01-02T03:04:05.000000000Z log of " + pod + "\n"
			}
			// The job's end is told once the last log was read, so that all that comes between is seen.
			s.watches["jobs"] = []answer{func(w http.ResponseWriter) {
				close(jobSeen)
				w.(http.Flusher).Flush()
				<-logsRead
				events("MODIFIED", failed)(w)
			}}
			go func() {
				for {
					seen.mutex.Lock()
					done := strings.Contains(seen.text.String(), "log of "+last) && strings.HasSuffix(seen.text.String(), ">")
					seen.mutex.Unlock()
					if done {
						close(logsRead)
						return
					}
					select {
					case <-t.Context().Done():
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			state, err := testClient(t, s).FollowJob(t.Context(), Ref{Namespace: "alice", Name: "j", UID: "job"}, seen.observer(), seen, joblog.Options{})
			if err != nil || state.Phase != jobstatus.Failed || state.Pod != last || state.Attempt != 2 && state.Attempt != 3 {
				t.Errorf("%+v, %v", state, err)
			}
			if got := seen.text.String(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestLogsOfAllAttempts(t *testing.T) {
	s := &apiServer{logs: func(pod string) string { return "2026-01-02T03:04:05.000000000Z log of " + pod + "\n" }}
	pods := []*corev1.Pod{attemptPod(1, exited(3)), attemptPod(2, runs), attemptPod(3, corev1.ContainerState{})}
	client := testClient(t, s)
	seen := &transcript{}
	if err := client.Logs(t.Context(), pods, seen.observer(), seen, joblog.Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "log of j-9\n<attempt 2>log of j-8\n"; seen.text.String() != want {
		t.Errorf("got %q, want %q", seen.text.String(), want)
	}
	var times bytes.Buffer
	if err := client.Logs(t.Context(), pods[:1], Observer{}, &times, joblog.Options{Timestamps: true, Since: metav1.Unix(5, 0).Time}); err != nil {
		t.Fatal(err)
	}
	if want := "2026-01-02T03:04:05.000000000Z log of j-9\n"; times.String() != want {
		t.Errorf("got %q, want %q", times.String(), want)
	}
	if !slices.ContainsFunc(s.requests(), func(r string) bool { return strings.Contains(r, "since=1970-01-01T00:00:05Z") }) {
		t.Errorf("since was not asked for: %q", s.requests())
	}
	if err := client.Logs(t.Context(), pods[2:], Observer{}, &times, joblog.Options{}); err != ErrNotStarted {
		t.Errorf("%v", err)
	}
}
