package acl

import (
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/discovery"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

func verbs() verbtest.Plugin {
	return verbtest.Plugin{Name: "acl", Build: New, Stored: stored}
}

func shareVerb() verbtest.Plugin {
	return verbtest.Plugin{Name: "share", Build: NewShare, Stored: stored}
}

// stored are the objects of RBAC, and who is in the bindings.
func stored(s *kubetest.Server) []string {
	rules := func(content map[string]any) string {
		var words []string
		rules, _ := content["rules"].([]any)
		for _, rule := range rules {
			words = append(words, fmt.Sprint(rule.(map[string]any)["verbs"]))
		}
		return strings.Join(words, " ")
	}
	subjects := func(content map[string]any) string {
		var words []string
		subjects, _ := content["subjects"].([]any)
		for _, subject := range subjects {
			words = append(words, fmt.Sprint(subject.(map[string]any)["kind"], ":", subject.(map[string]any)["name"]))
		}
		return strings.Join(words, " ")
	}
	return verbtest.Stored(s, map[string]func(map[string]any) string{
		"roles": rules, "rolebindings": subjects, "clusterroles": rules, "clusterrolebindings": subjects,
	})
}

// key is a secret, whose grants have names that end with its UID.
func key(changes ...func(metav1.Object)) runtime.Object {
	manifest := secrets.Manifest("default", "key", []byte("value"))
	manifest.SetUID("0123abcd-0000")
	for _, change := range changes {
		change(manifest)
	}
	return manifest
}

// adopted is a Secret of another tool, of the same name.
func adopted() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "key", Labels: map[string]string{"apolo.us/secret": "adopted", "app.kubernetes.io/managed-by": "vault"},
		Annotations: map[string]string{"apolo.us/data-key": "k"}}, StringData: map[string]string{"k": "v"}}
}

// granted gives levels of access to the secret to users.
func granted(level string, users ...string) []runtime.Object {
	name := "apolo:secret:key:" + level + ":0123abcd"
	labels := map[string]string{"apolo.us/grant": "true", "apolo.us/object": wellknown.Hash("key")}
	owner := []metav1.OwnerReference{{APIVersion: "v1", Kind: "Secret", Name: "key", UID: "0123abcd-0000"}}
	verbs := map[string][]string{"read": {"get"}, "write": {"get", "update", "patch"}, "manage": {"get", "update", "patch"}}[level]
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, OwnerReferences: owner},
		Rules: []rbacv1.PolicyRule{{Verbs: verbs, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"key"}}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, OwnerReferences: owner},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}}
	for _, user := range users {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: user})
	}
	return []runtime.Object{role, binding}
}

func forbid(verb, resource string) func(*kubetest.Server) {
	return func(s *kubetest.Server) { s.Forbid(verb, resource) }
}

func with(objects []runtime.Object, more ...runtime.Object) []runtime.Object {
	return append(more, objects...)
}

const (
	readRole    = "roles default/apolo:secret:key:read:0123abcd [get]"
	readBinding = "rolebindings default/apolo:secret:key:read:0123abcd"
	writeRole   = "roles default/apolo:secret:key:write:0123abcd [get update patch]"
	writeBind   = "rolebindings default/apolo:secret:key:write:0123abcd"
)

