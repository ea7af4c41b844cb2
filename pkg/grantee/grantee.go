// Package grantee names those to whom something is granted. It has no types of RBAC, so that commands
// which only read such names stay small.
package grantee

import (
	"fmt"
	"slices"
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
	userPrefix               = "user:" // only where the name alone would be read as another kind
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
		if !isServiceAccount(namespace, name) {
			return Grantee{}, fmt.Errorf("%q is not a service account: it must be %sNAMESPACE:NAME", s, prefix)
		}
		return Grantee{Kind: ServiceAccount, Namespace: namespace, Name: name}, nil
	}
	if s == "" || strings.TrimSpace(s) != s {
		return Grantee{}, fmt.Errorf("%q is not the name of a user", s)
	}
	if name, ok := strings.CutPrefix(s, userPrefix); ok && isAmbiguous(name) {
		return Grantee{Kind: User, Name: name}, nil
	}
	return Grantee{Kind: User, Name: s}, nil
}

// OfUser is the grantee that RBAC takes a user of that name for: the API server gives service accounts names of users.
func OfUser(name string) Grantee {
	if account, ok := strings.CutPrefix(name, longServiceAccountPrefix); ok {
		if namespace, account, ok := strings.Cut(account, ":"); ok && isServiceAccount(namespace, account) {
			return Grantee{Kind: ServiceAccount, Namespace: namespace, Name: account}
		}
	}
	return Grantee{Kind: User, Name: name}
}

func isServiceAccount(namespace, name string) bool {
	return len(validation.IsDNS1123Label(namespace)) == 0 && len(validation.IsDNS1123Subdomain(name)) == 0
}

// isAmbiguous reports whether Parse would read the name of a user as something else.
func isAmbiguous(name string) bool {
	return strings.TrimSpace(name) != name || slices.ContainsFunc(
		[]string{userPrefix, groupPrefix, serviceAccountPrefix, longServiceAccountPrefix},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// String is the form that Parse reads.
func (g Grantee) String() string {
	switch {
	case g.Kind == Group:
		return groupPrefix + g.Name
	case g.Kind == ServiceAccount:
		return serviceAccountPrefix + g.Namespace + ":" + g.Name
	case isAmbiguous(g.Name):
		return userPrefix + g.Name
	}
	return g.Name
}
