// Package grants shares single secrets through RBAC, so that the API server enforces what is
// granted and nothing of this product has to be trusted.
//
// A level of a secret is a Role and a RoleBinding of the same name, owned by the Secret. Who has
// the level is a subject of the RoleBinding. docs/security.md of the repository shows the objects
// and says what they do and don't protect from.
package grants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// ErrNotGranted says that there is no grant that could be revoked.
var ErrNotGranted = errors.New("has no grant")

// manyWriters is patient enough for dozens of processes that change one RoleBinding at once: each
// round lets at least one of them through.
var manyWriters = wait.Backoff{Steps: 200, Duration: 5 * time.Millisecond, Factor: 1.02, Jitter: 1} // a Cap would end the attempts when it is reached

// Granter shares the secrets of one namespace. It is safe for use by several goroutines.
type Granter struct {
	// Warn, if it is set, is told what the user has to know although a call succeeded.
	Warn func(text string)

	store    *secrets.Store
	client   *kube.Client
	rbac     *rest.RESTClient
	metadata metadata.Interface
}

// NewGranter opens the place that where names, as secrets.NewStore does. It makes no request.
func NewGranter(client *kube.Client, where uri.Secret) (*Granter, error) {
	store, err := secrets.NewStore(client, where)
	if err != nil {
		return nil, err
	}
	api, err := rbacClient(client)
	if err != nil {
		return nil, err
	}
	md, err := client.Metadata()
	if err != nil {
		return nil, err
	}
	return &Granter{store: store, client: client, rbac: api, metadata: md}, nil
}

func rbacClient(client *kube.Client) (*rest.RESTClient, error) {
	version := rbacv1.SchemeGroupVersion
	return client.REST(version, kube.NewScheme(version,
		&rbacv1.Role{}, &rbacv1.RoleList{}, &rbacv1.RoleBinding{}, &rbacv1.RoleBindingList{},
		&rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}, &rbacv1.ClusterRoleBindingList{}))
}

// bindings are the RoleBindings of one secret by level; what does not exist is missing.
type bindings map[Level]*rbacv1.RoleBinding

// levelOf is the highest level that a grantee has, or empty.
func (b bindings) levelOf(grantee Grantee) Level {
	var highest Level
	for _, level := range Levels() {
		if b.has(level, grantee) {
			highest = level
		}
	}
	return highest
}

func (b bindings) has(level Level, grantee Grantee) bool {
	return b[level] != nil && slices.ContainsFunc(b[level].Subjects, func(s rbacv1.Subject) bool { return concerns(s, grantee) })
}

// Grant gives a level to a grantee. It returns the level that the grantee had before, which is
// empty for none. One who has as much or more keeps it, and nothing changes. One who has less gets
// the new level before they lose the old one.
//
// It returns secrets.ErrNotFound where there is no such secret, and an error that names the
// missing right where the user may not share it or has less than they want to give.
func (g *Granter) Grant(ctx context.Context, key string, grantee Grantee, level Level) (before Level, err error) {
	secret, roles, existing, err := g.read(ctx, key)
	if err != nil {
		return "", err
	}
	before = existing.levelOf(grantee)
	if secret.Owner != "" && level != Read {
		return before, g.wrap(key, fmt.Errorf("%w: it belongs to %s, so that only read can be granted", secrets.ErrAdopted, secret.Owner))
	}
	if err := g.renew(ctx, secret, roles); err != nil {
		return before, g.wrap(key, err)
	}
	if !before.Includes(level) {
		if err := g.add(ctx, secret, existing, grantee, level); err != nil {
			return before, g.wrap(key, err)
		}
	}
	// What is below the highest level is left over from moving up, now or in a call that was ended.
	highest := level
	if before.Includes(level) {
		highest = before
	}
	for _, lower := range Levels() {
		if lower != highest && existing.has(lower, grantee) {
			if err := g.remove(ctx, existing[lower], grantee); err != nil && !errors.Is(err, errNoRole) {
				return before, g.wrap(key, err)
			}
		}
	}
	return before, nil
}

// read looks up a secret, the Roles that name it, and its bindings.
func (g *Granter) read(ctx context.Context, key string) (secret secrets.Secret, found roles, existing bindings, err error) {
	var (
		lookErr, rolesErr error
		requests          sync.WaitGroup
	)
	requests.Go(func() { secret, lookErr = g.store.Lookup(ctx, key) })
	requests.Go(func() { found, rolesErr = g.roles(ctx, secrets.ObjectName(key)) })
	requests.Wait()
	switch {
	case lookErr != nil:
		return secret, found, nil, lookErr
	case secret.BeingDeleted != nil:
		return secret, found, nil, g.wrap(key, secret.BeingDeleted)
	case rolesErr != nil:
		return secret, found, nil, g.wrap(key, rolesErr)
	}
	existing, err = g.bindings(ctx, secret, found)
	if err != nil {
		return secret, found, nil, g.wrap(key, err)
	}
	return secret, found, existing, nil
}

