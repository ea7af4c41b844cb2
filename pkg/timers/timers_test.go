package timers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

var secret = metav1.OwnerReference{APIVersion: "v1", Kind: "Secret", Name: "token", UID: "12345678-0000"}

func newClient(t *testing.T) (*kubetest.Server, *Client) {
	t.Helper()
	server := kubetest.Start(t)
	client, err := kube.NewClient(&kube.Options{Kubeconfig: server.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	return server, NewClient(client, "default")
}

// completed answers with the Job that is stored, as a Job controller has completed it at some time.
func completed(server *kubetest.Server, at time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		job := server.Object("jobs", "default", path.Base(r.URL.Path))
		job.Object["status"] = map[string]any{"conditions": []any{map[string]any{
			"type": "Complete", "status": "True", "lastTransitionTime": at.UTC().Format(time.RFC3339)}}}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(job)
	}
}

// changed answers a creation with a Job that something in the cluster has changed.
func changed(spec string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "apolo-timer-x", "uid": "1"}, "spec": {%s}}`, spec)
	}
}

func TestStart(t *testing.T) {
	server, timers := newClient(t)
	done := time.Now().Truncate(time.Second)
	server.On("GET default/jobs/*", nil, completed(server, done)) // complete when it is looked at for the second time
	timer, err := timers.Start(t.Context(), Spec{Object: "token", Level: "read", Owner: &secret, End: End{After: 1500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if want := done.Add(2 * time.Second); !timer.Ends.Equal(want) {
		t.Errorf("it ends at %s, want %s: whole seconds, and none too few", timer.Ends, want)
	}
	stored := server.Object("jobs", "default", timer.Name)
	if owners := stored.GetOwnerReferences(); len(owners) != 1 || owners[0] != secret {
		t.Errorf("it is owned by %v", owners)
	}
	for _, field := range []string{"completions", "parallelism"} {
		if n := stored.Object["spec"].(map[string]any)[field]; n != int64(0) {
			t.Errorf("%s is %v: it would make pods", field, n)
		}
	}
	if !IsTimer(timer.Name) || timer.Level != "read" {
		t.Errorf("%+v", timer)
	}
}

// The end is a time of the cluster, however long the Job took, and whatever this machine's clock says.
func TestStartUntil(t *testing.T) {
	server, timers := newClient(t)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	server.On("GET default/jobs/*", completed(server, until.Add(-20*time.Minute)))
	server.On("PATCH default/jobs/*", func(w http.ResponseWriter, r *http.Request) {
		var patch struct {
			Spec struct{ TTLSecondsAfterFinished int64 }
		}
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil || patch.Spec.TTLSecondsAfterFinished != 20*60 {
			t.Errorf("patched with %+v, %v; want 20 minutes", patch, err)
		}
		changed(`"ttlSecondsAfterFinished": 1200`)(w, r)
	})
	if _, err := timers.Start(t.Context(), Spec{Object: "token", Level: "read", Owner: &secret, End: End{At: until}}); err != nil {
		t.Fatal(err)
	}
	if _, err := timers.Start(t.Context(), Spec{Object: "token", Level: "read", Owner: &secret, End: End{At: time.Now().Add(-time.Minute)}}); err == nil || !strings.Contains(err.Error(), "in the past by the cluster's clock") {
		t.Errorf("an end in the past: %v", err)
	}
}

func TestStartIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ spec, want string }{
		"suspended":      {`"ttlSecondsAfterFinished": 60, "suspend": true`, "suspends new Jobs"},
		"another end":    {`"ttlSecondsAfterFinished": 86400`, "changed when its Job is to be deleted"},
		"without an end": {``, "changed when its Job is to be deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			server, timers := newClient(t)
			server.On("POST default/jobs", changed(test.spec))
			_, err := timers.Start(t.Context(), Spec{Object: "token", Level: "read", Owner: &secret, End: End{After: time.Minute}})
			var held *HeldError
			if !errors.As(err, &held) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if requests := server.Requests(); requests[len(requests)-1] != "DELETE default/jobs/apolo-timer-x" {
				t.Errorf("it is left; the requests are %q", requests)
			}
		})
	}
	server, timers := newClient(t)
	server.Forbid("create", "jobs")
	_, err := timers.Start(t.Context(), Spec{Object: "token", Level: "read", Owner: &secret, End: End{After: time.Minute}})
	if err == nil || !strings.Contains(err.Error(), `forbidden: you lack permission to create jobs in namespace "default"`) {
		t.Error(err)
	}
}

func TestListAndGet(t *testing.T) {
	server, timers := newClient(t)
	done := time.Now().Truncate(time.Second)
	server.On("GET default/jobs/*", completed(server, done))
	timer, err := timers.Start(t.Context(), Spec{Object: "token", Level: "write", Owner: &secret, End: End{After: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := timers.List(t.Context())
	if err != nil || len(list) != 1 || list[timer.Name].UID != timer.UID {
		t.Errorf("%v, %v", list, err)
	}
	if ends := list[timer.Name].Ends; !ends.IsZero() {
		t.Errorf("one that is not complete ends at %s", ends)
	}
	found, err := timers.Get(t.Context(), []string{timer.Name, "apolo-timer-gone"})
	if err != nil || len(found) != 1 || found[timer.Name].Level != "write" {
		t.Errorf("%v, %v", found, err)
	}
	if err := timers.Stop(t.Context(), timer); err != nil || server.Object("jobs", "default", timer.Name) != nil {
		t.Error("it is not stopped:", err)
	}
	if err := timers.Stop(t.Context(), timer); err != nil {
		t.Error("one that is gone:", err)
	}
}
