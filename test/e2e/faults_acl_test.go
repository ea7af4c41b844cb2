package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// grantObjects are what shares the attempt's secret.
type grantObjects struct {
	roles    []*rbacv1.Role
	bindings []*rbacv1.RoleBinding
}

func (g grantObjects) String() string {
	var names []string
	for _, role := range g.roles {
		names = append(names, "role "+role.Name)
	}
	for _, binding := range g.bindings {
		names = append(names, "rolebinding "+binding.Name)
	}
	return strings.Join(names, ", ")
}

// grants finds them by name: labels may be what is wrong with one.
func (a *attempt) grants() (found grantObjects) {
	a.Helper()
	for _, role := range a.list(a, roleResource, "") {
		if strings.HasPrefix(role.GetName(), "apolo:secret:"+a.key+":") {
			found.roles = append(found.roles, as[rbacv1.Role](a, &role))
		}
	}
	for _, binding := range a.list(a, bindingResource, "") {
		if strings.HasPrefix(binding.GetName(), "apolo:secret:"+a.key+":") {
			found.bindings = append(found.bindings, as[rbacv1.RoleBinding](a, &binding))
		}
	}
	return found
}

// wantAccess checks that bob has that level on the secret, in what is stored and in the API server's
// opinion, that nobody else has any, and that whatever gives it is owned by the Secret.
func (a *attempt) wantAccess(want string) {
	a.Helper()
	stored := a.grants()
	level := "none"
	roles := map[string]bool{}
	for _, role := range stored.roles {
		roles[role.Name] = true
		a.wantOwned(role.ObjectMeta)
	}
	for _, l := range grants.Levels() {
		for _, binding := range stored.bindings {
			if binding.Name != binding.RoleRef.Name {
				a.Errorf("%s is for the role %s", binding.Name, binding.RoleRef.Name)
			}
			if strings.Contains(binding.Name, ":"+string(l)+":") && roles[binding.Name] && len(binding.Subjects) > 0 {
				level = string(l)
			}
		}
	}
	for _, binding := range stored.bindings {
		a.wantOwned(binding.ObjectMeta)
		for _, subject := range binding.Subjects {
			if subject.Name != "bob" {
				a.Errorf("%s is for %s", binding.Name, subject.Name)
			}
		}
	}
	if level != want {
		a.Errorf("bob has %s, and not %s; there are %s; sent were\n%s", level, want, stored, strings.Join(a.proxy.requests(), "\n"))
	}
	// The API server's authorizer learns of it in a moment.
	var answer string
	eventually(a, "the API server gives bob "+level, func() bool {
		answer = a.access("bob")
		return answer == level
	})
	if answer != level {
		a.Errorf("the API server gives bob %s", answer)
	}
	if a.may(a, "carol", "get", secretResource, a.key) {
		a.Error("carol can read it")
	}
	if a.may(a, "bob", "get", secretResource, bystander) {
		a.Error("bob can read another secret")
	}
}

// access is the level that a user has, in the API server's opinion.
func (a *attempt) access(user string) string {
	a.Helper()
	var rights []string
	for _, verb := range []string{"get", "update", "patch", "delete"} { // nobody gets delete
		if a.may(a, user, verb, secretResource, a.key) {
			rights = append(rights, verb)
		}
	}
	binding := a.text("apolo:secret:KEY:read:UID")
	manages := a.may(a, user, "update", bindingResource, binding)
	switch all := strings.Join(rights, ","); {
	case all == "" && !manages:
		return "none"
	case all == "get" && !manages:
		return "read"
	case all == "get,update,patch" && !manages:
		return "write"
	case all == "get,update,patch":
		return "manage"
	default:
		return fmt.Sprintf("a mixture: %s (bindings: %v)", all, manages)
	}
}

func (a *attempt) wantOwned(object metav1.ObjectMeta) {
	a.Helper()
	owners := object.OwnerReferences
	if len(owners) != 1 || owners[0].Kind != "Secret" || owners[0].Name != a.key || !strings.HasPrefix(string(owners[0].UID), a.uid) {
		a.Errorf("%s is owned by %v", object.Name, owners)
	}
	if object.Labels[wellknown.LabelGrant] != wellknown.LabelTrue || object.Labels[wellknown.LabelObject] != wellknown.Hash(a.key) {
		a.Errorf("%s has the labels %v", object.Name, object.Labels)
	}
}

// changesAccess is the check of a command after which bob has another level: the nth request of a
// kind gives it or takes it, and nothing before does.
func changesAccess(from, to, by string, nth int) func(*attempt) {
	return func(a *attempt) {
		want := from
		if a.sent(by) >= nth {
			want = to
		}
		a.wantAccess(want)
		a.wantSecret(a.oldValue)
	}
}

func grantAgain(level string) func(*attempt) {
	return func(a *attempt) {
		a.succeeds(a.command, "secret/KEY ")
		a.wantAccess(level)
		stored := a.grants()
		for _, binding := range stored.bindings {
			if len(binding.Subjects) > 0 && !strings.Contains(binding.Name, ":"+level+":") {
				a.Errorf("bob still has %s too", binding.Name)
			}
		}
		// A manager can't make what is missing of them.
		if level == "manage" && (len(stored.roles) != 3 || len(stored.bindings) != 3) {
			a.Errorf("there are only %s", stored)
		}
	}
}

