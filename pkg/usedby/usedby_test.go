package usedby

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

const answer = `{"kind": "JobList", "metadata": {"continue": "more"}, "items": [
	{"metadata": {"name": "runs", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\",\"secret:/b/shared\",\"secret:/a/y\"]"}},
		"status": {"active": 1, "ready": 1, "conditions": [{"type": "Complete", "status": "False"}]}},
	{"metadata": {"name": "waits", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\"]"}}, "status": {}},
	{"metadata": {"name": "ended", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\"]"}}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}},
	{"metadata": {"name": "failed", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\"]"}}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
	{"metadata": {"name": "ending", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\"]"}}, "status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}},
	{"metadata": {"name": "deleted", "namespace": "a", "deletionTimestamp": "2026-01-01T00:00:00Z", "annotations": {"apolo.us/secrets": "[\"secret:/a/x\"]"}}},
	{"metadata": {"name": "broken", "namespace": "a", "annotations": {"apolo.us/secrets": "secret:/a/x"}}},
	{"metadata": {"name": "odd", "namespace": "a", "annotations": {"apolo.us/secrets": "[\"\", \"secret:\", \"secret:/a/z\"]"}}},
	{"metadata": {"name": "none", "namespace": "a"}}
]}`

func TestUsers(t *testing.T) {
	users := Users{}
	next, err := users.add([]byte(answer))
	if err != nil || next != "more" {
		t.Fatal(next, err)
	}
	want := Users{
		{Namespace: "a", Key: "x"}: {{"runs", true}, {"waits", false}},
		{Namespace: "a", Key: "y"}: {{"runs", true}},
		{Namespace: "a", Key: "z"}: {{"odd", false}},
	}
	if !reflect.DeepEqual(users, want) {
		t.Errorf("got %v, want %v", users, want)
	}
	if got := fmt.Sprint(users[uri.Secret{Namespace: "a", Key: "x"}]); got != "[job/runs (running) job/waits (pending)]" {
		t.Error(got)
	}
}

func FuzzUsers(f *testing.F) {
	f.Add([]byte(answer))
	f.Add([]byte(`{"items": [{"metadata": null}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		users := Users{}
		if _, err := users.add(answer); err != nil && len(users) > 0 {
			t.Errorf("%v, and %v", err, users)
		}
		for secret, found := range users {
			if secret.Namespace == "" || secret.Cluster != "" || uri.ValidateKey(secret.Key) != nil || len(found) == 0 {
				t.Errorf("%v is used by %v", secret, found)
			}
		}
	})
}
