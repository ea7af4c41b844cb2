package grants

import (
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

func granteeOf(subject rbacv1.Subject) Grantee {
	return Grantee{Kind: subject.Kind, Namespace: subject.Namespace, Name: subject.Name}
}