func revokeAgain(by string) func(*attempt) {
	return func(a *attempt) {
		if a.sent(by) > 0 {
			a.fails(a.command, "has no grant")
		} else {
			a.succeeds(a.command, "secret/KEY revoked")
		}
		a.wantAccess("none")
	}
}

func faultsOfAcl(t *testing.T, o *observed) {
	const (
		makeRole     = "POST NS/roles"
		makeBinding  = "POST NS/rolebindings"
		getRead      = "GET NS/rolebindings/apolo:secret:KEY:read:UID"
		getWrite     = "GET NS/rolebindings/apolo:secret:KEY:write:UID"
		listBindings = "GET NS/rolebindings"
		putRead      = "PUT NS/rolebindings/apolo:secret:KEY:read:UID"
		putWrite     = "PUT NS/rolebindings/apolo:secret:KEY:write:UID"
		putManage    = "PUT NS/rolebindings/apolo:secret:KEY:manage:UID"
	)
	after := func(requests ...string) []string { // what every command begins with
		return slices.Concat([]string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles"}, requests)
	}
	testFaults(t, newFixture(t), o, slices.Concat(endings, answers), []faultCase{
		{
			name:     "acl grant read",
			command:  "kubectl-apolo_acl grant secret:KEY bob read",
			requests: after(makeRole, makeBinding),
			prepare:  addKey,
			check:    changesAccess("none", "read", makeBinding, 1),
			again:    grantAgain("read"),
		},
		{
			name:     "acl grant write, over read",
			command:  "kubectl-apolo_acl grant secret:KEY bob write",
			requests: after(getRead, makeRole, makeBinding, putRead),
			prepare:  shareKey(grants.Read),
			check:    changesAccess("read", "write", makeBinding, 1),
			again:    grantAgain("write"),
		},
		{
			name:     "acl grant manage",
			command:  "kubectl-apolo_acl grant secret:KEY bob manage",
			requests: after(makeRole, makeRole, makeRole, makeBinding, makeBinding, makeBinding),
			prepare:  addKey,
			check:    changesAccess("none", "manage", makeBinding, 3),
			again:    grantAgain("manage"),
		},
		{
			name:     "acl grant manage, over write",
			command:  "kubectl-apolo_acl grant secret:KEY bob manage",
			requests: after(getWrite, makeRole, makeRole, makeBinding, makeBinding, putWrite),
			prepare:  shareKey(grants.Write),
			check:    changesAccess("write", "manage", makeBinding, 2),
			again:    grantAgain("manage"),
		},
		{
			name:     "acl revoke read",
			command:  "kubectl-apolo_acl revoke secret:KEY bob",
			requests: []string{listBindings, putRead, listBindings},
			prepare:  shareKey(grants.Read),
			check:    changesAccess("read", "none", putRead, 1),
			again:    revokeAgain(putRead),
		},
		{
			name:     "acl revoke manage",
			command:  "kubectl-apolo_acl revoke secret:KEY bob",
			requests: []string{listBindings, putManage, listBindings},
			prepare:  shareKey(grants.Manage),
			check:    changesAccess("manage", "none", putManage, 1),
			again:    revokeAgain(putManage),
		},
		{
			name:     "acl grant read, to one more",
			command:  "kubectl-apolo_acl grant secret:KEY dave read",
			requests: after(getRead, putRead),
			prepare:  shareKey(grants.Read),
			check: func(a *attempt) {
				want := []string{"bob"}
				if a.sent(a.text(putRead)) > 0 {
					want = append(want, "dave")
				}
				a.wantReaders(want...)
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "secret/KEY ")
				a.wantReaders("bob", "dave")
			},
		},
		{
			name:     "share",
			command:  "kubectl-apolo_share secret:KEY bob",
			requests: after(makeRole, makeBinding),
			prepare:  addKey,
			check:    changesAccess("none", "read", makeBinding, 1),
			again:    grantAgain("read"),
		},
		{
			name:     "acl ls",
			command:  "kubectl-apolo_acl ls",
			requests: []string{"GET namespaces", "POST selfsubjectrulesreviews"},
			check:    shownOnlyIf("/NS"),
			again:    shows("/NS"),
		},
		{
			name:     "acl ls --shared",
			command:  "kubectl-apolo_acl ls --shared secret:KEY",
			requests: []string{"GET NS/secrets/KEY", listBindings, "GET NS/roles/apolo:secret:KEY:read:UID"},
			prepare:  shareKey(grants.Read),
			check:    shownOnlyIf("bob"),
			again:    shows("bob"),
		},
	})
	admin := newFixture(t)
	admin.kubeconfig = admin.cluster.kubeconfig("admin")
	testFaults(t, admin, o, slices.Concat(endings, answers), []faultCase{{
		name:     "acl enable-discovery", // the API server only says what it would do
		command:  "kubectl-apolo_acl enable-discovery --yes --quiet",
		requests: []string{"POST clusterroles", "POST clusterrolebindings"},
		check:    func(*attempt) {},
		again:    func(*attempt) {},
	}})
}

// wantReaders checks who has the level read, besides what wantAccess checks of bob.
func (a *attempt) wantReaders(want ...string) {
	a.Helper()
	var got []string
	for _, binding := range a.grants().bindings {
		a.wantOwned(binding.ObjectMeta)
		for _, subject := range binding.Subjects {
			got = append(got, subject.Name)
		}
	}
	if !slices.Equal(got, want) {
		a.Errorf("%q may read it, and not %q", got, want)
	}
}
