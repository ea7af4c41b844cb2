// Package grantee names those to whom something is granted. It has no types of RBAC, so that commands
// which only read such names stay small.
package grantee

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The kinds, as RBAC calls them (rbac.authorization.k8s.io/v1, Subject).
const (
	User           = "User"
	Group          = "Group"
	ServiceAccount = "ServiceAccount"
)

// APIGroup is the API group of users and groups in RBAC; service accounts have none.
const APIGroup = "rbac.authorization.k8s.io"

// Grantee is who gets access: a user, a group or a service account.
type Grantee struct {
	Kind      string
	Namespace string // of a service account
	Name      string
}

const (
	groupPrefix              = "group:"
	serviceAccountPrefix     = "sa:"
	longServiceAccountPrefix = "system:serviceaccount:" // as the API server calls them
)

// Parse reads bob, group:devs, sa:NAMESPACE:NAME or system:serviceaccount:NAMESPACE:NAME.
// Whether such a user exists, nobody can tell: Kubernetes keeps no list of users and groups.
func Parse(s string) (Grantee, error) {
	if group, ok := strings.CutPrefix(s, groupPrefix); ok {
		if group == "" {
			return Grantee{}, fmt.Errorf("%q: the name of the group is missing", s)
		}
		return Grantee{Kind: Group, Name: group}, nil
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
		return Grantee{Kind: ServiceAccount, Namespace: namespace, Name: name}, nil
	}
	if s == "" || strings.TrimSpace(s) != s {
		return Grantee{}, fmt.Errorf("%q is not the name of a user", s)
	}
	return Grantee{Kind: User, Name: s}, nil
}

// String is the form that Parse reads.
func (g Grantee) String() string {
	switch g.Kind {
	case Group:
		return groupPrefix + g.Name
	case ServiceAccount:
		return serviceAccountPrefix + g.Namespace + ":" + g.Name
	}
	return g.Name
}
