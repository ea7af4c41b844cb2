package grants

import (
	"context"
	"fmt"
	"slices"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// AccessOf reads, from the RBAC objects that the user may read, what somebody else may do with secrets
// in the namespaces given. Rights through groups other than those that everybody is in can't be
// seen: Kubernetes does not know who is in a group.
func AccessOf(ctx context.Context, client *kube.Client, somebody Grantee, namespaces []string) (List, error) {
	api, err := rbacClient(client)
	if err != nil {
		return List{}, err
	}
	reader := &ruleReader{client: client, api: api, somebody: somebody, clusterRoles: map[string][]rbacv1.PolicyRule{}}
	var everywhere []access.Rule
	clusterBindings := &rbacv1.ClusterRoleBindingList{}
	unseen := []string{"rights through groups, since Kubernetes does not know who is in them; with the right to impersonate, 'acl ls --as " + somebody.String() + "' shows all"}
	err = api.Get().Resource("clusterrolebindings").Do(ctx).Into(clusterBindings)
	switch {
	case apierrors.IsForbidden(err):
		unseen = append(unseen, "rights in the whole cluster, since you can't list clusterrolebindings")
	case err != nil:
		return List{}, client.Explain(err, kube.Request{Verb: "list", Resource: "clusterrolebindings"})
	}
	for _, binding := range clusterBindings.Items {
		if reader.concerns(binding.Subjects, "") {
			rules, problem, err := reader.rules(ctx, "", binding.RoleRef)
			if err != nil {
				return List{}, err
			}
			if problem != "" {
				unseen = append(unseen, problem)
			}
			everywhere = append(everywhere, rules...)
		}
	}
	list, err := collect(ctx, client, namespaces, func(ctx context.Context, namespace string) (access.Rules, []string, error) {
		return reader.namespace(ctx, namespace, everywhere)
	})
	list.Unseen = append(unseen, list.Unseen...)
	return list, err
}

// ruleReader puts together the rules of one user from RBAC objects.
type ruleReader struct {
	client   *kube.Client
	api      *rest.RESTClient
	somebody Grantee

	lock         sync.Mutex
	clusterRoles map[string][]rbacv1.PolicyRule
}

// namespace reads the rules that hold in one namespace, besides those that hold everywhere.
func (r *ruleReader) namespace(ctx context.Context, namespace string, everywhere []access.Rule) (access.Rules, []string, error) {
	var refs []rbacv1.RoleRef
	err := eachBinding(ctx, r.client, r.api, namespace, func(binding *rbacv1.RoleBinding) {
		if r.concerns(binding.Subjects, namespace) {
			refs = append(refs, binding.RoleRef)
		}
	})
	if apierrors.IsForbidden(err) {
		return access.NewRules(namespace, everywhere), []string{"namespace " + namespace + ", since you can't list its rolebindings"}, nil
	}
	if err != nil {
		return access.Rules{}, nil, err
	}
	roles, err := r.roles(ctx, namespace, refs)
	if err != nil {
		return access.Rules{}, nil, err
	}
	all := slices.Clone(everywhere)
	var unseen []string
	for _, ref := range refs {
		if policy, ok := roles[ref.Name]; ok && ref.Kind == "Role" {
			all = append(all, rulesOf(policy)...)
			continue
		}
		rules, problem, err := r.rules(ctx, namespace, ref)
		if err != nil {
			return access.Rules{}, nil, err
		}
		if problem != "" {
			unseen = append(unseen, problem)
		}
		all = append(all, rules...)
	}
	return access.NewRules(namespace, all), unseen, nil
}

// fewRoles is how many Roles are read one by one.
const fewRoles = 4

// roles reads the rules of the Roles that refs point to, by name, a page at a time. It returns nil where they are few or
// may not be listed: they are to be read one by one then.
func (r *ruleReader) roles(ctx context.Context, namespace string, refs []rbacv1.RoleRef) (map[string][]rbacv1.PolicyRule, error) {
	wanted := map[string][]rbacv1.PolicyRule{}
	for _, ref := range refs {
		if ref.Kind == "Role" {
			wanted[ref.Name] = nil
		}
	}
	if len(wanted) <= fewRoles {
		return nil, nil
	}
	err := eachRole(ctx, r.client, r.api, namespace, "", func(role *rbacv1.Role) {
		if _, ok := wanted[role.Name]; ok {
			wanted[role.Name] = role.Rules
		}
	})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return wanted, err // a Role that is gone gives nothing
}

// concerns reports whether a binding is for somebody, by name or by a group that everybody is in.
func (r *ruleReader) concerns(subjects []rbacv1.Subject, bindingNamespace string) bool {
	groups := []string{"system:authenticated"}
	if r.somebody.Kind == rbacv1.ServiceAccountKind {
		groups = append(groups, "system:serviceaccounts", "system:serviceaccounts:"+r.somebody.Namespace)
	}
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == "" {
			s.Namespace = bindingNamespace
		}
		return concerns(s, r.somebody) || s.Kind == rbacv1.GroupKind && slices.Contains(groups, s.Name)
	})
}

// rules reads the rules that a binding points to. A role that is gone gives nothing.
func (r *ruleReader) rules(ctx context.Context, namespace string, ref rbacv1.RoleRef) (rules []access.Rule, problem string, err error) {
	var policy []rbacv1.PolicyRule
	if ref.Kind == "ClusterRole" {
		r.lock.Lock()
		defer r.lock.Unlock()
		known, ok := r.clusterRoles[ref.Name]
		if !ok {
			role := &rbacv1.ClusterRole{}
			err = r.api.Get().Resource("clusterroles").Name(ref.Name).Do(ctx).Into(role)
			known = role.Rules
			r.clusterRoles[ref.Name] = known
		}
		policy = known
	} else {
		role := &rbacv1.Role{}
		err = r.api.Get().Namespace(namespace).Resource("roles").Name(ref.Name).Do(ctx).Into(role)
		policy = role.Rules
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, "", nil
	case apierrors.IsForbidden(err):
		return nil, fmt.Sprintf("what the %s %q gives in namespace %q, since you can't read it", ref.Kind, ref.Name, namespace), nil
	case err != nil:
		return nil, "", r.client.Explain(err, kube.Request{Verb: "get", Resource: "roles", Namespace: namespace, Name: ref.Name})
	}
	return rulesOf(policy), "", nil
}

func rulesOf(policy []rbacv1.PolicyRule) (rules []access.Rule) {
	for _, rule := range policy {
		rules = append(rules, access.Rule{
			Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames})
	}
	return rules
}
