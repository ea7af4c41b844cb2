// Package access asks the API server what the user may do.
//
// It never evaluates RBAC objects itself: the answer of the server counts groups, ClusterRoles,
// wildcards and authorizers other than RBAC.
package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// Rule allows verbs on resources, as a rule of RBAC does: of all objects where it has no ResourceNames.
type Rule struct {
	Verbs         []string `json:"verbs"`
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames"`
}

// Rules is what the user may do in one namespace.
type Rules struct {
	Namespace string
	// Incomplete holds the server's words where it could not list everything, as authorizers
	// other than RBAC can't; empty otherwise.
	Incomplete string

	rules []Rule
}

// Review asks one question; for several, make a Reviewer.
func Review(ctx context.Context, client *kube.Client, namespace string) (Rules, error) {
	reviewer, err := NewReviewer(client)
	if err != nil {
		return Rules{}, err
	}
	return reviewer.Review(ctx, namespace)
}

// NewRules are rules that were read from RBAC objects, for questions about somebody else.
func NewRules(namespace string, rules []Rule) Rules {
	return Rules{Namespace: namespace, rules: rules}
}

// Reviewer asks about many namespaces over one connection. It is safe for use by several goroutines.
type Reviewer struct {
	client *kube.Client
	api    rest.Interface
}

// NewReviewer prepares for questions to a cluster. It makes no request.
func NewReviewer(client *kube.Client) (*Reviewer, error) {
	version := schema.GroupVersion{Group: "authorization.k8s.io", Version: "v1"}
	api, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		return nil, err
	}
	return &Reviewer{client: client, api: api}, nil
}

// All reports whether verb is allowed on every object of the resource.
func (r Rules) All(verb string, resource schema.GroupResource) bool {
	return slices.ContainsFunc(r.rules, func(rule Rule) bool {
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

// Count is how many rules allow verb on the object of a name, and name it.
func (r Rules) Count(verb string, resource schema.GroupResource, name string) (n int) {
	for _, rule := range r.rules {
		if covers(rule, verb, resource) && slices.Contains(rule.ResourceNames, name) {
			n++
		}
	}
	return n
}

func covers(rule Rule, verb string, resource schema.GroupResource) bool {
	has := func(list []string, s string) bool { return slices.Contains(list, s) || slices.Contains(list, "*") }
	return has(rule.Verbs, verb) && has(rule.APIGroups, resource.Group) && has(rule.Resources, resource.Resource)
}

// rulesReview is what matters of a SelfSubjectRulesReview.
type rulesReview struct {
	metav1.TypeMeta `json:",inline"`
	Spec            struct {
		Namespace string `json:"namespace"`
	} `json:"spec"`
	Status struct {
		ResourceRules   []Rule `json:"resourceRules"`
		Incomplete      bool   `json:"incomplete"`
		EvaluationError string `json:"evaluationError"`
	} `json:"status"`
}

// Review asks about one namespace with one SelfSubjectRulesReview.
func (a *Reviewer) Review(ctx context.Context, namespace string) (Rules, error) {
	review := &rulesReview{TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectRulesReview"}}
	review.Spec.Namespace = namespace
	if err := post(ctx, a.client, a.api, "selfsubjectrulesreviews", review); err != nil {
		return Rules{}, err
	}
	rules := Rules{Namespace: namespace, rules: review.Status.ResourceRules}
	if review.Status.Incomplete {
		rules.Incomplete = review.Status.EvaluationError
		if rules.Incomplete == "" {
			rules.Incomplete = "the server gives no reason"
		}
	}
	return rules, nil
}

// post sends a review, a pointer to a struct, and reads the answer into it.
//
// The types that Kubernetes has for reviews would make each binary larger by a quarter of a megabyte
// (docs/decisions/0001).
func post(ctx context.Context, client *kube.Client, api rest.Interface, resource string, review any) error {
	body, err := json.Marshal(review)
	if err != nil {
		return err
	}
	body, err = kube.Body(api.Post().
		Resource(resource).
		SetHeader("Accept", runtime.ContentTypeJSON).
		SetHeader("Content-Type", runtime.ContentTypeJSON).
		Body(body).
		Do(ctx))
	if err != nil {
		return client.Explain(err, kube.Request{Verb: "create", Resource: resource})
	}
	if err := json.Unmarshal(body, review); err != nil {
		return fmt.Errorf("unexpected response from %s (not a review); is a proxy intercepting requests?", client.Host())
	}
	return nil
}