// roles are the Roles that name an object, by their own names.
type roles struct {
	byName map[string]*rbacv1.Role
	unseen bool // the user may not list Roles, as a manager
}

// mayExist reports whether a Role exists as far as can be seen. A binding gives nothing without its Role.
func (r roles) mayExist(name string) bool { return r.unseen || r.byName[name] != nil }

// roles finds the Roles that name an object, whatever Secret of that name they were made for.
func (g *Granter) roles(ctx context.Context, object string) (roles, error) {
	found := roles{byName: map[string]*rbacv1.Role{}}
	var (
		lock     sync.Mutex
		requests errgroup.Group
	)
	for _, selector := range secrets.GrantSelectors(object) {
		requests.Go(func() error {
			return eachRole(ctx, g.client, g.rbac, g.store.Namespace(), selector, func(role *rbacv1.Role) {
				if name, ok := secrets.ParseGrantName(role.Name); ok && name.Object == object {
					lock.Lock()
					defer lock.Unlock()
					found.byName[role.Name] = role
				}
			})
		})
	}
	err := requests.Wait()
	if apierrors.IsForbidden(err) {
		return roles{unseen: true}, nil
	}
	return found, err
}

// renew removes the Roles that were made for an earlier Secret of the same name, which would give access to this one, and
// corrects those of this one, such as Roles of an older version that give delete.
func (g *Granter) renew(ctx context.Context, secret secrets.Secret, found roles) error {
	if found.unseen {
		g.warn(secrets.UnseenGrants(g.store.Namespace()))
		return nil
	}
	wanted := map[string]Level{}
	for _, level := range Levels() {
		wanted[objectName(secret, level)] = level
	}
	var (
		old   []secrets.Role
		ended []string
	)
	for _, name := range slices.Sorted(maps.Keys(found.byName)) {
		role := found.byName[name]
		level, current := wanted[name]
		if !current {
			old = append(old, secrets.Role{ObjectMeta: role.ObjectMeta})
			ended = append(ended, name)
			continue
		}
		if held := kube.CheckNotBeingDeleted(role); held != nil {
			return fmt.Errorf("its role %s %w", name, held)
		}
		if !equality.Semantic.DeepEqual(role.Rules, Rules(secret, level)) {
			if err := g.repairRole(ctx, &rbacv1.Role{ObjectMeta: g.meta(secret, level), Rules: Rules(secret, level)}); err != nil {
				return err
			}
		}
	}
	remaining, err := g.store.RemoveRoles(ctx, old)
	switch {
	case err != nil:
		return err
	case len(remaining) > 0:
		g.warn(secrets.RemainingGrants(g.store.URI(secret.Key).String(), remaining))
	case len(ended) > 0:
		g.warn(fmt.Sprintf("%s: removed what was granted on an earlier secret of that name: %s", g.store.URI(secret.Key), strings.Join(ended, ", ")))
	}
	return nil
}

func (g *Granter) warn(text string) {
	if g.Warn != nil {
		g.Warn(text)
	}
}

// bindings reads by name, because a manager may not list, and could take a binding's labels away.
func (g *Granter) bindings(ctx context.Context, secret secrets.Secret, of roles) (bindings, error) {
	found := make([]*rbacv1.RoleBinding, len(Levels()))
	var requests errgroup.Group
	for i, level := range Levels() {
		name := objectName(secret, level)
		if !of.mayExist(name) {
			continue
		}
		requests.Go(func() error {
			binding, err := g.get(ctx, name)
			if apierrors.IsNotFound(err) {
				return nil
			}
			found[i] = binding
			return g.explain(err, "get", "rolebindings", name)
		})
	}
	err := requests.Wait()
	if err != nil {
		return nil, needsManage(err)
	}
	all := bindings{}
	for i, level := range Levels() {
		if found[i] == nil {
			continue
		}
		if held := kube.CheckNotBeingDeleted(found[i]); held != nil {
			return nil, fmt.Errorf("its rolebinding %s %w", found[i].Name, held)
		}
		all[level] = found[i]
	}
	return all, nil
}

// needsManage says which right is missing, where one is.
func needsManage(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w (to share a secret you need the level manage on it, or to be admin of its namespace)", err)
	}
	return err
}

