package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

// apiServer answers requests for one resource after the other with what a test lays down.
type apiServer struct {
	mutex   sync.Mutex
	lists   map[string][]answer     // by resource; the last one is repeated
	watches map[string][]answer     // then watches stay open
	seen    []string                // the requests
	logs    func(pod string) string // one line, with its time
}

type answer func(http.ResponseWriter)

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := filepath.Base(r.URL.Path)
	if resource == "log" {
		s.mutex.Lock()
		s.seen = append(s.seen, "log since="+r.URL.Query().Get("sinceTime"))
		s.mutex.Unlock()
		text := s.logs(filepath.Base(filepath.Dir(r.URL.Path)))
		if r.URL.Query().Get("timestamps") == "false" {
			_, text, _ = strings.Cut(text, " ")
		}
		fmt.Fprint(w, text)
		return
	}
	watching := r.URL.Query().Get("watch") == "true"
	s.mutex.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s watch=%v from=%s", resource, watching, r.URL.Query().Get("resourceVersion")))
	var next answer
	switch answers := s.lists[resource]; {
	case watching:
		if waiting := s.watches[resource]; len(waiting) > 0 {
			next, s.watches[resource] = waiting[0], waiting[1:]
		} else {
			next = func(w http.ResponseWriter) { w.(http.Flusher).Flush(); <-r.Context().Done() }
		}
	case len(answers) > 1:
		next, s.lists[resource] = answers[0], answers[1:]
	case len(answers) == 1:
		next = answers[0]
	default:
		next = list("v1")
	}
	s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	next(w)
}

// requests are those that came so far.
func (s *apiServer) requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.seen)
}

// list answers with a list of objects, of the given API version.
func list(version string, objects ...any) answer {
	return func(w http.ResponseWriter) {
		kind := "PodList"
		if version != "v1" {
			kind = "JobList"
		}
		json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": version, "kind": kind, "metadata": map[string]any{"resourceVersion": "10"}, "items": append([]any{}, objects...),
		})
	}
}

// events answers a watch and ends it.
func events(kind string, objects ...any) answer {
	return func(w http.ResponseWriter) {
		for _, object := range objects {
			json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": object})
		}
	}
}

func refuse(code int, reason metav1.StatusReason) answer {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(status(code, reason))
	}
}

func status(code int, reason metav1.StatusReason) metav1.Status {
	return metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason,
		Message: "you cannot list resource"}
}

func cutOff(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func testClient(t *testing.T, s http.Handler) *Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.CloseClientConnections)
	return clientFor(t, server.URL)
}

// clientFor is a client for an API server, in the namespace alice.
func clientFor(t *testing.T, url string) *Client {
	t.Helper()
	connection, err := kube.NewClient(&kube.Options{Kubeconfig: kubetest.WriteKubeconfig(t, url, "alice")})
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(connection)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func testJob(conditions ...batchv1.JobCondition) *batchv1.Job {
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: "j", UID: "job", ResourceVersion: "11"},
		Status:     batchv1.JobStatus{Conditions: conditions},
	}
}

func testPod(state corev1.ContainerState) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "j-1", UID: "pod", ResourceVersion: "12"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: jobspec.ContainerName, State: state}}},
	}
}

func TestWatchGoesOnOverEverything(t *testing.T) {
	running := testPod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	ended := testPod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", StartedAt: metav1.Now()}})
	s := &apiServer{
		lists: map[string][]answer{
			"jobs": {list("batch/v1", testJob())},
			"pods": {
				cutOff,
				refuse(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable),
				list("v1", running),
				refuse(http.StatusForbidden, metav1.StatusReasonForbidden), // as an API server that starts
				list("v1", running),
			},
		},
		watches: map[string][]answer{"pods": {
			events("ADDED", running),
			cutOff,
			events("ERROR", status(http.StatusGone, metav1.StatusReasonExpired)),
			events("MODIFIED", ended),
		}},
	}
	var phases []jobstatus.Phase
	var troubles []string
	state, err := testClient(t, s).Watch(t.Context(), Ref{Namespace: "alice", Name: "j", UID: "job"}, Observer{
		State:   func(state jobstatus.State) { phases = append(phases, state.Phase) },
		Trouble: func(err error) { troubles = append(troubles, fmt.Sprint(err)) },
	})
	if err != nil || state.Phase != jobstatus.Failed || state.ExitCode != 3 {
		t.Fatalf("%+v, %v\n%s", state, err, strings.Join(s.requests(), "\n"))
	}
	if want := []jobstatus.Phase{jobstatus.Running, jobstatus.Failed}; !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	if len(troubles) == 0 || troubles[len(troubles)-1] != "<nil>" {
		t.Errorf("troubles %q", troubles)
	}
	if !slices.Contains(s.requests(), "pods watch=true from=12") {
		t.Errorf("a watch that ended did not go on where it stopped:\n%s", strings.Join(s.requests(), "\n"))
	}
}

// An API server that starts refuses what it allowed, perhaps hours after its last answer. Only refusals that last are believed.
func TestRefusalsThatLastAreBelieved(t *testing.T) {
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "jobs"}, "", nil)
	expired := apierrors.NewUnauthorized("expired")
	away := errors.New("connection refused")
	for name, test := range map[string]struct {
		errs []error // one each ten seconds
		want bool    // after the last
	}{
		"one":                      {[]error{refused}, false},
		"for thirty seconds":       {[]error{refused, refused, refused, refused}, false},
		"for longer":               {[]error{refused, refused, refused, refused, refused}, true},
		"of two kinds":             {[]error{expired, refused, expired, refused, expired}, true},
		"after it was away":        {[]error{away, away, away, away, away, refused}, false},
		"before it was away":       {[]error{refused, refused, away, refused, refused, refused}, false},
		"before an answer":         {[]error{refused, refused, nil, refused, refused, refused}, false},
		"away":                     {[]error{away, away, away, away, away}, false},
		"away after it is refused": {[]error{refused, refused, refused, refused, refused, away}, false},
	} {
		var r refusals
		var got bool
		for i, err := range test.errs {
			got = r.isBelieved(err, time.Unix(int64(10*i), 0))
		}
		if got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWatchEndsWithoutTheRight(t *testing.T) {
	s := &apiServer{lists: map[string][]answer{
		"jobs": {list("batch/v1", testJob())},
		"pods": {refuse(http.StatusForbidden, metav1.StatusReasonForbidden)},
	}}
	_, err := testClient(t, s).Watch(t.Context(), Ref{Namespace: "alice", Name: "j", UID: "job"}, Observer{})
	if !matches(err, `forbidden: you lack permission to list pods in namespace "alice"`) {
		t.Errorf("%v", err)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := &apiServer{lists: map[string][]answer{"jobs": {list("batch/v1", testJob())}}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := testClient(t, s).Watch(ctx, Ref{Namespace: "alice", Name: "j", UID: "job"}, Observer{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWatchOfAJobThatIsGone(t *testing.T) {
	s := &apiServer{lists: map[string][]answer{"jobs": {list("batch/v1")}}}
	state, err := testClient(t, s).Watch(t.Context(), Ref{Namespace: "alice", Name: "j", UID: "job"}, Observer{})
	if err != nil || state.Phase != jobstatus.Failed || state.Reason != jobstatus.ReasonDeleted {
		t.Errorf("%+v, %v", state, err)
	}
}

// matches reports whether an error has the text, or is nil where there is to be none.
func matches(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}
