// Package access asks the API server what the user may do.
//
// It never evaluates RBAC objects itself: the answer of the server counts groups, ClusterRoles,
// wildcards and authorizers other than RBAC.
package access

import (
	"context"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// Rules is what the user may do in one namespace.
type Rules struct {
	Namespace string
	// Incomplete holds the server's words where it could not list everything, as authorizers
	// other than RBAC can't; empty otherwise.
	Incomplete string

	rules []authorizationv1.ResourceRule
}

// Review asks one question; for several, make an Asker.
func Review(ctx context.Context, client *kube.Client, namespace string) (Rules, error) {
	asker, err := NewAsker(client)
	if err != nil {
		return Rules{}, err
	}
	return asker.Review(ctx, namespace)
}

// NewRules are rules that were read from RBAC objects, for questions about somebody else.
func NewRules(namespace string, rules []authorizationv1.ResourceRule) Rules {
	return Rules{Namespace: namespace, rules: rules}
}

// Asker asks about many namespaces over one connection. It is safe for use by several goroutines.
type Asker struct {
	client *kube.Client
	api    rest.Interface
}

// NewAsker prepares for questions to a cluster. It makes no request.
func NewAsker(client *kube.Client) (*Asker, error) {
	version := authorizationv1.SchemeGroupVersion
	api, err := client.REST(version, kube.NewScheme(version, &authorizationv1.SelfSubjectRulesReview{}))
	if err != nil {
		return nil, err
	}
	return &Asker{client: client, api: api}, nil
}

// All tells whether verb is allowed on every object of the resource.
func (r Rules) All(verb string, resource schema.GroupResource) bool {
	return slices.ContainsFunc(r.rules, func(rule authorizationv1.ResourceRule) bool {
		return len(rule.ResourceNames) == 0 && covers(rule, verb, resource)
	})
}

// Names lists, sorted, the names of the objects on which verb is allowed one by one.
func (r Rules) Names(verb string, resource schema.GroupResource) []string {
	var names []string
	for _, rule := range r.rules {
		if covers(rule, verb, resource) {
			names = append(names, rule.ResourceNames...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func covers(rule authorizationv1.ResourceRule, verb string, resource schema.GroupResource) bool {
	has := func(list []string, s string) bool { return slices.Contains(list, s) || slices.Contains(list, "*") }
	return has(rule.Verbs, verb) && has(rule.APIGroups, resource.Group) && has(rule.Resources, resource.Resource)
}

// Review asks about one namespace with one SelfSubjectRulesReview.
func (a *Asker) Review(ctx context.Context, namespace string) (Rules, error) {
	question := &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}
	answer := &authorizationv1.SelfSubjectRulesReview{}
	err := a.api.Post().Resource("selfsubjectrulesreviews").Body(question).Do(ctx).Into(answer)
	if err != nil {
		return Rules{}, a.client.Explain(err, kube.Request{Verb: "create", Resource: "selfsubjectrulesreviews"})
	}
	rules := Rules{Namespace: namespace, rules: answer.Status.ResourceRules}
	if answer.Status.Incomplete {
		rules.Incomplete = answer.Status.EvaluationError
		if rules.Incomplete == "" {
			rules.Incomplete = "the server gives no reason"
		}
	}
	return rules, nil
}
