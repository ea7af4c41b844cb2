package access

import (
	"context"
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

// The API server of the local cluster always knows all rules; only others, with webhooks for
// authorization, give incomplete answers.
func TestReviewSaysWhatTheServerDoesNotKnow(t *testing.T) {
	server := kubetest.Start(t)
	server.SetRules(authorizationv1.SubjectRulesReviewStatus{
		Incomplete: true, EvaluationError: "webhook authorizer does not support user rule resolution",
		ResourceRules: []authorizationv1.ResourceRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"b", "a", "b"}}},
	})
	client, err := kube.NewClient(&kube.Options{Kubeconfig: server.Kubeconfig})
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
