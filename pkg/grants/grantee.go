package grants

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
)

// Grantee is who gets access.
type Grantee = grantee.Grantee

// ParseGrantee reads a Grantee, as grantee.Parse does.
func ParseGrantee(s string) (Grantee, error) { return grantee.Parse(s) }

// subjectOf is a grantee as RBAC has it.
func subjectOf(g Grantee) rbacv1.Subject {
	subject := rbacv1.Subject{Kind: g.Kind, Namespace: g.Namespace, Name: g.Name}
	if g.Kind != grantee.ServiceAccount {
		subject.APIGroup = grantee.APIGroup
	}
	return subject
}

// granteeOf is a subject of RBAC as a grantee. A user of the name that the API server gives a service account is that
// service account: RBAC compares names.
func granteeOf(subject rbacv1.Subject) Grantee {
	if subject.Kind == grantee.User {
		return grantee.OfUser(subject.Name)
	}
	return Grantee{Kind: subject.Kind, Namespace: subject.Namespace, Name: subject.Name}
}

// concerns reports whether a subject of RBAC is the grantee.
func concerns(subject rbacv1.Subject, g Grantee) bool { return granteeOf(subject) == g }

// isFor reports whether a binding gives what it gives to the grantee.
func isFor(binding *rbacv1.RoleBinding, g Grantee) bool {
	return slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return concerns(s, g) })
}
