package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// GrantUntil gives a level, Read or Write, to a grantee for a time. It returns the level that the grantee has without an
// end, and when the new access ends. Where they have as much without an end, that holds: nothing changes, and ends is zero.
// Another grant of the same level with an end is replaced by this one, without a moment without access.
//
// The grant has a Role and a RoleBinding of its own, which a timer owns. They are made when the timer's end is certain, so
// that a call that is ended in between leaves nothing that has no end. It returns the errors of Grant, and a
// *timers.HeldError where the cluster keeps timers from running.
func (g *Granter) GrantUntil(ctx context.Context, key string, grantee Grantee, level Level, end timers.End) (without Level, ends time.Time, err error) {
	secret, roles, existing, err := g.read(ctx, key)
	if err != nil {
		return "", time.Time{}, err
	}
	without = existing.levelOf(grantee)
	switch {
	case without.Includes(level):
		return without, time.Time{}, nil
	case level == Manage:
		return without, time.Time{}, g.wrap(key, errors.New("manage can't have an end: whoever has it could give it to others without one"))
	case secret.Owner != "" && level != Read:
		return without, time.Time{}, g.wrap(key, adoptedError(secret))
	}
	if err := g.renew(ctx, secret, roles); err != nil {
		return without, time.Time{}, g.wrap(key, err)
	}
	replaced, err := g.timed(ctx, secret, roles, grantee)
	if err != nil {
		return without, time.Time{}, g.wrap(key, err)
	}
	timer, err := g.store.Timers().Start(ctx, timers.Spec{Object: secret.Object, Level: string(level), Owner: ptr.To(ownerOf(secret)), End: end})
	if err != nil {
		return without, time.Time{}, g.wrap(key, err)
	}
	if err := g.grantTimed(ctx, secret, level, grantee, timer); err != nil {
		g.discard(ctx, timer)
		return without, time.Time{}, g.wrap(key, err)
	}
	for _, old := range replaced {
		planned, _ := time.Parse(time.RFC3339, old.Annotations[wellknown.AnnotationEnds])
		if levelOf(old) == level || level.Includes(levelOf(old)) && !planned.IsZero() && !planned.After(timer.Ends) {
			if err := g.endTimed(ctx, old); err != nil {
				return without, timer.Ends, g.wrap(key, fmt.Errorf("granted until %s, but an earlier grant could not be removed: %w", timer.Ends.UTC().Format(time.RFC3339), err))
			}
		}
	}
	return without, timer.Ends, nil
}

// discard stops a timer that ends nothing any more, and warns of one that is left.
func (g *Granter) discard(ctx context.Context, timer timers.Timer) {
	if left := g.store.Timers().Discard(ctx, timer); left != nil {
		g.warn(left.Error())
	}
}

// grantTimed makes the Role and the RoleBinding that end with a timer.
func (g *Granter) grantTimed(ctx context.Context, secret secrets.Secret, level Level, grantee Grantee, timer timers.Timer) error {
	meta := g.meta(secret, level)
	name := secretroles.NewName(secret.Object, secret.UID, string(level))
	name.Timer = timer.Name
	meta.Name = name.String()
	meta.OwnerReferences = []metav1.OwnerReference{timer.Owner()}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: append(Rules(secret, level), timerRule(timer.Name))}
	err := g.rbac.Post().Namespace(g.store.Namespace()).Resource("roles").Body(role).Do(ctx).Error()
	if err != nil {
		return g.explainEscalation(err, level, "roles")
	}
	meta.Annotations = map[string]string{wellknown.AnnotationEnds: timer.Ends.UTC().Format(time.RFC3339)}
	binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{subjectOf(grantee)},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}}
	err = g.rbac.Post().Namespace(g.store.Namespace()).Resource("rolebindings").Body(binding).Do(ctx).Error()
	return g.explainEscalation(err, level, "rolebindings")
}

// timerRule lets a grantee read when their access ends. The timer has nothing in it that is not theirs to know.
func timerRule(timer string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: []string{timer}, Verbs: []string{"get"}}
}

// timed are the bindings with an end that a grantee has on a secret, as far as its Roles can be seen.
func (g *Granter) timed(ctx context.Context, secret secrets.Secret, of roles, grantee Grantee) ([]*rbacv1.RoleBinding, error) {
	var names []string
	for name := range of.byName {
		if isTimedOf(secret, name) {
			names = append(names, name)
		}
	}
	found, err := g.getAll(ctx, names)
	return slices.DeleteFunc(found, func(b *rbacv1.RoleBinding) bool { return b == nil || !isFor(b, grantee) }), err
}

// isTimedOf reports whether a Role gives access to a secret, as it is now, until a timer ends.
func isTimedOf(secret secrets.Secret, role string) bool {
	name, ok := secretroles.ParseName(role)
	current := secretroles.NewName(secret.Object, secret.UID, name.Level)
	return ok && name.Timer != "" && name.Object == current.Object && name.UID == current.UID
}

