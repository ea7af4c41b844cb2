package access_test

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
)

// What Review has from the API server, NewRules has from a program's own list.
func ExampleNewRules() {
	rules := access.NewRules("team", []access.Rule{
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"wandb-token", "gcp-key"}},
		{Verbs: []string{"*"}, APIGroups: []string{"batch"}, Resources: []string{"jobs"}},
	})
	fmt.Println(rules.Names("get", schema.GroupResource{Resource: "secrets"}))
	fmt.Println(rules.All("get", schema.GroupResource{Resource: "secrets"}), rules.All("create", schema.GroupResource{Group: "batch", Resource: "jobs"}))
	// Output:
	// [gcp-key wandb-token]
	// false true
}
