package usedby

import (
	"reflect"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func kindOf(t testing.TB, word string) int {
	t.Helper()
	for i, kind := range kinds {
		if kind.word == word {
			return i
		}
	}
	t.Fatal(word)
	return 0
}

const (
	pods = `{"metadata": {"continue": "more"}, "items": [
	{"metadata": {"name": "plain", "namespace": "a"}, "status": {"phase": "Running"}, "spec": {"containers": [
		{"env": [{"name": "X", "value": "x"}, {"valueFrom": {"configMapKeyRef": {"name": "no"}}}, {"valueFrom": {"secretKeyRef": {"name": "env", "key": "k", "optional": true}}}],
		 "envFrom": [{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "no"}}]}],
		"initContainers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "init"}}}]}],
		"ephemeralContainers": [{"envFrom": [{"secretRef": {"name": "ephemeral"}}]}],
		"imagePullSecrets": [{"name": "pull"}],
		"volumes": [{"secret": {"secretName": "file"}}, {"projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "no"}}]}},
			{"csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}}, {"azureFile": {"secretName": "azure"}}, {"cephfs": {"secretRef": {"name": "ceph"}}}]}},
	{"metadata": {"name": "ended", "namespace": "a"}, "status": {"phase": "Succeeded"}, "spec": {"volumes": [{"secret": {"secretName": "ended"}}]}},
	{"metadata": {"name": "of-job", "namespace": "a", "ownerReferences": [{"kind": "Job", "name": "j", "controller": true}]}, "status": {"phase": "Pending"},
		"spec": {"volumes": [{"secret": {"secretName": "file"}}, {"secret": {"secretName": "injected"}}]}},
	{"metadata": {"name": "of-ended-job", "namespace": "a", "ownerReferences": [{"kind": "Job", "name": "done", "controller": true}]}, "spec": {"volumes": [{"secret": {"secretName": "ended"}}]}},
	{"metadata": {"name": "of-no-job", "namespace": "a", "ownerReferences": [{"kind": "Job", "name": "gone", "controller": true}]}, "spec": {"volumes": [{"secret": {"secretName": "ended"}}]}},
	{"metadata": {"name": "of-operator", "namespace": "a", "ownerReferences": [{"kind": "Workflow", "name": "w", "controller": true}]}, "spec": {"volumes": [{"secret": {"secretName": "operator"}}]}},
	{"metadata": {"name": "of-set", "namespace": "a", "ownerReferences": [{"kind": "StatefulSet", "name": "s", "controller": true}]}, "spec": {"volumes": [{"secret": {"secretName": "unseen"}}]}},
	{"metadata": {"name": "none", "namespace": "a"}}]}`
	jobs = `{"items": [
	{"metadata": {"name": "j", "namespace": "a"}, "status": {"ready": 1, "conditions": [{"type": "Complete", "status": "False"}]}, "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "file"}}]}}}},
	{"metadata": {"name": "waits", "namespace": "a"}, "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "file"}}]}}}},
	{"metadata": {"name": "done", "namespace": "a"}, "status": {"conditions": [{"type": "FailureTarget", "status": "True"}]}, "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "ended"}}]}}}},
	{"metadata": {"name": "deleted", "namespace": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "ended"}}]}}}}]}`
	cronJobs    = `{"items": [{"metadata": {"name": "c", "namespace": "a"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "cron"}}]}}}}}}]}`
	replicaSets = `{"items": [
	{"metadata": {"name": "old", "namespace": "a", "ownerReferences": [{"kind": "Deployment", "name": "d", "controller": true}]}, "spec": {"replicas": 0, "template": {"spec": {"volumes": [{"secret": {"secretName": "ended"}}]}}}},
	{"metadata": {"name": "lone", "namespace": "a"}, "spec": {"replicas": 0, "template": {"spec": {"volumes": [{"secret": {"secretName": "lone"}}]}}}}]}`
	ingresses = `{"items": [{"metadata": {"name": "i", "namespace": "a"}, "spec": {"tls": [{"hosts": ["h"]}, {"secretName": "tls"}]}}]}`
	accounts  = `{"items": [{"metadata": {"name": "sa", "namespace": "a"}, "secrets": [{"name": "token"}], "imagePullSecrets": [{"name": "pull"}]}]}`
)

func TestUsers(t *testing.T) {
	found := &Found{users: map[Object][]User{}, ended: map[owner]bool{}, Unseen: []string{"statefulsets"}}
	for word, answer := range map[string]string{"pod": pods, "job": jobs, "cronjob": cronJobs, "replicaset": replicaSets, "ingress": ingresses, "serviceaccount": accounts} {
		next, err := found.add(kindOf(t, word), []byte(answer))
		if err != nil || (next == "more") != (word == "pod") {
			t.Fatal(word, next, err)
		}
	}
	found.addPods()
	got := map[string][]string{}
	for object, users := range found.users {
		for _, user := range users {
			got[object.Name] = append(got[object.Name], user.String())
		}
		slices.Sort(got[object.Name])
	}
	plain := []string{"pod/plain (running)"}
	want := map[string][]string{
		"env": plain, "from": plain, "init": plain, "ephemeral": plain, "projected": plain, "csi": plain, "azure": plain, "ceph": plain,
		"pull": {"pod/plain (running)", "serviceaccount/sa"}, "file": {"job/j (running)", "job/waits (pending)", "pod/plain (running)"},
		"injected": {"pod/of-job (pending)"}, "operator": {"pod/of-operator (pending)"}, "unseen": {"pod/of-set (pending)"},
		"cron": {"cronjob/c"}, "lone": {"replicaset/lone"}, "tls": {"ingress/i"}, "token": {"serviceaccount/sa"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if found.Of("b", "env") != nil || (*Found)(nil).Of("a", "env") != nil || apierrors.IsForbidden(found.Err()) {
		t.Error("what is in no namespace is found")
	}
}

func FuzzUsers(f *testing.F) {
	for _, answer := range []string{pods, jobs, cronJobs, replicaSets, ingresses, accounts, `{"items": [{"metadata": null}]}`} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		for kind := range kinds {
			found := &Found{users: map[Object][]User{}, ended: map[owner]bool{}}
			if _, err := found.add(kind, answer); err != nil && len(found.users) > 0 {
				t.Errorf("%v, and %v", err, found.users)
			}
			found.addPods()
			for object, users := range found.users {
				if object.Name == "" || len(users) == 0 {
					t.Errorf("%v is used by %v", object, users)
				}
			}
		}
	})
}
