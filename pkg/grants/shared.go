package grants

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// isGrant reports which level of which Kubernetes Secret a binding gives: what its Role says, whatever its own name and
// labels are. A manager can strip labels, and RBAC looks at neither.
func isGrant(binding *rbacv1.RoleBinding) (object string, level Level, ok bool) {
	if binding.RoleRef.Kind != "Role" || len(binding.Subjects) == 0 {
		return "", "", false
	}
	return parseObjectName(binding.RoleRef.Name)
}

// given is what one binding gives.
type given struct {
	object  string
	level   Level
	binding *rbacv1.RoleBinding
}

// allGiven reads what the grants of a namespace give, and the names of the Roles that exist: nil where the user may not
// list Roles.
func allGiven(ctx context.Context, client *kube.Client, namespace string) (found []given, roles map[string]bool, err error) {
	api, err := rbacClient(client)
	if err != nil {
		return nil, nil, err
	}
	md, err := client.Metadata()
	if err != nil {
		return nil, nil, err
	}
	var requests errgroup.Group
	requests.Go(func() error {
		return eachBinding(ctx, client, api, namespace, func(binding *rbacv1.RoleBinding) {
			if object, level, ok := isGrant(binding); ok {
				found = append(found, given{object, level, binding})
			}
		})
	})
	requests.Go(func() error {
		names := map[string]bool{}
		all := md.Resource(rbacv1.SchemeGroupVersion.WithResource("roles")).Namespace(namespace)
		err := kube.EachMetadata(ctx, all, metav1.ListOptions{Limit: page}, func(role *metav1.PartialObjectMetadata) { names[role.Name] = true })
		switch {
		case err == nil:
			roles = names
		case apierrors.IsForbidden(err):
			return nil
		}
		return client.Explain(err, kube.Request{Verb: "list", Resource: "roles", Namespace: namespace})
	})
	return found, roles, requests.Wait()
}

// Shared lists who can use which secret of a namespace through grants. A Role gives access to whatever Secret has the
// name in it, so that a grant is stale only when its Role is gone.
func Shared(ctx context.Context, client *kube.Client, namespace string) ([]Access, error) {
	found, roles, err := allGiven(ctx, client, namespace)
	if err != nil {
		return nil, err
	}
	store, err := secrets.NewStore(client, uri.Secret{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	byObject := map[string]string{}
	err = store.List(ctx, func(s secrets.Secret) error {
		byObject[s.Object] = s.Key
		return nil
	})
	if err != nil {
		return nil, err
	}
	bindings := make([]*rbacv1.RoleBinding, 0, len(found))
	for _, grant := range found {
		bindings = append(bindings, grant.binding)
	}
	known, err := knownTimers(ctx, store, bindings)
	if err != nil {
		return nil, err
	}
	var shared []Access
	for _, grant := range found {
		row := Access{Namespace: namespace, Key: byObject[grant.object], Object: grant.object, Level: grant.level, Stale: roles != nil && !roles[grant.binding.RoleRef.Name], Ending: endOf(grant.binding, known)}
		if row.Key == "" {
			row.Key = grant.object
		}
		for _, subject := range grant.binding.Subjects {
			row.Grantee = granteeOf(subject)
			shared = append(shared, row)
		}
	}
	sortRows(shared)
	return slices.Compact(shared), nil
}

// IsShared reports, of the secrets of a namespace, which ones somebody has a grant for.
func IsShared(ctx context.Context, client *kube.Client, namespace string) (func(secrets.Secret) bool, error) {
	found, roles, err := allGiven(ctx, client, namespace)
	if err != nil {
		return nil, err
	}
	shared := map[string]bool{}
	for _, grant := range found {
		if roles == nil || roles[grant.binding.RoleRef.Name] {
			shared[grant.object] = true
		}
	}
	return func(secret secrets.Secret) bool { return shared[secret.Object] }, nil
}

// Grantees lists who can use one secret through grants. Managers may ask too: they see the three bindings that they may
// change, and Warn is told that there can be more.
func (g *Granter) Grantees(ctx context.Context, key string) ([]Access, error) {
	var (
		secret   secrets.Secret
		lookErr  error
		found    []*rbacv1.RoleBinding
		requests errgroup.Group
	)
	requests.Go(func() error {
		secret, lookErr = g.store.Lookup(ctx, key)
		return nil
	})
	requests.Go(func() (err error) {
		found, err = g.holders(ctx, key)
		return err
	})
	if err := requests.Wait(); err != nil {
		if lookErr != nil {
			err = lookErr
		}
		return nil, g.wrapOnce(key, err)
	}
	who, err := g.access(ctx, key, found)
	if err != nil {
		return nil, g.wrap(key, err)
	}
	if lookErr != nil && (len(who) == 0 || !errors.Is(lookErr, secrets.ErrNotFound) && !errors.Is(lookErr, secrets.ErrNotManaged)) {
		return nil, lookErr
	}
	if secret.Key != "" {
		for i := range who {
			who[i].Key = secret.Key
		}
	}
	return who, nil
}

// access is what bindings give, in rows. Those whose Role is gone are stale.
func (g *Granter) access(ctx context.Context, key string, found []*rbacv1.RoleBinding) ([]Access, error) {
	gone := make([]bool, len(found))
	var requests errgroup.Group
	for i, binding := range found {
		requests.Go(func() error {
			name := binding.RoleRef.Name
			_, err := g.metadata.Resource(rbacv1.SchemeGroupVersion.WithResource("roles")).Namespace(g.store.Namespace()).Get(ctx, name, metav1.GetOptions{})
			if gone[i] = apierrors.IsNotFound(err); gone[i] || apierrors.IsForbidden(err) {
				return nil // a manager can't read Roles: they have the binding from one that works
			}
			return g.explain(err, "get", "roles", name)
		})
	}
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	known, err := knownTimers(ctx, g.store, found)
	if err != nil {
		return nil, err
	}
	var who []Access
	for i, binding := range found {
		object, level, _ := isGrant(binding)
		for _, subject := range binding.Subjects {
			who = append(who, Access{Namespace: g.store.Namespace(), Key: key, Object: object, Level: level, Grantee: granteeOf(subject), Stale: gone[i], Ending: endOf(binding, known)})
		}
	}
	sortRows(who)
	return slices.Compact(who), nil
}

// holders finds the bindings that give access to a key to somebody: all of them, or where the user may not list bindings,
// as a manager, the three that are made for the Secret as it is now.
func (g *Granter) holders(ctx context.Context, key string) (found []*rbacv1.RoleBinding, err error) {
	object := secrets.ObjectName(key)
	err = eachBinding(ctx, g.client, g.rbac, g.store.Namespace(), func(binding *rbacv1.RoleBinding) {
		if of, _, ok := isGrant(binding); ok && of == object {
			found = append(found, binding)
		}
	})
	if !apierrors.IsForbidden(err) {
		return found, err
	}
	secret, err := g.store.Lookup(ctx, key)
	if err != nil {
		return nil, err
	}
	named, err := g.bindings(ctx, secret, roles{unseen: true})
	if err != nil {
		return nil, err
	}
	for _, level := range Levels() {
		if binding := named[level]; binding != nil {
			if of, _, ok := isGrant(binding); ok && of == object {
				found = append(found, binding)
			}
		}
	}
	g.warn(secretroles.UnseenWarning(g.store.Namespace()))
	return found, nil
}