func TestWrongUsage(t *testing.T) {
	verbs().RunWrong(t, map[string]string{
		"nothing":                        `unknown command "nothing"`,
		"list-roles":                     `there is no command list-roles: the cluster's groups are its roles, and it keeps no list of them; to see who has what, use kubectl apolo acl ls --shared`,
		"add-role x":                     `there is no command add-role: groups come from where the cluster's users come from; use kubectl apolo acl grant secret:KEY group:NAME read`,
		"grant":                          "accepts 3 args (URI USER LEVEL), received 0",
		"grant secret:key bob":           "accepts 3 args (URI USER LEVEL), received 2",
		"grant secret:key bob read more": "accepts 3 args (URI USER LEVEL), received 4",
		"grant key bob read":             `"key" is not a secret: it must begin with "secret:"`,
		"grant job:key bob read":         `"job:key" is not a secret: to share a job, use kubectl apolo job share JOB USER`,
		"grant image:x bob read":         `"image:x" is not a secret: an image is shared by its registry`,
		"grant secret:key '' read":       `"" is not the name of a user`,
		"grant secret:key 'b*' read":     `"b*": RBAC has no wildcards; everybody with an account is group:system:authenticated`,
		"grant secret:key group: read":   `"group:": the name of the group is missing`,
		"grant secret:key sa:x read":     `"sa:x" is not a service account: it must be sa:NAMESPACE:NAME`,
		"grant secret:key a,b read":      `"a,b" is a list: name one at a time`,
		"grant secret:key bob own":       `"own" is not an access level: use read, write or manage`,
		"grant secret:key bob deny":      "there is no access level deny: Kubernetes can only allow; to take access back, use kubectl apolo acl revoke URI USER",
		"grant secret:key bob read -o x": `invalid output format "x": must be one of name, json, yaml, go-template, go-template-file, jsonpath, jsonpath-file, custom-columns, custom-columns-file`,
		"revoke secret:key":              "accepts 2 args (URI USER), received 1",
		"revoke job:x bob":               `"job:x" is not a secret: to take a job back, use kubectl apolo job unshare JOB USER`,
		"revoke key bob":                 `"key" is not a secret: it must begin with "secret:"`,
		"revoke secret:key sa:x":         `"sa:x" is not a service account: it must be sa:NAMESPACE:NAME`,
		"ls a b":                         "accepts at most 1 arg ([URI]), received 2",
		"ls key":                         `"key" is not a URI: it must begin with "secret:"`,
		"ls job:x":                       `"job:x" is not a secret: to see with whom a job is shared, use kubectl apolo job status JOB`,
		"ls --shared -u bob":             "--shared and -u can't be used together",
		"enable-discovery x":             "takes no arguments, received 1",
		"enable-discovery":               "there is no terminal to ask for your consent: use --yes",
		"disable-discovery":              "there is no terminal to ask for your consent: use --yes",
	})
	shareVerb().RunWrong(t, map[string]string{
		"secret:key":               "accepts 2 or 3 args (URI USER [LEVEL]), received 1",
		"secret:key bob read more": "accepts 2 or 3 args (URI USER [LEVEL]), received 4",
		"key bob":                  `"key" is not a secret: it must begin with "secret:"`,
		"secret:key bob list":      "there is no access level list: whoever can list a Kubernetes Secret can read it; use read",
	})
}

