package grants_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

func ExampleParseGrantee() {
	for _, text := range []string{"bob", "group:research", "sa:ci:runner", "sa:runner"} {
		grantee, err := grants.ParseGrantee(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(grantee.Kind, grantee.Namespace, grantee.Name)
	}
	// Output:
	// User  bob
	// Group  research
	// ServiceAccount ci runner
	// "sa:runner" is not a service account: it must be sa:NAMESPACE:NAME
}

// A level is as much RBAC as it needs, on one Secret by its name.
func ExampleRules() {
	for _, rule := range grants.Rules(secrets.Secret{Object: "wandb-token", UID: "5f3c1d2e-0000"}, grants.Write) {
		fmt.Println(rule.Verbs, rule.Resources, rule.ResourceNames)
	}
	// Output: [get update patch] [secrets] [wandb-token]
}
