package access

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// The API server of the local cluster always knows all rules; only others, with webhooks for
// authorization, give incomplete answers.
func TestReviewSaysWhatTheServerDoesNotKnow(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := authorizationv1.SelfSubjectRulesReview{}
		review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectRulesReview"
		review.Status = authorizationv1.SubjectRulesReviewStatus{
			Incomplete: true, EvaluationError: "webhook authorizer does not support user rule resolution",
			ResourceRules: []authorizationv1.ResourceRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"b", "a", "b"}}},
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	config := filepath.Join(t.TempDir(), "config")
	text := `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": "` + server.URL + `"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}]}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kube.NewClient(&kube.Options{Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Review(context.Background(), client, "ns")
	if err != nil {
		t.Fatal(err)
	}
	if rules.Incomplete != "webhook authorizer does not support user rule resolution" {
		t.Errorf("incomplete = %q", rules.Incomplete)
	}
	if names := rules.Names("get", schema.GroupResource{Resource: "secrets"}); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names = %q, want a and b once each", names)
	}
	if names := rules.Names("get", schema.GroupResource{Group: "example.com", Resource: "secrets"}); len(names) != 0 {
		t.Errorf("names of another API group: %q", names)
	}
}
