// Package secretroles knows the RBAC objects that give access to one Kubernetes Secret: what their names say, which of
// them there are, and how to remove them. Package secrets removes them with a secret, package grants makes them.
package secretroles

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// prefix begins the names of all Roles and RoleBindings of grants.
const prefix = "apolo:secret:"

// uidDigits is how much of a Secret's UID is in the names of its grants. Eight hexadecimal digits need not be unique in
// the world, only among the Secrets that had one name in one namespace.
const uidDigits = 8

// Name is the name of a Role, and of the RoleBinding to it, that gives a level of access to a Secret. RBAC reads
// the name of the Secret in a Role and nothing else, so a Role gives access to whatever Secret has that name now. The UID
// keeps the bindings of a removed Secret from working again: each points to a Role of its own name only.
type Name struct {
	Object string // the name of the Kubernetes Secret
	Level  string
	UID    string // the first digits of the UID of the Secret that it was made for
	Timer  string // the name of the timer that ends it, and empty for what has no end
}

// NewName names the grants of a level of the Kubernetes Secret of a name and UID.
func NewName(object string, uid types.UID, level string) Name {
	return Name{Object: object, Level: level, UID: fmt.Sprintf("%.*s", uidDigits, string(uid))}
}

func (n Name) String() string {
	name := prefix + n.Object + ":" + n.Level + ":" + n.UID
	if n.Timer != "" {
		name += ":" + n.Timer
	}
	return name
}

// ParseName is the reverse of Name.String. It accepts every UID and every level, so that nothing that gives
// access is overlooked.
func ParseName(name string) (Name, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return Name{}, false
	}
	object, rest, ok := strings.Cut(rest, ":")
	level, uid, _ := strings.Cut(rest, ":")
	uid, timer, _ := strings.Cut(uid, ":")
	return Name{Object: object, Level: level, UID: uid, Timer: timer}, ok && object != ""
}

// Selectors select, together, the Roles that can be grants of a Secret: those with its label, and those that have
// lost that label. What is a grant is decided by its name.
func Selectors(object string) []string {
	return []string{wellknown.LabelObject + "=" + wellknown.Hash(object), "!" + wellknown.LabelObject}
}
