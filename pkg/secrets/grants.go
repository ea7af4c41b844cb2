package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// grantPrefix begins the names of all Roles and RoleBindings of grants.
const grantPrefix = "apolo:secret:"

// uidDigits is how much of a Secret's UID is in the names of its grants. Eight hexadecimal digits need not be unique in
// the world, only among the Secrets that had one name in one namespace.
const uidDigits = 8

// GrantName is the name of a Role, and of the RoleBinding to it, that gives a level of access to a Secret. RBAC reads
// the name of the Secret in a Role and nothing else, so a Role gives access to whatever Secret has that name now. The UID
// keeps the bindings of a removed Secret from working again: each points to a Role of its own name only.
type GrantName struct {
	Object string // the name of the Kubernetes Secret
	Level  string
	UID    string // the first digits of the UID of the Secret that it was made for
}

// NewGrantName names the grants of a level of a secret.
func NewGrantName(secret Secret, level string) GrantName {
	return GrantName{Object: secret.Object, Level: level, UID: fmt.Sprintf("%.*s", uidDigits, string(secret.UID))}
}

func (n GrantName) String() string { return grantPrefix + n.Object + ":" + n.Level + ":" + n.UID }

// ParseGrantName is the reverse of GrantName.String. It accepts every UID and every level, so that nothing that gives
// access is overlooked.
func ParseGrantName(name string) (GrantName, bool) {
	rest, ok := strings.CutPrefix(name, grantPrefix)
	if !ok {
		return GrantName{}, false
	}
	object, rest, ok := strings.Cut(rest, ":")
	level, uid, _ := strings.Cut(rest, ":")
	return GrantName{Object: object, Level: level, UID: uid}, ok && object != ""
}

// GrantSelectors select, together, the Roles that can be grants of a Secret: those with its label, and those that have
// lost that label. What is a grant is decided by its name.
func GrantSelectors(object string) []string {
	return []string{LabelObject + "=" + ObjectHash(object), "!" + LabelObject}
}

// Role is a Role that gives access to a Secret by its name.
type Role struct {
	metav1.ObjectMeta
	reason error // why it could not be removed
}

// Grants are the Roles that give access to one Secret by its name, whatever Secret of that name they were made for.
type Grants struct {
	Roles []Role
	// Unseen is why they could not be looked for, and nil where they could.
	Unseen error
}

// Exist reports whether there is any grant that can be seen.
func (g Grants) Exist() bool { return len(g.Roles) > 0 }

// Grants finds the Roles that give access to a key. Where the user may not list Roles, Grants.Unseen says so.
func (s *Store) Grants(ctx context.Context, key string) (Grants, error) {
	grants, err := s.grants(ctx, ObjectName(key))
	return grants, s.wrap(key, err)
}

