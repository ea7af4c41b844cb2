package grantee

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The names that Kubernetes itself gives (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
const (
	anonymous             = "system:anonymous"
	authenticated         = "system:authenticated"
	unauthenticated       = "system:unauthenticated"
	serviceAccounts       = "system:serviceaccounts"
	serviceAccountsPrefix = serviceAccounts + ":"
	masters               = "system:masters"
	nodes                 = "system:nodes"
	nodePrefix            = "system:node:"
	systemPrefix          = "system:"
)

// Check returns an error for a name that nobody can have, or that is a typo of another: it says what to type instead.
// Parse accepts such names, because somebody may have written one into RBAC, and it has to be possible to revoke it.
func Check(g Grantee) error {
	if g.Kind == ServiceAccount {
		return nil // Parse has checked it
	}
	if clean := printable(g.Name); clean != g.Name {
		return fmt.Errorf("%s contains invisible characters%s", strconv.QuoteToASCII(g.Name), instead(Grantee{Kind: g.Kind, Name: clean}))
	}
	if parts := strings.Split(g.Name, ","); len(parts) > 1 && !isDistinguishedName(parts) {
		return fmt.Errorf("%q is a list: name one at a time", g.String())
	}
	if strings.ContainsAny(g.Name, "*") {
		return fmt.Errorf("%q: RBAC has no wildcards; everybody with an account is group:%s", g.String(), authenticated)
	}
	if g.Kind == Group {
		return checkGroup(g)
	}
	return checkUser(g)
}

func checkUser(g Grantee) error {
	kind, rest, ok := strings.Cut(g.Name, ":")
	switch strings.ToLower(kind) {
	case "user", "users":
		if ok {
			return fmt.Errorf("%q has a prefix that users have not%s", g.Name, instead(Grantee{Kind: User, Name: strings.TrimSpace(rest)}))
		}
	case "group", "groups":
		if ok {
			return fmt.Errorf("%q is not the name of a user%s", g.Name, instead(Grantee{Kind: Group, Name: strings.TrimSpace(rest)}))
		}
	case "sa", "serviceaccount", "serviceaccounts":
		if ok {
			return fmt.Errorf("%q is not the name of a user; for a service account type %sNAMESPACE:NAME", g.Name, serviceAccountPrefix)
		}
	}
	if isGroupOfKubernetes(g.Name) {
		return fmt.Errorf("%q is a group%s", g.Name, instead(Grantee{Kind: Group, Name: g.Name}))
	}
	return nil
}

func checkGroup(g Grantee) error {
	if g.Name == anonymous || strings.HasPrefix(g.Name, nodePrefix) {
		return fmt.Errorf("%q is a user and no group%s", g.Name, instead(Grantee{Kind: User, Name: g.Name}))
	}
	if account := OfUser(g.Name); account.Kind == ServiceAccount {
		return fmt.Errorf("%q is a service account and no group%s", g.Name, instead(account))
	}
	if namespace, ok := strings.CutPrefix(g.Name, serviceAccountsPrefix); ok && len(validation.IsDNS1123Label(namespace)) > 0 {
		return fmt.Errorf("nobody can be in the group %q: type %s%sNAMESPACE", g.Name, groupPrefix, serviceAccountsPrefix)
	}
	if strings.TrimSpace(g.Name) != g.Name {
		return fmt.Errorf("%q begins or ends with a space%s", g.Name, instead(Grantee{Kind: Group, Name: strings.TrimSpace(g.Name)}))
	}
	if kind, rest, ok := strings.Cut(g.Name, ":"); ok && (strings.EqualFold(kind, "group") || strings.EqualFold(kind, "user")) {
		again, err := Parse(strings.ToLower(kind) + ":" + rest)
		if strings.EqualFold(kind, "user") {
			again, err = Parse(rest)
		}
		if err == nil {
			return fmt.Errorf("%q has two prefixes%s", g.String(), instead(again))
		}
	}
	return nil
}

func isGroupOfKubernetes(name string) bool {
	return slices.Contains([]string{authenticated, unauthenticated, serviceAccounts, masters, nodes}, name) ||
		strings.HasPrefix(name, serviceAccountsPrefix)
}

// instead ends an error with what to type in place of a name, where that is a good one.
func instead(g Grantee) string {
	if g.Name == "" || Check(g) != nil {
		return ""
	}
	return "; type " + g.String()
}

// printable leaves out what can't be seen: control characters, and those that reorder or join letters.
func printable(name string) string {
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "")
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, name)
}

// isDistinguishedName reports whether every part of a list is ATTRIBUTE=VALUE, as names of LDAP are.
func isDistinguishedName(parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool {
		attribute, value, _ := strings.Cut(part, "=")
		return strings.TrimSpace(attribute) == "" || value == ""
	})
}

// Reach says how many a grantee is, where that is more than its name tells: everybody, nearly everybody, or a part of
// Kubernetes itself. It is empty for all others.
func Reach(g Grantee) string {
	switch {
	case g.Kind == ServiceAccount:
		return ""
	case g.Kind == User && g.Name == anonymous, g.Kind == Group && g.Name == unauthenticated:
		return "everybody who can reach the API server, without an account,"
	case g.Kind == User && strings.HasPrefix(g.Name, nodePrefix):
		return "the node " + strings.TrimPrefix(g.Name, nodePrefix) + ", and so everybody who controls it,"
	case g.Kind == User && strings.HasPrefix(g.Name, systemPrefix):
		return "a part of Kubernetes itself (" + g.Name + ")"
	case g.Kind == User:
		return ""
	case g.Name == authenticated:
		return "everybody with an account on the cluster, and every pod,"
	case g.Name == serviceAccounts:
		return "every pod of the cluster"
	case strings.HasPrefix(g.Name, serviceAccountsPrefix):
		return "every pod of the namespace " + strings.TrimPrefix(g.Name, serviceAccountsPrefix)
	case g.Name == masters:
		return "every administrator of the cluster, who can use it without a grant,"
	case g.Name == nodes:
		return "every node, and so everybody who controls one,"
	case strings.HasPrefix(g.Name, systemPrefix):
		return "everybody in a group that Kubernetes keeps for itself (" + g.Name + ")"
	}
	return ""
}

// Warning is what whoever grants a level should know about the grantee: empty where the name tells who that is.
func Warning(g Grantee, level string) string {
	who := Reach(g)
	if who == "" {
		return ""
	}
	return who + " has " + level + " on it now"
}

// IsIn reports whether it is certain that a grantee is in a group: Kubernetes itself fills some.
func IsIn(g Grantee, group string) bool {
	switch group {
	case authenticated:
		return g.Kind != Group && g.Name != anonymous
	case serviceAccounts:
		return g.Kind == ServiceAccount
	case unauthenticated:
		return g.Kind == User && g.Name == anonymous
	case nodes:
		return g.Kind == User && strings.HasPrefix(g.Name, nodePrefix)
	}
	return g.Kind == ServiceAccount && group == serviceAccountsPrefix+g.Namespace
}
