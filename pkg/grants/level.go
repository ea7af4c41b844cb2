package grants

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// Level is how much of a secret a grant gives. Each level includes those below it.
type Level string

// The levels, as rights of RBAC on one Secret:
const (
	Read   Level = "read"   // get
	Write  Level = "write"  // also update, patch
	Manage Level = "manage" // also get, update, patch on the three RoleBindings that share it
)

// Levels returns all levels, the lowest first.
func Levels() []Level { return []Level{Read, Write, Manage} }

// ParseLevel reads the name of a level.
func ParseLevel(s string) (Level, error) {
	if slices.Contains(Levels(), Level(s)) {
		return Level(s), nil
	}
	return "", fmt.Errorf("%q is not an access level: use read, write or manage", s)
}

// Includes reports whether l gives at least what other gives. The empty Level gives nothing.
func (l Level) Includes(other Level) bool {
	return slices.Index(Levels(), l) >= slices.Index(Levels(), other)
}

// secretVerbs are the rights of a level on the Secret itself. There is no delete: whoever may delete a Secret may orphan
// what it owns, and removing a secret is for its owner.
func (l Level) secretVerbs() []string {
	if l == Read {
		return []string{"get"}
	}
	return []string{"get", "update", "patch"}
}

// objectName is the name of the Role and of the RoleBinding that give a level (secretroles.Name).
func objectName(secret secrets.Secret, level Level) string {
	return secretroles.NewName(secret.Object, secret.UID, string(level)).String()
}

// parseObjectName reads which level of which Kubernetes Secret a Role gives, whatever Secret of that name it was made for.
func parseObjectName(name string) (object string, level Level, ok bool) {
	parsed, ok := secretroles.ParseName(name)
	if level = Level(parsed.Level); !ok || !slices.Contains(Levels(), level) {
		return "", "", false
	}
	return parsed.Object, level, true
}

// Rules are the rules of the Role that gives a level on a secret. There is no list or watch, which
// would disclose every value of the namespace, and no bind or escalate: a manager holds all that
// the three Roles give, which is what Kubernetes asks of who changes a RoleBinding.
func Rules(secret secrets.Secret, level Level) []rbacv1.PolicyRule {
	rules := []rbacv1.PolicyRule{{
		APIGroups:     []string{""},
		Resources:     []string{"secrets"},
		ResourceNames: []string{secret.Object},
		Verbs:         level.secretVerbs(),
	}}
	if level == Manage {
		var bindings []string
		for _, l := range Levels() {
			bindings = append(bindings, objectName(secret, l))
		}
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups:     []string{rbacv1.GroupName},
			Resources:     []string{"rolebindings"},
			ResourceNames: bindings,
			Verbs:         []string{"get", "update", "patch"},
		})
	}
	return rules
}