func (s *Store) grants(ctx context.Context, object string) (Grants, error) {
	var (
		lock     sync.Mutex
		found    Grants
		requests errgroup.Group
	)
	for _, selector := range GrantSelectors(object) {
		requests.Go(func() error {
			return s.eachRole(ctx, selector, func(role *metav1.PartialObjectMetadata) {
				if name, ok := ParseGrantName(role.Name); ok && name.Object == object {
					lock.Lock()
					defer lock.Unlock()
					found.Roles = append(found.Roles, Role{ObjectMeta: role.ObjectMeta})
				}
			})
		})
	}
	err := requests.Wait()
	if apierrors.IsForbidden(err) {
		return Grants{Unseen: err}, nil
	}
	if err != nil {
		return Grants{}, err
	}
	slices.SortFunc(found.Roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (s *Store) eachRole(ctx context.Context, selector string, each func(*metav1.PartialObjectMetadata)) error {
	roles := s.metadata.Resource(rolesResource).Namespace(s.Namespace())
	options := metav1.ListOptions{LabelSelector: selector, Limit: page}
	var turned kube.Pages
	for {
		if err := turned.Turn(options.Continue); err != nil {
			return err
		}
		list, err := roles.List(ctx, options)
		if err != nil {
			return s.explainGrants(err, "list", rolesResource)
		}
		for i := range list.Items {
			each(&list.Items[i])
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return nil
		}
	}
}

// RemoveRoles deletes Roles of grants, each by its name and only while it has the UID that was seen, so that a newer grant
// is never touched. Access ends with the Role; its binding goes after it. It returns the Roles that remain because the
// user may not delete them, because something holds them, or because they are newer.
func (s *Store) RemoveRoles(ctx context.Context, roles []Role) (remaining []Role, err error) {
	reasons := make([]error, len(roles))
	var requests errgroup.Group
	for i, role := range roles {
		requests.Go(func() (err error) {
			reasons[i], err = s.removeRole(ctx, role.ObjectMeta)
			return err
		})
	}
	err = requests.Wait()
	for i, role := range roles {
		if reasons[i] != nil {
			role.reason = reasons[i]
			remaining = append(remaining, role)
		}
	}
	return remaining, err
}

// errMadeAgain is why a Role remains that has the name of the one to be removed, and is another.
var errMadeAgain = errors.New("was made again by somebody else in the meantime")

func (s *Store) removeRole(ctx context.Context, role metav1.ObjectMeta) (remains, err error) {
	err = s.deleteGrant(ctx, rolesResource, role.Name, metav1.NewUIDPreconditions(string(role.UID)))
	var held *kube.BeingDeletedError
	switch {
	case errors.As(err, &held), apierrors.IsForbidden(err):
		return err, nil
	case kube.IsReplaced(err):
		return errMadeAgain, nil // its binding stays too
	case apierrors.IsNotFound(err):
	case err != nil:
		return nil, err
	}
	// A binding without its Role gives nothing. Whoever may delete no bindings leaves it to the garbage collector.
	err = s.deleteGrant(ctx, roleBindingsResource, role.Name, nil)
	if errors.As(err, &held) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	return nil, err
}

// deleteGrant deletes a Role or a RoleBinding. It returns a *kube.BeingDeletedError where a finalizer holds it.
func (s *Store) deleteGrant(ctx context.Context, of schema.GroupVersionResource, name string, preconditions *metav1.Preconditions) error {
	request := s.core.Delete().AbsPath("/apis/"+of.Group, of.Version, "namespaces", s.Namespace(), of.Resource, name)
	err := kube.Delete(ctx, request, &metav1.DeleteOptions{Preconditions: preconditions})
	if held := (*kube.BeingDeletedError)(nil); errors.As(err, &held) {
		return held
	}
	return s.client.Explain(err, kube.Request{Verb: "delete", Resource: of.Resource, Namespace: s.Namespace(), Name: name})
}

// heldRole is an error that names a Role that is still there although the user may delete it, with all that it gives.
func heldRole(roles []Role) error {
	for _, role := range roles {
		if role.reason != nil && !apierrors.IsForbidden(role.reason) {
			return fmt.Errorf("Role %s %w", role.Name, role.reason)
		}
	}
	return nil
}

func (s *Store) explainGrants(err error, verb string, resource schema.GroupVersionResource) error {
	return s.client.Explain(err, kube.Request{Verb: verb, Resource: resource.Resource, Namespace: s.Namespace()})
}

// oldGrants finds what a Secret of the same name left behind when it was deleted by other means than Remove. RBAC judges
// by name, so whoever had access to the old one would have it to the new one. They are looked for before the Secret is
// created, and mostly there are none.
func (s *Store) oldGrants(ctx context.Context, key string) (Grants, error) {
	found, err := s.grants(ctx, ObjectName(key))
	if err != nil || !found.Exist() {
		return found, err
	}
	switch _, err := s.lookup(ctx, key); {
	case errors.Is(err, ErrNotFound):
		if found.Roles, err = s.RemoveRoles(ctx, found.Roles); err != nil {
			return found, err
		}
		if held := heldRole(found.Roles); held != nil {
			return found, fmt.Errorf("an earlier secret of this name was shared, and its %w; nothing is stored, as this one would be shared too", held)
		}
		return found, nil
	case err == nil, errors.Is(err, ErrForeign):
		return Grants{}, nil // they are of a Secret that exists, and creating it again will be refused
	case apierrors.IsForbidden(err):
		return found, nil // it may exist: they are removed once the creation says that it did not
	default:
		return Grants{}, err
	}
}

// removeSeen removes the grants that could not be removed before it was certain that their Secret is gone. It returns
// what remains.
func (s *Store) removeSeen(ctx context.Context, old Grants) Grants {
	var seen, remaining []Role
	for _, role := range old.Roles {
		if role.reason == nil {
			seen = append(seen, role)
		} else {
			remaining = append(remaining, role)
		}
	}
	if len(seen) == 0 {
		return old
	}
	left, err := s.RemoveRoles(ctx, seen)
	if err != nil { // the secret is stored: what is not certain to be gone is named
		for i := range seen {
			seen[i].reason = err
		}
		left = seen
	}
	return Grants{Roles: append(remaining, left...)}
}

// warnOfGrants tells the user which grants still give access to a secret that has no grants itself.
func (s *Store) warnOfGrants(key string, left Grants) {
	switch {
	case s.Warn == nil:
	case left.Unseen != nil:
		s.Warn(UnseenGrants(s.Namespace()))
	case left.Exist():
		s.Warn(RemainingGrants(s.URI(key).String(), left.Roles))
	}
}

// UnseenGrants is the warning for a user who can't list Roles.
func UnseenGrants(namespace string) string {
	return fmt.Sprintf("grants of an earlier secret of the same name would still give access: "+
		"you lack permission to list roles in namespace %q; an admin of the namespace can see them with 'acl ls --shared'", namespace)
}

// RemainingGrants is the warning about Roles that give access to a secret and could not be removed.
func RemainingGrants(of string, roles []Role) string {
	var parts []string
	for _, role := range roles {
		part := "role " + role.Name
		if role.reason != nil {
			part += " (" + role.reason.Error() + ")"
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%s: grants that could not be removed give access to whatever has that name: %s; remove them with 'kubectl delete role'",
		of, strings.Join(parts, ", "))
}
