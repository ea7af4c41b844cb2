package grants

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// Level is how much of a secret a grant gives. Each level includes those below it.
type Level string

// The levels, as rights of RBAC on one Secret:
const (
	Read   Level = "read"   // get
	Write  Level = "write"  // also update, patch, delete
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

// Includes tells whether l gives at least what other gives. The empty Level gives nothing.
func (l Level) Includes(other Level) bool {
	return slices.Index(Levels(), l) >= slices.Index(Levels(), other)
}

// secretVerbs are the rights of a level on the Secret itself.
func (l Level) secretVerbs() []string {
	if l == Read {
		return []string{"get"}
	}
	return []string{"get", "update", "patch", "delete"}
}

// namePrefix begins the names of all Roles and RoleBindings of grants.
const namePrefix = "apolo:secret:"

// uidDigits is how much of a Secret's UID is in the names of its grants. Eight hexadecimal digits
// need not be unique in the world, only among the Secrets that had one name in one namespace.
const uidDigits = 8

// objectName is the name of the Role and of the RoleBinding that give a level. The UID makes the
// grants of a removed secret dead: a RoleBinding that outlived it points to a Role that will never
// exist again, whatever takes the name of the secret, and a roleRef can't be changed.
func objectName(secret secrets.Secret, level Level) string {
	return namePrefix + secret.Object + ":" + string(level) + ":" + shortUID(secret)
}

func shortUID(secret secrets.Secret) string {
	return fmt.Sprintf("%.*s", uidDigits, string(secret.UID))
}

// parseObjectName is the reverse of objectName.
func parseObjectName(name string) (object string, level Level, uid string, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	parts := strings.Split(rest, ":")
	if !ok || len(parts) != 3 || parts[0] == "" || len(parts[2]) != uidDigits || !slices.Contains(Levels(), Level(parts[1])) {
		return "", "", "", false
	}
	return parts[0], Level(parts[1]), parts[2], true
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