// add makes what a level needs and is missing, and then the grantee one of its subjects.
func (g *Granter) add(ctx context.Context, secret secrets.Secret, existing bindings, grantee Grantee, level Level) error {
	needed := []Level{level}
	if level == Manage {
		needed = Levels() // a manager may change bindings, but not make them
	}
	missing := slices.DeleteFunc(slices.Clone(needed), func(l Level) bool { return existing[l] != nil })
	// Bindings come after Roles: the API server refuses one to a Role that does not exist.
	made := make([]*rbacv1.Role, len(missing))
	var roles errgroup.Group
	for i, l := range missing {
		roles.Go(func() (err error) {
			made[i], err = g.createRole(ctx, secret, l)
			return err
		})
	}
	if err := roles.Wait(); err != nil {
		return err
	}
	// The grantee's own binding comes last: whoever has manage then has all three to work with, also
	// where this call is ended in between.
	var bindings errgroup.Group
	for i, l := range missing {
		if l != level {
			bindings.Go(func() error {
				_, err := g.createBinding(ctx, secret, l, made[i], nil)
				return err
			})
		}
	}
	if err := bindings.Wait(); err != nil {
		return err
	}
	if i := slices.Index(missing, level); i >= 0 {
		created, err := g.createBinding(ctx, secret, level, made[i], []rbacv1.Subject{subjectOf(grantee)})
		if err != nil || created {
			return err
		}
	}
	err := g.change(ctx, objectName(secret, level), existing[level], g.with(secret, level, grantee))
	if errors.Is(err, errNoRole) && existing[level] != nil {
		existing[level] = nil
		return g.add(ctx, secret, existing, grantee, level)
	}
	return err
}

// createRole makes the Role of a level. One that another process made at the same time is as good, and nil is
// returned; one with other rules, which somebody changed by hand, is set right.
func (g *Granter) createRole(ctx context.Context, secret secrets.Secret, level Level) (made *rbacv1.Role, err error) {
	role := &rbacv1.Role{ObjectMeta: g.meta(secret, level), Rules: Rules(secret, level)}
	made = &rbacv1.Role{}
	err = g.rbac.Post().Namespace(g.store.Namespace()).Resource("roles").Body(role).Do(ctx).Into(made)
	switch {
	case err == nil:
		return made, nil
	case apierrors.IsAlreadyExists(err):
		return nil, g.repairRole(ctx, role)
	case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource"):
		// The API server lets a user make a Role only if they have all that it gives.
		return nil, &notYours{level: level, cause: err}
	}
	return nil, g.explain(err, "create", "roles", "")
}

func (g *Granter) repairRole(ctx context.Context, wanted *rbacv1.Role) error {
	return retry.RetryOnConflict(manyWriters, func() error {
		found := &rbacv1.Role{}
		err := g.rbac.Get().Namespace(g.store.Namespace()).Resource("roles").Name(wanted.Name).Do(ctx).Into(found)
		if err != nil {
			return g.explain(err, "get", "roles", wanted.Name)
		}
		if equality.Semantic.DeepEqual(found.Rules, wanted.Rules) {
			return nil
		}
		found.Rules = wanted.Rules
		err = g.rbac.Put().Namespace(g.store.Namespace()).Resource("roles").Name(wanted.Name).Body(found).Do(ctx).Error()
		if apierrors.IsConflict(err) {
			return err
		}
		return g.explain(err, "update", "roles", wanted.Name)
	})
}

// errNoRole says that a binding points to a Role that is gone, as a secret rm leaves it that was ended between its
// requests. Anyone who can't list Roles learns it from the API server, which then refuses every change of the binding.
var errNoRole = errors.New("its role is gone; grant it again")

// notYours says that somebody wants to give more than they have.
type notYours struct {
	level Level
	cause error
}

func (e *notYours) Error() string {
	return fmt.Sprintf("you can't grant %s on it, because you can't %s it yourself", e.level, strings.Join(e.level.secretVerbs(), ", "))
}

func (e *notYours) Unwrap() error { return e.cause }

// createBinding makes the binding of a level, whose Role was made just now, or is nil where it was there before. It
// reports whether the subjects are the binding's only ones; otherwise another process made one at the same time.
func (g *Granter) createBinding(ctx context.Context, secret secrets.Secret, level Level, role *rbacv1.Role, subjects []rbacv1.Subject) (created bool, err error) {
	binding := &rbacv1.RoleBinding{ObjectMeta: g.meta(secret, level), Subjects: subjects, RoleRef: roleRef(secret, level)}
	err = g.rbac.Post().Namespace(g.store.Namespace()).Resource("rolebindings").Body(binding).Do(ctx).Error()
	switch {
	case apierrors.IsAlreadyExists(err) && role != nil:
		return g.renewBinding(ctx, role, binding)
	case apierrors.IsAlreadyExists(err):
		return false, nil
	case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource"):
		return false, &notYours{level: level, cause: err}
	}
	return err == nil, g.explain(err, "create", "rolebindings", "")
}

