package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// manyWriters is patient enough for dozens of processes that change one RoleBinding at once: each
// round lets at least one of them through.
var manyWriters = wait.Backoff{Steps: 200, Duration: 5 * time.Millisecond, Factor: 1.02, Jitter: 1} // a Cap would end the attempts when it is reached

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
	}
	return nil, g.explainEscalation(err, level, "roles")
}

// explainEscalation is explain for the creation of an RBAC object: the API server lets a user make one only if they have
// all that it gives.
func (g *Granter) explainEscalation(err error, level Level, resource string) error {
	if apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource") {
		return &escalationError{level: level, cause: err}
	}
	return g.explain(err, "create", resource, "")
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

// escalationError says that somebody wants to give more than they have.
type escalationError struct {
	level Level
	cause error
}

func (e *escalationError) Error() string {
	return fmt.Sprintf("you can't grant %s on it, because you can't %s it yourself", e.level, strings.Join(e.level.secretVerbs(), ", "))
}

func (e *escalationError) Unwrap() error { return e.cause }

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
	}
	return err == nil, g.explainEscalation(err, level, "rolebindings")
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
		Name:            objectName(secret, level),
		Labels:          map[string]string{wellknown.LabelGrant: wellknown.LabelTrue, wellknown.LabelObject: wellknown.Hash(secret.Object)},
		OwnerReferences: []metav1.OwnerReference{ownerOf(secret)},
	}
}

// ownerOf lets something go with a secret.
func ownerOf(secret secrets.Secret) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "Secret", Name: secret.Object, UID: secret.UID}
}

func roleRef(secret secrets.Secret, level Level) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: objectName(secret, level)}
}
