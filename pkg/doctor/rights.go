package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// Task is something that people do with secrets and jobs, in the words of the commands.
type Task string

// The tasks, in the order in which they are told.
const (
	Add    Task = "add"    // store a secret, and replace its value
	List   Task = "list"   // see which secrets there are
	Get    Task = "get"    // read a value
	Remove Task = "remove" // remove a secret
	Grant  Task = "grant"  // share a secret
	Run    Task = "run"    // run jobs with secrets, follow their logs, end them
	Attach Task = "attach" // work in a job: a terminal, a command, a port
)

// Tasks lists all tasks.
func Tasks() []Task { return []Task{Add, List, Get, Remove, Grant, Run, Attach} }

// Right is one verb on one resource of the namespace, as RBAC has them.
type Right struct {
	Verb, Group, Resource string // Resource with its subresource: pods/log
}

// inWords lists rights by resource: "get and list secrets; create pods/exec".
func inWords(rights []Right) string {
	var parts []string
	for _, rule := range rules(rights) {
		verbs := rule.Verbs
		text := verbs[len(verbs)-1]
		if len(verbs) > 1 {
			text = strings.Join(verbs[:len(verbs)-1], ", ") + " and " + text
		}
		parts = append(parts, text+" "+rule.Resources[0])
	}
	return strings.Join(parts, "; ")
}

// rules puts rights into RBAC's form, with one rule for each resource. Verbs have the order of the API's
// documentation.
func rules(rights []Right) []rbacv1.PolicyRule {
	order := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	var rules []rbacv1.PolicyRule
	for _, right := range rights {
		i := slices.IndexFunc(rules, func(rule rbacv1.PolicyRule) bool {
			return rule.APIGroups[0] == right.Group && rule.Resources[0] == right.Resource
		})
		if i < 0 {
			i = len(rules)
			rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{right.Group}, Resources: []string{right.Resource}})
		}
		if !slices.Contains(rules[i].Verbs, right.Verb) {
			rules[i].Verbs = append(rules[i].Verbs, right.Verb)
		}
	}
	for _, rule := range rules {
		slices.SortFunc(rule.Verbs, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	}
	return rules
}

// Rights returns what a task needs at least, in the namespace that it works in. They are what the
// commands really ask the API server for; what they can do without, such as removing the grants that
// a deleted secret left, is not among them.
func (t Task) Rights() []Right {
	const (
		batch = "batch"
		rbac  = rbacv1.GroupName
	)
	switch t {
	case Add:
		return rights("", "secrets", "create", "patch")
	case List:
		return rights("", "secrets", "list")
	case Get:
		return rights("", "secrets", "get")
	case Remove:
		return rights("", "secrets", "get", "delete")
	case Grant:
		// Nobody can give more than they have: the level write is get, update, patch. Roles are listed and deleted to find
		// and end what an earlier secret of the same name has left.
		return slices.Concat(rights("", "secrets", "get", "update", "patch"),
			rights(rbac, "roles", "get", "list", "create", "update", "delete"),
			rights(rbac, "rolebindings", "get", "list", "create", "update", "patch"))
	case Run:
		return slices.Concat(rights("", "secrets", "get", "create"), // create: copies of what others share
			rights(batch, "jobs", "get", "list", "watch", "create", "patch", "delete"),
			rights("", "pods", "get", "list", "watch"), rights("", "pods/log", "get"), rights("", "events", "list"))
	case Attach:
		return slices.Concat(rights("", "pods", "get", "list", "watch"),
			rights("", "pods/attach", "create"), rights("", "pods/exec", "create"), rights("", "pods/portforward", "create"))
	}
	return nil
}

func rights(group, resource string, verbs ...string) []Right {
	all := make([]Right, len(verbs))
	for i, verb := range verbs {
		all[i] = Right{Verb: verb, Group: group, Resource: resource}
	}
	return all
}

// reviewer asks the API server, right by right, what the user may do: other than a list of rules, its answer
// counts every authorizer (SelfSubjectAccessReview in k8s.io/api/authorization/v1).
type reviewer struct {
	client *kube.Client
	ask    func(context.Context, *authorizationv1.SelfSubjectAccessReview) error
}

func newReviewer(client *kube.Client) (*reviewer, error) {
	version := authorizationv1.SchemeGroupVersion
	api, err := client.REST(version, kube.NewScheme(version, &authorizationv1.SelfSubjectAccessReview{}))
	if err != nil {
		return nil, err
	}
	return &reviewer{client: client, ask: func(ctx context.Context, review *authorizationv1.SelfSubjectAccessReview) error {
		return api.Post().Resource("selfsubjectaccessreviews").Body(review).Do(ctx).Into(review)
	}}, nil
}

// atOnce is how many questions are asked at the same time.
const atOnce = 8

// missing returns those of the rights that the user has not, in their order. An empty namespace stands
// for all of them.
func (a *reviewer) missing(ctx context.Context, namespace string, rights []Right) ([]Right, error) {
	var (
		refused  = make([]bool, len(rights))
		problems = make([]error, len(rights))
		slots    = make(chan struct{}, atOnce)
		group    sync.WaitGroup
	)
	for i, right := range rights {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			resource, subresource, _ := strings.Cut(right.Resource, "/")
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: namespace, Verb: right.Verb, Group: right.Group, Resource: resource, Subresource: subresource,
				},
			}}
			problems[i] = a.ask(ctx, review)
			refused[i] = !review.Status.Allowed
		})
	}
	group.Wait()
	var missing []Right
	for i, right := range rights {
		if problems[i] != nil {
			return nil, a.client.Explain(problems[i], kube.Request{Verb: "create", Resource: "selfsubjectaccessreviews"})
		}
		if refused[i] {
			missing = append(missing, right)
		}
	}
	return missing, nil
}

// RightsOf returns the rights that tasks need, each once.
func RightsOf(tasks []Task) []Right {
	var all []Right
	for _, task := range tasks {
		for _, right := range task.Rights() {
			if !slices.Contains(all, right) {
				all = append(all, right)
			}
		}
	}
	return all
}

// RoleFor returns the Role that gives all rights that tasks need in a namespace, and the binding that gives it
// to a user, who can be a service account (system:serviceaccount:NAMESPACE:NAME). The tasks are in the name of
// both, so that what is made for other tasks stays.
func RoleFor(tasks []Task, namespace, user string) []runtime.Object {
	name := "apolo:" + user
	for _, task := range tasks {
		name += ":" + string(task)
	}
	role := &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Rules:      rules(RightsOf(tasks)),
	}
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}
	if account, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		if accountNamespace, accountName, ok := strings.Cut(account, ":"); ok {
			subject = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: accountNamespace, Name: accountName}
		}
	}
	binding := &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{subject},
	}
	return []runtime.Object{role, binding}
}
