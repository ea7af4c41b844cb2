package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

func TestEncryptionSign(t *testing.T) {
	for _, test := range []struct{ name, metrics, want string }{
		{"nothing", "", ""},
		{"not configured", "# HELP apiserver_encryption_config_controller_last_config_info [ALPHA]\napiserver_request_total{resource=\"secrets\"} 5\n", ""},
		{"configured", "a 1\napiserver_encryption_config_controller_last_config_info{hash=\"sha256:00\"} 1\n", "apiserver_encryption_config_controller_last_config_info"},
		{"a provider", `apiserver_storage_transformation_operations_total{resource="secrets",transformer_prefix="k8s:enc:kms:v2:"} 3` + "\n", "apiserver_storage_transformation_operations_total"},
		{"no provider", `apiserver_storage_transformation_operations_total{resource="secrets",transformer_prefix="unknown"} 3` + "\n", ""},
		{"a line without end", strings.Repeat("x", 1<<20), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := encryptionSign(strings.NewReader(test.metrics))
			if got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestRoleFor(t *testing.T) {
	objects := RoleFor([]Task{Add, Run}, "team", "system:serviceaccount:ci:deployer")
	role, binding := objects[0].(*rbacv1.Role), objects[1].(*rbacv1.RoleBinding)
	if role.Name != "apolo:system:serviceaccount:ci:deployer:add:run" || role.Namespace != "team" || binding.RoleRef.Name != role.Name {
		t.Errorf("%s in %s, bound by %+v", role.Name, role.Namespace, binding.RoleRef)
	}
	for _, right := range RightsOf([]Task{Add, Run}) {
		found := 0
		for _, rule := range role.Rules {
			for _, verb := range rule.Verbs {
				if rule.APIGroups[0] == right.Group && rule.Resources[0] == right.Resource && verb == right.Verb {
					found++
				}
			}
		}
		if found != 1 {
			t.Errorf("%+v is there %d times", right, found)
		}
	}
	want := rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "deployer"}
	if len(binding.Subjects) != 1 || binding.Subjects[0] != want {
		t.Errorf("bound to %+v", binding.Subjects)
	}
}

func TestInWords(t *testing.T) {
	got := inWords([]Right{{"create", "", "secrets"}, {"get", "batch", "jobs"}, {"get", "", "secrets"}, {"list", "", "secrets"}})
	if want := "get, list and create secrets; get jobs"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A server of another age or time, or none of Kubernetes, can't be had for real.
func TestServer(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   []Check
	}{
		{"old", func(w http.ResponseWriter) { answerVersion(w, "v1.27.3", time.Now()) }, []Check{{"server", Warning, "is older than 1.28"}}},
		{"of a vendor", func(w http.ResponseWriter) { answerVersion(w, "v1.34.1-eks-113cf36", time.Now()) }, []Check{{"server", OK, "v1.34.1-eks-113cf36"}}},
		{"slow clock", func(w http.ResponseWriter) { answerVersion(w, "v1.34.1", time.Now().Add(-time.Hour)) },
			[]Check{{"server", OK, ""}, {"clock", Warning, "are 1h"}}},
		{"no Kubernetes", func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>log in</html>")) }, []Check{{"server", Missing, "does not answer as a Kubernetes API server does"}}},
		{"refusing", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, []Check{{"server", Missing, "does not accept your credentials"}}},
		{"failing", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, []Check{{"server", Missing, "try again later"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := kubetest.Start(t)
			server.Always("GET /version", func(w http.ResponseWriter, _ *http.Request) { test.answer(w) })
			client, err := kube.NewClient(&kube.Options{Kubeconfig: server.Kubeconfig})
			if err != nil {
				t.Fatal(err)
			}
			report := &Report{}
			report.server(context.Background(), client)
			if len(report.Checks) != len(test.want) {
				t.Fatalf("got %+v", report.Checks)
			}
			for i, want := range test.want {
				got := report.Checks[i]
				if got.Name != want.Name || got.Status != want.Status || !strings.Contains(got.Details, want.Details) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
		})
	}
}

func answerVersion(w http.ResponseWriter, number string, now time.Time) {
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	_ = json.NewEncoder(w).Encode(map[string]string{"gitVersion": number})
}

func FuzzEncryptionSign(f *testing.F) {
	f.Add(`apiserver_storage_transformation_operations_total{transformer_prefix="k8s:enc:aescbc:v1:key1:"} 1` + "\n")
	f.Add("apiserver_encryption_config_controller_last_config_info{}")
	f.Fuzz(func(t *testing.T, metrics string) {
		sign, err := encryptionSign(strings.NewReader(metrics))
		if err != nil || !strings.Contains(metrics, sign) {
			t.Errorf("%q has the sign %q, %v", metrics, sign, err)
		}
	})
}
