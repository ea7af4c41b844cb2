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

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// ErrNotGranted says that there is no grant that could be revoked.
var ErrNotGranted = errors.New("has no grant")

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
	return b[level] != nil && isFor(b[level], grantee)
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
		return before, g.wrap(key, adoptedError(secret))
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
	// What has an end is no use beside as much without one.
	timed, err := g.timed(ctx, secret, roles, grantee)
	if err != nil {
		return before, g.wrap(key, err)
	}
	for _, binding := range timed {
		if highest.Includes(levelOf(binding)) {
			if err := g.endTimed(ctx, binding); err != nil && !errors.Is(err, errNoRole) && !errors.Is(err, errRoleRemains) {
				return before, g.wrap(key, err)
			}
		}
	}
	return before, nil
}

func adoptedError(secret secrets.Secret) error {
	return fmt.Errorf("%w: it belongs to %s, so that only read can be granted", secrets.ErrAdopted, secret.Owner)
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
	for _, selector := range secretroles.Selectors(object) {
		requests.Go(func() error {
			return eachRole(ctx, g.client, g.rbac, g.store.Namespace(), selector, func(role *rbacv1.Role) {
				if name, ok := secretroles.ParseName(role.Name); ok && name.Object == object {
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
		g.warn(secretroles.UnseenWarning(g.store.Namespace()))
		return nil
	}
	wanted := map[string]Level{}
	for _, level := range Levels() {
		wanted[objectName(secret, level)] = level
	}
	var (
		old   []secretroles.Role
		ended []string
	)
	for _, name := range slices.Sorted(maps.Keys(found.byName)) {
		role := found.byName[name]
		if isTimedOf(secret, name) {
			continue
		}
		level, current := wanted[name]
		if !current {
			old = append(old, secretroles.Role{ObjectMeta: role.ObjectMeta})
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
	remaining, err := g.store.Roles().Remove(ctx, old)
	switch {
	case err != nil:
		return err
	case len(remaining) > 0:
		g.warn(secretroles.RemainingWarning(g.store.URI(secret.Key).String(), remaining))
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
	var (
		levels []Level
		names  []string
	)
	for _, level := range Levels() {
		if name := objectName(secret, level); of.mayExist(name) {
			levels, names = append(levels, level), append(names, name)
		}
	}
	found, err := g.getAll(ctx, names)
	if err != nil {
		return nil, needsManage(err)
	}
	all := bindings{}
	for i, level := range levels {
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

// getAll reads bindings by their names; one that does not exist is nil.
func (g *Granter) getAll(ctx context.Context, names []string) ([]*rbacv1.RoleBinding, error) {
	found := make([]*rbacv1.RoleBinding, len(names))
	var requests errgroup.Group
	requests.SetLimit(parallel)
	for i, name := range names {
		requests.Go(func() error {
			binding, err := g.get(ctx, name)
			if apierrors.IsNotFound(err) {
				return nil
			}
			found[i] = binding
			return g.explain(err, "get", "rolebindings", name)
		})
	}
	return found, requests.Wait()
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

func (g *Granter) explain(err error, verb, resource, name string) error {
	return g.client.Explain(err, kube.Request{Verb: verb, Resource: resource, Namespace: g.store.Namespace(), Name: name})
}

func (g *Granter) wrap(key string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", g.store.URI(key), err)
}