func TestGrantVerb(t *testing.T) {
	verbs().Run(t, []verbtest.Case{
		{Command: "grant secret:key bob read", Objects: []runtime.Object{key()}, Stdout: "secret/key granted to user bob (read)", Stored: []string{readRole, readBinding + " User:bob"},
			Requests: []string{"GET default/secrets/key", "GET default/roles", "GET default/roles", "POST default/roles", "POST default/rolebindings"}},
		{Command: "grant secret:key group:research read -q", Objects: []runtime.Object{key()}, Stored: []string{readRole, readBinding + " Group:research"}},
		{Command: "grant secret:key sa:ci:runner read", Objects: []runtime.Object{key()}, Stdout: "secret/key granted to sa:ci:runner (read)", Stored: []string{readRole, readBinding + " ServiceAccount:runner"}},
		{Command: "grant secret:/default/key bob write", Objects: []runtime.Object{key()}, Stdout: "secret/key granted to user bob (write)", Stored: []string{writeRole, writeBind + " User:bob"}},
		{Name: "one more", Command: "grant secret:key carol read", Objects: with(granted("read", "bob"), key()), Stdout: "secret/key granted to user carol (read)",
			Stored: []string{readRole, readBinding + " User:bob User:carol"}},
		{Name: "higher", Command: "grant secret:key bob write", Objects: with(granted("read", "bob"), key()), Stdout: "secret/key granted to user bob (write, was read)",
			Stored: []string{readRole, readBinding, writeRole, writeBind + " User:bob"}},
		{Name: "again", Command: "grant secret:key bob read", Objects: with(granted("read", "bob"), key()), Stdout: "secret/key unchanged (user bob has read already)"},
		{Name: "lower", Command: "grant secret:key bob read", Objects: with(granted("write", "bob"), key()),
			Stdout: "secret/key unchanged (user bob has write, which includes read; to lower it, revoke it first)"},
		{Command: "grant secret:key bob read -o name", Objects: []runtime.Object{key()}, Stdout: "secret://c/default/key", Stored: []string{readRole, readBinding + " User:bob"}},
		{Command: "grant secret:key bob read -o jsonpath='{.access} {.previousAccess}'", Objects: with(granted("write", "bob"), key()), Stdout: "write write"},
		{Command: "grant secret:none bob read", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "adopted", Command: "grant secret:key bob write", Objects: []runtime.Object{adopted()}, Code: 1,
			Stderr: "error: secret:key: is adopted: it belongs to vault, so that only read can be granted"},
		{Name: "of a removed secret", Command: "grant secret:key bob read", Objects: with(granted("read", "carol"), key(func(object metav1.Object) { object.SetUID("89abcdef-0000") })),
			Stdout: "secret/key granted to user bob (read)",
			Stderr: "warning: secret:key: removed what was granted on an earlier secret of that name: apolo:secret:key:read:0123abcd",
			Stored: []string{"roles default/apolo:secret:key:read:89abcdef [get]", "rolebindings default/apolo:secret:key:read:89abcdef User:bob"}},
		{Name: "forbidden", Command: "grant secret:key bob read", Objects: []runtime.Object{key()}, Server: forbid("create", "roles"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to create roles in namespace "default"; ask an administrator for that right`},
		{Name: "everybody", Command: "grant secret:key group:system:authenticated read", Objects: []runtime.Object{key()}, Stdout: "secret/key granted to group:system:authenticated (read)",
			Stderr: "warning: everybody with an account on the cluster, and every pod, has read on it now", Stored: []string{readRole, readBinding + " Group:system:authenticated"}},
	})
}

func TestShareVerb(t *testing.T) {
	shareVerb().Run(t, []verbtest.Case{
		{Command: "secret:key bob", Objects: []runtime.Object{key()}, Stdout: "secret/key granted to user bob (read)", Stored: []string{readRole, readBinding + " User:bob"}},
		{Command: "secret:key bob write -q", Objects: []runtime.Object{key()}, Stored: []string{writeRole, writeBind + " User:bob"}},
	})
}

func TestRevokeVerb(t *testing.T) {
	verbs().Run(t, []verbtest.Case{
		{Command: "revoke secret:key bob", Objects: with(granted("read", "bob", "carol"), key()), Stdout: "secret/key revoked from user bob (was read)",
			Stored: []string{readRole, readBinding + " User:carol"}},
		{Name: "two levels", Command: "revoke secret:key bob", Objects: with(granted("read", "bob"), append(granted("write", "bob"), key())...),
			Stdout: "secret/key revoked from user bob (was write)", Stored: []string{readRole, readBinding, writeRole, writeBind}},
		{Name: "not granted", Command: "revoke secret:key carol", Objects: with(granted("read", "bob"), key()), Code: 1, Stderr: "error: secret:key: carol has no grant"},
		{Command: "revoke secret:key carol --ignore-not-found", Objects: with(granted("read", "bob"), key())},
		{Command: "revoke secret:key sa:default:bob -q", Objects: with(granted("read", "bob"), key()), Code: 1, Stderr: "error: secret:key: sa:default:bob has no grant"},
		{Command: "revoke secret:none bob", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Command: "revoke secret:none bob --ignore-not-found"},
		{Name: "forbidden", Command: "revoke secret:key bob", Objects: with(granted("read", "bob"), key()), Server: forbid("update", "rolebindings"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to update rolebindings "apolo:secret:key:read:0123abcd" in namespace "default"; ask an administrator for that right`},
	})
}

func TestLsVerb(t *testing.T) {
	rules := func(s *kubetest.Server) {
		s.SetRules(authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{
			{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"mine", "key"}},
			{Verbs: []string{"update"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"key"}},
		}})
	}
	shared := with(granted("read", "bob"), append(granted("write", "carol"), key())...)
	verbs().Run(t, []verbtest.Case{
		{Name: "all rights", Command: "ls", Table: []string{"URI ACCESS", "secret://c/default manage", "secret://c/kube-system manage"}},
		{Name: "some rights", Command: "ls -n default", Server: rules, Table: []string{"URI ACCESS", "secret://c/default/key write", "secret://c/default/mine read"},
			Requests: []string{"POST selfsubjectrulesreviews"}},
		{Command: "ls -q -n default", Server: rules, Stdout: "secret://c/default/key\nsecret://c/default/mine"},
		{Command: "ls secret:key -n default", Server: rules, Table: []string{"URI ACCESS", "secret://c/default/key write"}},
		{Command: "ls secret://c/default -o name", Server: rules, Stdout: "secret://c/default/key\nsecret://c/default/mine"},
		{Command: "ls --in team -n default -o jsonpath='{.askedNamespaces}'", Server: rules, Stdout: `["default","team"]`},
		{Name: "no right to list namespaces", Command: "ls -q", Server: func(s *kubetest.Server) { rules(s); s.Forbid("list", "namespaces") }, Stdout: "secret://c/default/key\nsecret://c/default/mine"},
		{Command: "ls --shared", Objects: shared, Table: []string{"URI GRANTED TO ACCESS", "secret://c/default/key bob read", "secret://c/default/key carol write"}},
		{Command: "ls --shared secret:key", Objects: shared, Table: []string{"URI GRANTED TO ACCESS", "secret://c/default/key bob read", "secret://c/default/key carol write"}},
		{Command: "ls --shared secret:none", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "stale", Command: "ls --shared", Objects: []runtime.Object{key(), granted("read", "bob")[1]},
			Table: []string{"URI GRANTED TO ACCESS", "secret://c/default/key bob read (stale: its role is gone, gives nothing)"}},
		{Command: "ls -u bob -q", Objects: shared, Stdout: "secret://c/default/key"},
		{Command: "ls -u carol", Objects: shared, Table: []string{"URI ACCESS", "secret://c/default/key write"}},
		{Command: "ls -u dave -q", Objects: shared},
		{Name: "forbidden", Command: "ls --shared", Server: forbid("list", "rolebindings"), Code: 1,
			Stderr: `error: forbidden: you lack permission to list rolebindings in namespace "default"; ask an administrator for that right`},
	})
}

func TestDiscoveryVerbs(t *testing.T) {
	objects := []string{"clusterroles /apolo:discovery [list]", "clusterrolebindings /apolo:discovery Group:system:authenticated"}
	verbs().Run(t, []verbtest.Case{
		{Command: "enable-discovery --yes -q", Stored: objects},
		{Name: "again", Command: "enable-discovery --yes -q", Objects: []runtime.Object{discovery.Role(), discovery.Binding()}},
		{Command: "disable-discovery -y", Objects: []runtime.Object{discovery.Role(), discovery.Binding()}, Stdout: "discovery disabled", Stored: []string{}},
		{Command: "disable-discovery -y", Stdout: "discovery unchanged (it is not enabled)"},
		{Name: "forbidden", Command: "enable-discovery --yes -q", Server: forbid("create", "clusterroles"), Code: 1,
			Stderr: "error: discovery: forbidden: you lack permission to create clusterroles in all namespaces; ask an administrator for that right"},
	})
}
