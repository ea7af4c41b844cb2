package grants

import (
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Grantee is who gets access: a user, a group or a service account.
type Grantee struct {
	Kind      string // rbacv1.UserKind, GroupKind or ServiceAccountKind
	Namespace string // of a service account
	Name      string
}

const (
	groupPrefix              = "group:"
	serviceAccountPrefix     = "sa:"
	longServiceAccountPrefix = "system:serviceaccount:" // as the API server calls them
)

// ParseGrantee reads bob, group:devs, sa:NAMESPACE:NAME or system:serviceaccount:NAMESPACE:NAME.
// Whether such a user exists, nobody can tell: Kubernetes keeps no list of users and groups.
func ParseGrantee(s string) (Grantee, error) {
	if group, ok := strings.CutPrefix(s, groupPrefix); ok {
		if group == "" {
			return Grantee{}, fmt.Errorf("%q: the name of the group is missing", s)
		}
		return Grantee{Kind: rbacv1.GroupKind, Name: group}, nil
	}
	for _, prefix := range []string{serviceAccountPrefix, longServiceAccountPrefix} {
		account, ok := strings.CutPrefix(s, prefix)
		if !ok {
			continue
		}
		namespace, name, _ := strings.Cut(account, ":")
		if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
			return Grantee{}, fmt.Errorf("%q is not a service account: it must be %sNAMESPACE:NAME", s, prefix)
		}
		return Grantee{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}, nil
	}
	if s == "" || strings.TrimSpace(s) != s {
		return Grantee{}, fmt.Errorf("%q is not the name of a user", s)
	}
	return Grantee{Kind: rbacv1.UserKind, Name: s}, nil
}

// String is the form that ParseGrantee reads.
func (g Grantee) String() string {
	switch g.Kind {
	case rbacv1.GroupKind:
		return groupPrefix + g.Name
	case rbacv1.ServiceAccountKind:
		return serviceAccountPrefix + g.Namespace + ":" + g.Name
	}
	return g.Name
}

// Subject is the grantee as RBAC has it.
func (g Grantee) Subject() rbacv1.Subject {
	subject := rbacv1.Subject{Kind: g.Kind, Namespace: g.Namespace, Name: g.Name}
	if g.Kind != rbacv1.ServiceAccountKind {
		subject.APIGroup = rbacv1.GroupName
	}
	return subject
}

func granteeOf(subject rbacv1.Subject) Grantee {
	return Grantee{Kind: subject.Kind, Namespace: subject.Namespace, Name: subject.Name}
}
