package grants

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// parallel is how many questions are under way at once, below the 100 to 250 streams that API
// servers allow on one connection.
const parallel = 64

var (
	secretsResource      = schema.GroupResource{Resource: "secrets"}
	roleBindingsResource = schema.GroupResource{Group: rbacv1.GroupName, Resource: "rolebindings"}
	// hashedName is what secrets.ObjectName makes of a key that can't be a name itself. Only the
	// annotation of such a Secret tells its key.
	hashedName = regexp.MustCompile(`-[0-9a-f]{32}$`)
)

// Access is one row: what somebody may do with one secret, or, where Key is empty, with all
// secrets of a namespace.
type Access struct {
	Namespace string
	Key       string
	Object    string  // the name of the Kubernetes Secret
	Level     Level   // the highest
	Grantee   Grantee // set by Shared and Who alone
	Stale     bool    // its Role is gone: it gives access to nothing
}

// URI is how a user calls what the access is to.
func (a Access) URI(cluster string) string {
	if a.Key == "" {
		return uri.Scheme + "//" + cluster + "/" + a.Namespace
	}
	return uri.Secret{Cluster: cluster, Namespace: a.Namespace, Key: a.Key}.String()
}

// List is the answer to a question about access.
type List struct {
	Items []Access
	// Unseen says, in sentences, what may be missing and why.
	Unseen []string
}

// Mine asks the API server what the user may do with secrets in the namespaces given. Each
// namespace is one request, many at a time.
func Mine(ctx context.Context, client *kube.Client, namespaces []string) (List, error) {
	asker, err := access.NewAsker(client)
	if err != nil {
		return List{}, err
	}
	return collect(ctx, client, namespaces, func(ctx context.Context, namespace string) (access.Rules, []string, error) {
		rules, err := asker.Review(ctx, namespace)
		if err != nil {
			return access.Rules{}, nil, fmt.Errorf("namespace %s: %w", namespace, err)
		}
		if rules.Incomplete != "" {
			return rules, []string{fmt.Sprintf("the API server says that its answer for namespace %s is incomplete: %s", namespace, rules.Incomplete)}, nil
		}
		return rules, nil, nil
	})
}

// collect turns the rules of each namespace into rows.
func collect(outer context.Context, client *kube.Client, namespaces []string, rulesOf func(context.Context, string) (access.Rules, []string, error)) (List, error) {
	var (
		lock sync.Mutex
		list List
	)
	requests, ctx := errgroup.WithContext(outer)
	requests.SetLimit(parallel)
	for _, namespace := range namespaces {
		requests.Go(func() error {
			rules, unseen, err := rulesOf(ctx, namespace)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			list.Items = append(list.Items, rows(rules)...)
			list.Unseen = append(list.Unseen, unseen...)
			return nil
		})
	}
	if err := requests.Wait(); err != nil {
		return list, err
	}
	nameKeys(outer, client, list.Items)
	sortRows(list.Items)
	slices.Sort(list.Unseen)
	return list, nil
}

// nameKeys finds the keys of the secrets whose names don't tell them, all at once.
func nameKeys(ctx context.Context, client *kube.Client, items []Access) {
	var requests errgroup.Group
	requests.SetLimit(parallel)
	for i := range items {
		item := &items[i]
		if item.Key = item.Object; hashedName.MatchString(item.Object) {
			requests.Go(func() error {
				if key, err := secrets.KeyOfObject(ctx, client, item.Namespace, item.Object); err == nil {
					item.Key = key // else its name is the best there is
				}
				return nil
			})
		}
	}
	_ = requests.Wait() // none of them fails
}

// sortRows puts equal rows side by side.
func sortRows(rows []Access) {
	stale := func(a Access) int {
		if a.Stale {
			return 1
		}
		return 0
	}
	slices.SortFunc(rows, func(a, b Access) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Grantee.String(), b.Grantee.String()), cmp.Compare(a.Level, b.Level), cmp.Compare(stale(a), stale(b)))
	})
}

// rows reads levels out of the rules of one namespace.
func rows(rules access.Rules) []Access {
	var found []Access
	if rules.All("get", secretsResource) {
		level := Read
		if rules.All("update", secretsResource) {
			level = Write
			if rules.All("create", roleBindingsResource) {
				level = Manage
			}
		}
		found = append(found, Access{Namespace: rules.Namespace, Level: level})
	}
	writable := map[string]bool{}
	for _, object := range rules.Names("update", secretsResource) {
		writable[object] = true
	}
	managed := map[string]bool{}
	for _, binding := range rules.Names("update", roleBindingsResource) {
		if object, level, ok := parseObjectName(binding); ok && level == Manage {
			managed[object] = true
		}
	}
	for _, object := range rules.Names("get", secretsResource) {
		level := Read
		if writable[object] {
			level = Write
			if managed[object] {
				level = Manage
			}
		}
		found = append(found, Access{Namespace: rules.Namespace, Object: object, Level: level})
	}
	return found
}

// Of reads, from the RBAC objects that the user may read, what somebody else may do with secrets
// in the namespaces given. Rights through groups other than those that everybody is in can't be
// seen: Kubernetes does not know who is in a group.
func Of(ctx context.Context, client *kube.Client, somebody Grantee, namespaces []string) (List, error) {
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
	err := eachBinding(ctx, r.client, r.api, namespace, "", func(binding *rbacv1.RoleBinding) {
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

// page is how many objects one answer brings.
const page = 500

// eachBinding calls each for the RoleBindings of a namespace, a page at a time.
func eachBinding(ctx context.Context, client *kube.Client, api *rest.RESTClient, namespace, selector string, each func(*rbacv1.RoleBinding)) error {
	var turned kube.Pages
	for next := ""; ; {
		list := &rbacv1.RoleBindingList{}
		err := turned.Turn(next)
		if err == nil {
			err = api.Get().Namespace(namespace).Resource("rolebindings").
				VersionedParams(&metav1.ListOptions{LabelSelector: selector, Limit: page, Continue: next}, metav1.ParameterCodec).
				Do(ctx).Into(list)
		}
		if err != nil {
			return client.Explain(err, kube.Request{Verb: "list", Resource: "rolebindings", Namespace: namespace})
		}
		for i := range list.Items {
			each(&list.Items[i])
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

// eachRole calls each for the Roles of a namespace, a page at a time.
func eachRole(ctx context.Context, client *kube.Client, api *rest.RESTClient, namespace, selector string, each func(*rbacv1.Role)) error {
	var turned kube.Pages
	for next := ""; ; {
		list := &rbacv1.RoleList{}
		err := turned.Turn(next)
		if err == nil {
			err = api.Get().Namespace(namespace).Resource("roles").
				VersionedParams(&metav1.ListOptions{LabelSelector: selector, Limit: page, Continue: next}, metav1.ParameterCodec).
				Do(ctx).Into(list)
		}
		if err != nil {
			return client.Explain(err, kube.Request{Verb: "list", Resource: "roles", Namespace: namespace})
		}
		for i := range list.Items {
			each(&list.Items[i])
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}
