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
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// parallel is how many questions are under way at once, below the 100 to 250 streams that API
// servers allow on one connection.
const parallel = 64

var (
	secretsResource      = schema.GroupResource{Resource: "secrets"}
	jobsResource         = schema.GroupResource{Group: "batch", Resource: "jobs"}
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
	Object    string        // the name of the Kubernetes Secret
	Level     Level         // the highest
	Grantee   Grantee       // set by Shared and Grantees alone
	Stale     bool          // its Role is gone: it gives access to nothing
	Ending    timers.Ending // of access to one secret
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

// MyAccess asks the API server what the user may do with secrets in the namespaces given. Each
// namespace is one request, many at a time.
func MyAccess(ctx context.Context, client *kube.Client, namespaces []string) (List, error) {
	reviewer, err := access.NewReviewer(client)
	if err != nil {
		return List{}, err
	}
	return collect(ctx, client, namespaces, func(ctx context.Context, namespace string) (access.Rules, []string, error) {
		rules, err := reviewer.Review(ctx, namespace)
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
			found := rows(rules)
			unknown, err := addEnds(ctx, client, rules, found)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			list.Items = append(list.Items, found...)
			list.Unseen = slices.Concat(list.Unseen, unseen, unknown)
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
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Grantee.String(), b.Grantee.String()), cmp.Compare(a.Level, b.Level),
			cmp.Compare(stale(a), stale(b)), a.Ending.At.Compare(b.Ending.At))
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