// renewBinding takes over a binding that is older than its Role, as a secret rm leaves that was ended between its
// requests: the access of those in it has ended, and none of them gets it back.
func (g *Granter) renewBinding(ctx context.Context, role *rbacv1.Role, wanted *rbacv1.RoleBinding) (renewed bool, err error) {
	found, err := g.get(ctx, wanted.Name)
	if err != nil {
		return false, g.explain(err, "get", "rolebindings", wanted.Name)
	}
	order, err := resourceversion.CompareResourceVersion(found.ResourceVersion, role.ResourceVersion)
	if err != nil || order >= 0 || found.RoleRef != wanted.RoleRef {
		return false, nil
	}
	wanted.ResourceVersion = found.ResourceVersion
	err = g.rbac.Put().Namespace(g.store.Namespace()).Resource("rolebindings").Name(wanted.Name).Body(wanted).Do(ctx).Error()
	if apierrors.IsConflict(err) {
		return false, nil // by one that is granted right now
	}
	return err == nil, g.explain(err, "update", "rolebindings", wanted.Name)
}

// change applies a change to a binding, again and again until no other process came in between. It begins with the
// binding as it was known, or as it is now where known is nil.
func (g *Granter) change(ctx context.Context, name string, known *rbacv1.RoleBinding, change func(*rbacv1.RoleBinding) error) error {
	return retry.OnError(manyWriters, apierrors.IsConflict, func() (err error) {
		binding := known
		known = nil
		if binding == nil {
			if binding, err = g.get(ctx, name); err != nil {
				return g.explain(err, "get", "rolebindings", name)
			}
		}
		before := binding.Subjects
		if err := change(binding); err != nil || equality.Semantic.DeepEqual(before, binding.Subjects) {
			return err
		}
		err = g.rbac.Put().Namespace(g.store.Namespace()).Resource("rolebindings").Name(name).Body(binding).Do(ctx).Error()
		var status apierrors.APIStatus
		switch {
		case apierrors.IsConflict(err):
			return err
		case apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "roles":
			return errNoRole
		}
		return g.explain(err, "update", "rolebindings", name)
	})
}

// with makes a grantee a subject of the binding of a level.
func (g *Granter) with(secret secrets.Secret, level Level, grantee Grantee) func(*rbacv1.RoleBinding) error {
	return func(binding *rbacv1.RoleBinding) error {
		switch held := kube.CheckNotBeingDeleted(binding); {
		case held != nil:
			return fmt.Errorf("its rolebinding %s %w", binding.Name, held)
		case binding.RoleRef != roleRef(secret, level):
			return fmt.Errorf("the rolebinding %s points to another role; remove it with kubectl", binding.Name)
		case (bindings{level: binding}).has(level, grantee):
			return nil
		}
		binding.Subjects = append(slices.Clone(binding.Subjects), subjectOf(grantee))
		// Whoever may change a binding can strip these; then it would outlive its secret.
		wanted := g.meta(secret, level)
		binding.Labels, binding.OwnerReferences = wanted.Labels, wanted.OwnerReferences
		return nil
	}
}

// remove takes a grantee out of a binding.
func (g *Granter) remove(ctx context.Context, known *rbacv1.RoleBinding, grantee Grantee) error {
	err := g.change(ctx, known.Name, known, func(binding *rbacv1.RoleBinding) error {
		binding.Subjects = slices.DeleteFunc(slices.Clone(binding.Subjects), func(s rbacv1.Subject) bool { return concerns(s, grantee) })
		return nil
	})
	if apierrors.IsNotFound(err) && !errors.Is(err, errNoRole) {
		return nil // it is gone
	}
	return err
}

func (g *Granter) get(ctx context.Context, name string) (*rbacv1.RoleBinding, error) {
	binding := &rbacv1.RoleBinding{}
	err := g.rbac.Get().Namespace(g.store.Namespace()).Resource("rolebindings").Name(name).Do(ctx).Into(binding)
	return binding, err
}

func (g *Granter) meta(secret secrets.Secret, level Level) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:   objectName(secret, level),
		Labels: map[string]string{secrets.LabelGrant: secrets.LabelTrue, secrets.LabelObject: secrets.ObjectHash(secret.Object)},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "Secret", Name: secret.Object, UID: secret.UID,
		}},
	}
}

func roleRef(secret secrets.Secret, level Level) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: objectName(secret, level)}
}

func (g *Granter) explain(err error, verb, resource, name string) error {
	return g.client.Explain(err, kube.Request{Verb: verb, Resource: resource, Namespace: g.store.Namespace(), Name: name})
}

func (g *Granter) wrap(key string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", g.store.URI(key), err)
}