// isTimed reports whether a binding is one that GrantUntil made for one grantee.
func isTimed(binding *rbacv1.RoleBinding) bool {
	return timerOf(binding) != "" && binding.Name == binding.RoleRef.Name && len(binding.Subjects) == 1
}

// timerOf is the name of the timer that ends what a binding gives, and empty where none does.
func timerOf(binding *rbacv1.RoleBinding) string {
	name, _ := secretroles.ParseName(binding.RoleRef.Name)
	return name.Timer
}

// errRoleRemains says that the Role of a grant with an end can't be removed.
var errRoleRemains = errors.New("its role can't be removed")

// endTimed removes what one grant with an end consists of: first its Role, with which the access ends, and last its timer.
// It returns errNoRole where the Role was gone before, and errRoleRemains where the user may not remove it.
func (g *Granter) endTimed(ctx context.Context, binding *rbacv1.RoleBinding) error {
	role, err := g.metadata.Resource(rbacv1.SchemeGroupVersion.WithResource("roles")).Namespace(g.store.Namespace()).Get(ctx, binding.RoleRef.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return errNoRole
	case apierrors.IsForbidden(err):
		return errRoleRemains
	case err != nil:
		return g.explain(err, "get", "roles", binding.RoleRef.Name)
	}
	remaining, err := g.store.Roles().Remove(ctx, []secretroles.Role{{ObjectMeta: role.ObjectMeta}})
	if err != nil {
		return err
	}
	if len(remaining) > 0 {
		return fmt.Errorf("%w: %w", errRoleRemains, remaining[0].Reason)
	}
	timer, _ := timers.OwnerOf(role) // without one there is nothing to discard
	g.discard(ctx, timer)
	return nil
}

// endOf says when a binding with an end ends, from the timers that there are.
func endOf(binding *rbacv1.RoleBinding, known timers.Known) timers.Ending {
	name := timerOf(binding)
	timer, owned := timers.OwnerOf(binding)
	switch {
	case name == "":
		return timers.Ending{}
	case !owned || timer.Name != name:
		return timers.Ending{Timer: name, Problem: "never: it is no longer owned by its timer"}
	}
	ending := known.Ending(timer)
	planned, err := time.Parse(time.RFC3339, binding.Annotations[wellknown.AnnotationEnds])
	if !ending.At.IsZero() && (err != nil || ending.At.Sub(planned).Abs() > time.Second) {
		ending.Problem = "its timer was changed"
	}
	return ending
}

// knownTimers lists the timers of the store's namespace, for endOf. Where no binding has an end there is no request.
func knownTimers(ctx context.Context, store *secrets.Store, bindings []*rbacv1.RoleBinding) (timers.Known, error) {
	if !slices.ContainsFunc(bindings, func(b *rbacv1.RoleBinding) bool { return timerOf(b) != "" }) {
		return timers.Known{}, nil
	}
	return store.Timers().Known(ctx)
}

// addEnds finds when the access in rows ends, from the timers that the rules let their user read by name.
func addEnds(ctx context.Context, client *kube.Client, rules access.Rules, rows []Access) (unseen []string, err error) {
	names := slices.DeleteFunc(rules.Names("get", jobsResource), func(name string) bool { return !timers.IsTimer(name) })
	if len(names) == 0 {
		return nil, nil
	}
	known, err := timers.NewClient(client, rules.Namespace).Get(ctx, names)
	if err != nil {
		return nil, err
	}
	if missing := len(names) - len(known); missing > 0 {
		unseen = append(unseen, fmt.Sprintf("when access in namespace %s ends whose timers can't be read, or have just ended (%d)", rules.Namespace, missing))
	}
	byObject := map[string][]timers.Timer{}
	for _, timer := range known {
		byObject[timer.Object] = append(byObject[timer.Object], timer)
	}
	for i := range rows {
		if row := &rows[i]; row.Object != "" {
			row.Ending = lastEnd(rules, *row, byObject[wellknown.Hash(row.Object)])
		}
	}
	return unseen, nil
}

// lastEnd is when the last grant of a row's level ends. It has no end where there are more rules that give the level than
// timers that end one.
func lastEnd(rules access.Rules, row Access, of []timers.Timer) timers.Ending {
	verb := "get"
	if row.Level != Read {
		verb = "update"
		of = slices.DeleteFunc(slices.Clone(of), func(t timers.Timer) bool { return t.Level != string(Write) })
	}
	if len(of) == 0 || row.Level == Manage || rules.Count(verb, secretsResource, row.Object) > len(of) {
		return timers.Ending{}
	}
	if i := slices.IndexFunc(of, func(t timers.Timer) bool { return t.Ends.IsZero() }); i >= 0 {
		return timers.Ending{Timer: of[i].Name, Problem: timers.Never}
	}
	last := slices.MaxFunc(of, func(a, b timers.Timer) int { return a.Ends.Compare(b.Ends) })
	return timers.Ending{Timer: last.Name, At: last.Ends}
}
