package secret

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

func verbs() verbtest.Plugin {
	return verbtest.Plugin{Name: "secret", Build: New, Stored: func(s *kubetest.Server) []string {
		name := func(map[string]any) string { return "" }
		return verbtest.Stored(s, map[string]func(map[string]any) string{"secrets": describeSecret, "roles": name, "rolebindings": name})
	}}
}

// describeSecret is the data of a Kubernetes Secret, and how Apolo has marked it.
func describeSecret(content map[string]any) string {
	var words []string
	data, _ := content["data"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		value, _ := base64.StdEncoding.DecodeString(fmt.Sprint(data[key]))
		words = append(words, key+"="+string(value))
	}
	labels, _ := content["metadata"].(map[string]any)["labels"].(map[string]any)
	words = append(words, fmt.Sprintf("[%v]", labels["apolo.us/secret"]))
	return strings.Join(words, " ")
}

// own is a secret of Apolo, changed as a test needs it.
func own(key, value string, changes ...func(metav1.Object)) runtime.Object {
	manifest := secrets.Manifest("default", key, []byte(value))
	for _, change := range changes {
		change(manifest)
	}
	return manifest
}

func inTeam(object metav1.Object) { object.SetNamespace("team") }

func held(object metav1.Object) { object.SetFinalizers([]string{"example.com/hold"}) }

func beingDeleted(object metav1.Object) {
	held(object)
	object.SetDeletionTimestamp(&metav1.Time{Time: metav1.Now().Time})
}

// foreign is a Kubernetes Secret of another tool.
func foreign(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/managed-by": "vault"}}, StringData: data}
}

// adopted is one that Apolo uses.
func adopted(name string, data map[string]string, dataKey string) *corev1.Secret {
	object := foreign(name, data)
	object.Labels["apolo.us/secret"] = "adopted"
	object.Annotations = map[string]string{"apolo.us/data-key": dataKey}
	return object
}

// grant is what shares a secret with somebody.
func grant(key, uid string) []runtime.Object {
	name := "apolo:secret:" + key + ":read:" + uid
	return []runtime.Object{
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}},
	}
}

// user is a job that uses a secret and has not ended.
func user(name, key string) runtime.Object {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: key}}}},
	}}}}
}

func forbid(verb, resource string) func(*kubetest.Server) {
	return func(s *kubetest.Server) { s.Forbid(verb, resource) }
}

func TestWrongUsage(t *testing.T) {
	verbs().RunWrong(t, map[string]string{
		"nothing":                                `unknown command "nothing"`,
		"add":                                    "accepts 1 or 2 args (KEY [VALUE]), received 0",
		"add key":                                `the VALUE is missing, and there is no terminal to ask for it: use "-" or "@-" for standard input, "@path" for a file`,
		"add key two words":                      "accepts 1 or 2 args (KEY [VALUE]), received 3; a value with spaces needs quotes",
		"add 'a key' value":                      `"a key" can't be a key: use letters, digits, '_', '-' and '.', not "." alone and not ".." at the beginning`,
		"add key value --dry-run=no":             `invalid --dry-run "no": must be one of client, server`,
		"add key value -o table":                 `invalid output format "table": must be one of name, json, yaml, go-template, go-template-file, jsonpath, jsonpath-file, custom-columns, custom-columns-file`,
		"add key @":                              `"@" must be followed by the path of a file, or by "-" for standard input`,
		"add key value --nothing":                `unknown flag (argument 4); put a value that begins with "-" after "--"`,
		"get":                                    "accepts 1 arg (KEY), received 0",
		"get a b":                                "accepts 1 arg (KEY), received 2",
		"get secret:/team":                       `"secret:/team" is not complete: it must be secret:/NAMESPACE/KEY`,
		"ls key":                                 "ls takes no arguments; choose a namespace with -n",
		"ls -o x":                                `invalid output format "x": must be one of wide, name, json, yaml, go-template, go-template-file, jsonpath, jsonpath-file, custom-columns, custom-columns-file`,
		"describe":                               "accepts 1 arg (KEY), received 0",
		"describe a b":                           "accepts 1 arg (KEY), received 2",
		"expire key":                             "accepts 2 args (KEY END), received 1",
		"expire key soon":                        `"soon" is not an end: write a duration such as 8h or 30d, or a time such as 2026-12-31 or 2026-12-31T18:00`,
		"expire key 0":                           "a secret must last at least 1s",
		"expire .. 1h":                           `".." can't be a key: use letters, digits, '_', '-' and '.', not "." alone and not ".." at the beginning`,
		"add key value --expires soon":           `"soon" is not an end: write a duration such as 8h or 30d, or a time such as 2026-12-31 or 2026-12-31T18:00`,
		"rm":                                     "accepts at least 1 arg (KEY...), received 0",
		"rm key ..":                              `".." can't be a key: use letters, digits, '_', '-' and '.', not "." alone and not ".." at the beginning`,
		"rm key --timeout 1s":                    `--timeout is for --wait`,
		"rm key --wait --timeout no":             `--timeout "no" is not a time such as 30s or 5m`,
		"cp one":                                 "accepts 2 args (KEY KEY), received 1",
		"cp one two three":                       "accepts 2 args (KEY KEY), received 3",
		"cp one secret:":                         `"secret:": the key is empty`,
		"cp one one":                             "secret:one and secret:one are the same secret",
		"mv one":                                 "accepts 2 args (KEY KEY), received 1",
		"mv one secret:/default/one":             "secret:one and secret:/default/one are the same secret",
		"adopt":                                  "accepts 1 arg (NAME), received 0",
		"adopt one --dry-run=x":                  `invalid --dry-run "x": must be one of client, server`,
		"import":                                 "import needs --from-secret, --from-env-file, --from-dir, --from-file or --from-apolo",
		"import key":                             `import takes no arguments; specify a source: --from-secret, --from-env-file, --from-dir, --from-file or --from-apolo`,
		"import --from-secret Db":                `"Db" can't be the name of a Kubernetes Secret`,
		"import --from-secret db --prefix 'a b'": `--prefix "a b" can't begin a key: use letters, digits, '_', '-' and '.'`,
		"export":                                 "export needs --to-dir, --to-env-file, --to-secret or -o yaml",
		"export a secret:/team/a -o yaml":        `secret:a and secret:/team/a would both be "a"`,
		"export --to-dir -":                      "--to-dir needs a folder; --to-env-file - writes to standard output",
		"export --to-dir x --to-secret y":        "--to-dir, --to-env-file and --to-secret exclude each other",
		"export --to-dir x -o yaml":              "-o prints manifests, and goes with --to-secret only",
		"export --to-secret A":                   `"A" can't be the name of a Kubernetes Secret`,
		"edit":                                   "accepts 1 arg (KEY), received 0",
		"edit a b":                               "accepts 1 arg (KEY), received 2",
	})
}

func TestAdd(t *testing.T) {
	const created = "secret/key created (5 bytes)"
	stored := func(value string) []string { return []string{"secrets default/key key=" + value + " [true]"} }
	verbs().Run(t, []verbtest.Case{
		{Command: "add key value", Stdout: created, Stored: stored("value"), Requests: []string{"GET default/roles", "GET default/roles", "POST default/secrets"}},
		{Name: "flags anywhere", Command: "add -q key --overwrite value", Stored: stored("value")},
		{Name: "after --", Command: "add key -- -n", Stdout: "secret/key created (2 bytes)", Stored: stored("-n")},
		{Command: "add Key value", Stdout: "secret/Key created (5 bytes)", Stored: []string{"secrets default/" + secrets.ObjectName("Key") + " Key=value [true]"}},
		{Command: "add key ''", Stdout: "secret/key created (0 bytes)", Stored: stored("")},
		{Name: "typed", Command: "add key -", Stdin: "value\n", Stdout: created, Stored: stored("value")},
		{Name: "typed lines", Command: "add key -", Stdin: "a\nb\n", Stdout: "secret/key created (4 bytes)", Stored: stored("a\nb\n")},
		{Name: "as it is", Command: "add key @-", Stdin: "line\n", Stdout: created, Stored: stored("line\n")},
		{Command: "add key @file", Files: map[string]string{"file": "a\x00b\n\n"}, Stdout: created, Stored: stored("a\x00b\n\n")},
		{Command: `add key '\@alice'`, Stdout: "secret/key created (6 bytes)", Stored: stored("@alice")},
		{Name: "empty input", Command: "add key -", Code: 1, Requests: []string{},
			Stderr: "error: standard input: it is empty; the command that writes it may have failed; write '' for an empty value"},
		{Name: "no file", Command: "add key @none", Code: 1, Requests: []string{},
			Stderr: `error: cannot read the file of @: no such file or directory; a text that begins with "@" is written \@`},
		{Name: "too large", Command: "add key @-", Stdin: strings.Repeat("x", secrets.MaxValueSize+1), Code: 1, Requests: []string{},
			Stderr: "error: the value has more than 1048576 bytes, which is the largest possible"},
		{Name: "exists", Command: "add key new", Objects: []runtime.Object{own("key", "old")}, Code: 1,
			Stderr: "error: secret:key: already exists; --overwrite replaces its value"},
		{Name: "exists", Command: "add key new --overwrite", Objects: []runtime.Object{own("key", "old")}, Stdout: "secret/key replaced (3 bytes)", Stored: stored("new"),
			Requests: []string{"PATCH default/secrets/key"}},
		{Name: "does not exist", Command: "add key value --overwrite", Stdout: created, Stored: stored("value")},
		{Name: "of another tool", Command: "add key value --overwrite", Objects: []runtime.Object{foreign("key", nil)}, Code: 1,
			Stderr: "error: secret:key: taken by a Kubernetes Secret that Apolo did not make (key); choose another key, or 'secret adopt key'"},
		{Name: "adopted", Command: "add key value --overwrite", Objects: []runtime.Object{adopted("key", map[string]string{"k": "v"}, "k")}, Code: 1,
			Stderr: "error: secret:key: is adopted: its value belongs to vault; change it there"},
		{Name: "being deleted", Command: "add key value --overwrite", Objects: []runtime.Object{own("key", "old", beingDeleted)}, Code: 1,
			Stderr: "error: secret:key: is being deleted; held by finalizer example.com/hold"},
		{Name: "kubectl apply left the value", Command: "add key new --overwrite", Objects: []runtime.Object{own("key", "old", func(object metav1.Object) {
			object.SetAnnotations(map[string]string{"apolo.us/key": "key", "kubectl.kubernetes.io/last-applied-configuration": "old"})
		})}, Stdout: "secret/key replaced (3 bytes)", Stored: stored("new"), Check: func(t *testing.T, s *kubetest.Server) {
			if got := s.Object("secrets", "default", "key").GetAnnotations(); len(got) != 1 {
				t.Errorf("annotations %v", got)
			}
		}},
		{Name: "an old grant is left", Command: "add key value", Objects: grant("key", "0123abcd"), Stdout: created, Stored: stored("value")},
		{Command: "add key value --dry-run=client", Stdout: created + " (dry run)", Requests: []string{}},
		{Command: "add key value --dry-run=client -o yaml", Has: []string{"key: dmFsdWU=", "name: key"}, Requests: []string{}},
		{Command: "add key value --dry-run=server", Stdout: created + " (server dry run)"},
		{Name: "exists", Command: "add key value --dry-run=server", Objects: []runtime.Object{own("key", "old")}, Code: 1,
			Stderr: "error: secret:key: already exists; --overwrite replaces its value"},
		{Command: "add key value -o name", Stdout: "secret/key", Stored: stored("value")},
		{Command: "add key value -o jsonpath={.data}", Stored: stored("value")},
		{Command: "add key value -n team", Server: func(s *kubetest.Server) { s.AddNamespaces(t, "team") }, Stdout: created, Stored: []string{"secrets team/key key=value [true]"}},
		{Command: "add secret:/team/key value", Server: func(s *kubetest.Server) { s.AddNamespaces(t, "team") }, Stdout: created, Stored: []string{"secrets team/key key=value [true]"}},
		{Name: "no such namespace", Command: "add key value -n none", Code: 1, Stderr: `error: secret:key: namespace "none" does not exist; choose one with -n`},
		{Name: "no such cluster", Command: "add secret://other/team/key value", Code: 1, Requests: []string{},
			Stderr: `error: cluster "other": no context of the kubeconfig points to it (there are: c)`},
		{Name: "forbidden", Command: "add key value", Server: forbid("create", "secrets"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to create secrets in namespace "default"; ask an administrator for that right`},
		{Name: "warned", Command: "add key value", Server: func(s *kubetest.Server) { s.Warn("POST */secrets", "watch out") }, Stdout: created, Stored: stored("value"),
			Stderr: "warning: watch out"},
	})
}

func TestGet(t *testing.T) {
	key := []runtime.Object{own("key", "value"), own("other", "x", inTeam)}
	verbs().Run(t, []verbtest.Case{
		{Command: "get key", Objects: key, Stdout: "value", Requests: []string{"GET default/secrets/key"}},
		{Command: "get secret:key", Objects: key, Stdout: "value"},
		{Command: "get secret:/team/other", Objects: key, Stdout: "x"},
		{Command: "get other -n team", Objects: key, Stdout: "x"},
		{Command: "get secret://c/team/other", Objects: key, Stdout: "x"},
		{Command: "get key -f -", Objects: key, Stdout: "value"},
		{Command: "get key -f file", Objects: key, Stdout: "file written (5 bytes)", Check: func(t *testing.T, _ *kubetest.Server) {
			info, err := os.Stat("file")
			if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 5 {
				t.Errorf("%v %v", info, err)
			}
		}},
		{Command: "get none", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "of another tool", Command: "get key", Objects: []runtime.Object{foreign("key", nil)}, Code: 1,
			Stderr: "error: secret:key: taken by a Kubernetes Secret that Apolo did not make (key); choose another key, or 'secret adopt key'"},
		{Name: "adopted", Command: "get key", Objects: []runtime.Object{adopted("key", map[string]string{"k": "v", "l": "w"}, "l")}, Stdout: "w"},
		{Name: "without its value", Command: "get other", Objects: []runtime.Object{own("key", "x", func(object metav1.Object) {
			object.SetName("other")
			object.SetAnnotations(map[string]string{"apolo.us/key": "gone"})
		})}, Code: 1, Stderr: "error: secret:other: its Kubernetes Secret has lost the value; add it again with --overwrite"},
		{Name: "forbidden", Command: "get key", Server: forbid("get", "secrets"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to get secrets "key" in namespace "default"; ask an administrator for that right`},
	})
}

func TestLs(t *testing.T) {
	all := []runtime.Object{own("two", "x"), own("One", "x"), own("three", "x", inTeam), foreign("not", nil), user("job", "two")}
	verbs().Run(t, []verbtest.Case{
		{Command: "ls", Objects: all, Table: []string{"KEY", "One", "two"}, Requests: []string{"GET default/secrets"}},
		{Command: "ls -q", Objects: all, Stdout: "One\ntwo"},
		{Command: "list -n team", Objects: all, Table: []string{"KEY", "three"}},
		{Command: "ls -o name", Objects: all, Stdout: "secret/" + secrets.ObjectName("One") + "\nsecret/two"},
		{Command: "ls -A", Objects: all, Table: []string{"NAMESPACE KEY", "default One", "default two", "team three"}},
		{Command: "ls -A -q", Objects: all, Stdout: "secret:/default/One\nsecret:/default/two\nsecret:/team/three"},
		{Command: "ls --full-uri", Objects: all, Table: []string{"KEY", "secret://c/default/One", "secret://c/default/two"}},
		{Command: "ls -o jsonpath='{.items[*].key}'", Objects: all, Stdout: "One two"},
		{Command: "ls -o wide", Objects: all, Has: []string{"USED BY", "two", "job/job"}},
		{Name: "adopted", Command: "ls -o wide", Objects: []runtime.Object{adopted("key", map[string]string{"k": "v"}, "k")}, Has: []string{"key (k, of vault)"}},
		{Command: "ls", Table: []string{"KEY"}},
		{Command: "ls -n none", Code: 1, Stderr: `error: namespace "none" does not exist; choose one with -n`},
		{Name: "named in a Role", Command: "ls -q", Objects: all, Stdout: "two", Server: func(s *kubetest.Server) {
			s.Forbid("list", "secrets")
			s.SetRules(authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{
				{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"two", "not", "gone"}},
			}})
		}},
		{Name: "forbidden", Command: "ls -A", Server: forbid("list", "secrets"), Code: 1,
			Stderr: "error: forbidden: you lack permission to list secrets in all namespaces; ask an administrator for that right"},
	})
}

func TestRm(t *testing.T) {
	key := own("key", "value")
	verbs().Run(t, []verbtest.Case{
		{Command: "rm key", Objects: []runtime.Object{key, own("other", "x")}, Stdout: "secret/key deleted", Stored: []string{"secrets default/other other=x [true]"}},
		{Command: "rm a b", Objects: []runtime.Object{own("a", "x"), own("b", "x")}, Stdout: "secret/a deleted\nsecret/b deleted", Stored: []string{}},
		{Name: "one is missing", Command: "rm none key", Objects: []runtime.Object{key}, Code: 1, Stdout: "secret/key deleted", Stored: []string{},
			Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Command: "rm none key --ignore-not-found -q", Objects: []runtime.Object{key}, Stored: []string{}},
		{Name: "shared", Command: "rm key", Objects: append(grant("key", "0123abcd"), key), Stdout: "secret/key deleted", Stored: []string{}},
		{Name: "used", Command: "rm key", Objects: []runtime.Object{key, user("train", "key")}, Stdout: "secret/key deleted", Stored: []string{},
			Stderr: "warning: secret:key is used by job/train (pending)"},
		{Name: "used", Command: "rm key --if-unused", Objects: []runtime.Object{key, user("train", "key")}, Code: 1,
			Stderr: "error: secret:key: used by job/train (pending), so it stays"},
		{Name: "who uses it is unknown", Command: "rm key --if-unused", Objects: []runtime.Object{key}, Server: forbid("list", "deployments"), Code: 1,
			Stderr: `error: secret:key: whether something uses it is unknown, so it stays: forbidden: you lack permission to list deployments in namespace "default"; ask an administrator for that right`},
		{Name: "held", Command: "rm key", Objects: []runtime.Object{own("key", "value", held)}, Code: 1, Stored: []string{"secrets default/key key=value [true] (being deleted)"},
			Stderr: `error: secret:key: is being deleted; held by finalizer example.com/hold; until it is gone, anyone who can read secrets in namespace "default" can read its value; --wait waits for that`},
		{Name: "held", Command: "rm key --wait --timeout 10ms", Objects: []runtime.Object{own("key", "value", held)}, Code: 1, Stored: []string{"secrets default/key key=value [true] (being deleted)"},
			Stderr: `error: secret:key: is being deleted; held by finalizer example.com/hold; until it is gone, anyone who can read secrets in namespace "default" can read its value; waited 10ms`},
		{Name: "adopted", Command: "rm key", Objects: []runtime.Object{adopted("key", map[string]string{"k": "v"}, "k")}, Stored: []string{"secrets default/key k=v [<nil>]"},
			Stdout: "secret/key released (its Kubernetes Secret stays with vault)"},
		{Name: "of another tool", Command: "rm key", Objects: []runtime.Object{foreign("key", nil)}, Code: 1,
			Stderr: "error: secret:key: taken by a Kubernetes Secret that Apolo did not make (key); choose another key, or 'secret adopt key'"},
		{Name: "forbidden", Command: "rm key", Objects: []runtime.Object{key}, Server: forbid("*", "secrets"), Code: 1,
			Stderr: `error: secret:key: forbidden: you lack permission to get secrets "key" in namespace "default"; ask an administrator for that right`},
	})
}

func TestCpAndMv(t *testing.T) {
	one := own("one", "value")
	stored := func(names ...string) (lines []string) {
		for _, name := range names {
			lines = append(lines, "secrets default/"+name+" "+name+"=value [true]")
		}
		return lines
	}
	verbs().Run(t, []verbtest.Case{
		{Command: "cp one two", Objects: []runtime.Object{one}, Stdout: "secret/one copied to secret:two", Stored: stored("one", "two")},
		{Command: "cp one secret:/team/one", Objects: []runtime.Object{one, own("x", "x", inTeam)}, Stdout: "secret/one copied to secret:/team/one",
			Stored: append(stored("one"), "secrets team/one one=value [true]", "secrets team/x x=x [true]")},
		{Command: "cp one two -o name", Objects: []runtime.Object{one}, Stdout: "secret/two", Stored: stored("one", "two")},
		{Command: "cp none two", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Command: "cp one two", Name: "exists", Objects: []runtime.Object{one, own("two", "other")}, Code: 1, Stderr: "error: secret:two: already exists; --overwrite replaces its value"},
		{Command: "cp one two --overwrite -q", Objects: []runtime.Object{one, own("two", "other")}, Stored: stored("one", "two")},
		{Command: "cp key two", Name: "adopted", Objects: []runtime.Object{adopted("key", map[string]string{"k": "value"}, "k")}, Stdout: "secret/key copied to secret:two",
			Stored: append(stored("two"), "secrets default/key k=value [adopted]")},
		{Command: "mv one two", Objects: []runtime.Object{one}, Stdout: "secret/one moved to secret:two", Stored: stored("two")},
		{Command: "mv one two", Name: "exists", Objects: []runtime.Object{one, own("two", "other")}, Code: 1, Stderr: "error: secret:two: already exists; --overwrite replaces its value"},
		{Command: "mv one two", Name: "shared and used", Objects: append(grant("one", "0123abcd"), one, user("train", "one")), Stdout: "secret/one moved to secret:two", Stored: stored("two"),
			Stderr: "warning: who was granted secret:one has no access to secret:two: grant it again\nwarning: secret:one is used by job/train (pending)"},
		{Command: "mv one two", Name: "held", Objects: []runtime.Object{own("one", "value", held)}, Code: 1,
			Stored: []string{"secrets default/one one=value [true] (being deleted)", "secrets default/two two=value [true]"},
			Stderr: `error: secret:two has the value now, but the old one stays: secret:one: is being deleted; held by finalizer example.com/hold; until it is gone, anyone who can read secrets in namespace "default" can read its value`},
		{Command: "mv one two", Name: "being deleted", Objects: []runtime.Object{own("one", "value", beingDeleted)}, Code: 1,
			Stderr: "error: secret:one: is being deleted; held by finalizer example.com/hold; copy it with cp"},
		{Command: "mv key two", Name: "adopted", Objects: []runtime.Object{adopted("key", map[string]string{"k": "value"}, "k")}, Code: 1,
			Stderr: "error: secret:key: is adopted: it belongs to vault, and stays; copy it with cp"},
		{Command: "mv one two", Name: "may not delete", Objects: []runtime.Object{one}, Server: forbid("delete", "secrets"), Code: 1, Stored: stored("one", "two"),
			Stderr: `error: secret:two has the value now, but the old one stays: secret:one: forbidden: you lack permission to delete secrets "one" in namespace "default"; ask an administrator for that right`},
	})
}

func TestAdopt(t *testing.T) {
	two := map[string]string{"user": "alice", "password": "x"}
	verbs().Run(t, []verbtest.Case{
		{Command: "adopt db", Objects: []runtime.Object{foreign("db", map[string]string{"k": "v"})}, Stdout: "secret/db adopted (data key k, of vault)",
			Stored: []string{"secrets default/db k=v [adopted]"}},
		{Command: "adopt db --data-key user", Objects: []runtime.Object{foreign("db", two)}, Stdout: "secret/db adopted (data key user, of vault)",
			Stored: []string{"secrets default/db password=x user=alice [adopted]"}},
		{Name: "again", Command: "adopt db", Objects: []runtime.Object{adopted("db", two, "user")}, Stdout: "secret/db unchanged (data key user, of vault)"},
		{Name: "another data key", Command: "adopt db --data-key password -q", Objects: []runtime.Object{adopted("db", two, "user")}, Check: func(t *testing.T, s *kubetest.Server) {
			if got := s.Object("secrets", "default", "db").GetAnnotations()["apolo.us/data-key"]; got != "password" {
				t.Errorf("the data key is %q", got)
			}
		}},
		{Name: "which", Command: "adopt db", Objects: []runtime.Object{foreign("db", two)}, Code: 2,
			Stderr: "error: the Kubernetes Secret db does not have one data key: there are password, user; choose with --data-key; see 'kubectl apolo secret adopt --help'"},
		{Command: "adopt db --data-key x", Objects: []runtime.Object{foreign("db", two)}, Code: 2,
			Stderr: `error: the Kubernetes Secret db has no data key "x": there are password, user; choose with --data-key; see 'kubectl apolo secret adopt --help'`},
		{Name: "empty", Command: "adopt db", Objects: []runtime.Object{foreign("db", nil)}, Code: 1, Stderr: "error: the Kubernetes Secret db does not have one data key: it has none"},
		{Command: "adopt db --dry-run=server", Objects: []runtime.Object{foreign("db", map[string]string{"k": "v"})}, Stdout: "secret/db adopted (data key k, of vault) (server dry run)"},
		{Command: "adopt none", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "its own", Command: "adopt key", Objects: []runtime.Object{own("key", "x")}, Code: 1, Stderr: "error: secret:key: already exists, and is Apolo's own"},
	})
}

func TestImportVerb(t *testing.T) {
	db := foreign("db", map[string]string{"user": "alice", "password": "x"})
	verbs().Run(t, []verbtest.Case{
		{Command: "import --from-secret db --prefix db-", Objects: []runtime.Object{db}, Stdout: "secret/db-password created (1 byte)\nsecret/db-user created (5 bytes)",
			Stored: []string{"secrets default/db password=x user=alice [<nil>]", "secrets default/db-password db-password=x [true]", "secrets default/db-user db-user=alice [true]"}},
		{Command: "import --from-secret db --key user -o name", Objects: []runtime.Object{db}, Stdout: "secret/user",
			Stored: []string{"secrets default/db password=x user=alice [<nil>]", "secrets default/user user=alice [true]"}},
		{Command: "import --from-secret db --key none", Objects: []runtime.Object{db}, Code: 1, Stderr: "error: the key \"none\" of --key was not found\nerror: nothing was imported"},
		{Command: "import --from-secret none", Code: 1, Stderr: "error: the Kubernetes Secret none: does not exist in namespace \"default\"\nerror: nothing was imported"},
		{Command: "import --from-env-file env", Files: map[string]string{"env": "# c\nA=1\n\nB=x y\n"}, Stdout: "secret/A created (1 byte)\nsecret/B created (3 bytes)",
			Stored: []string{"secrets default/" + secrets.ObjectName("A") + " A=1 [true]", "secrets default/" + secrets.ObjectName("B") + " B=x y [true]"}},
		{Command: "import --from-env-file - -q", Stdin: "a=1\n", Stored: []string{"secrets default/a a=1 [true]"}},
		{Name: "wrong line", Command: "import --from-env-file env", Files: map[string]string{"env": "a=1\n=2\n"}, Code: 1, Requests: []string{},
			Stderr: "error: env: line 2: invalid name of a variable: use printable ASCII characters other than '='\nerror: nothing was imported"},
		{Command: "import --from-file k=file --from-file other", Files: map[string]string{"file": "1", "other": "2"}, Stdout: "secret/k created (1 byte)\nsecret/other created (1 byte)",
			Stored: []string{"secrets default/k k=1 [true]", "secrets default/other other=2 [true]"}},
		{Name: "the same", Command: "import --from-file key", Files: map[string]string{"key": "x"}, Objects: []runtime.Object{own("key", "x")}, Stdout: "secret/key unchanged (1 byte)"},
		{Name: "another value", Command: "import --from-file key --from-file new", Files: map[string]string{"key": "y", "new": "z"}, Objects: []runtime.Object{own("key", "x")}, Code: 1,
			Stderr: "error: secret:key: already exists with another value; --overwrite replaces it\nerror: nothing was imported"},
		{Command: "import --from-file key --overwrite", Files: map[string]string{"key": "y"}, Objects: []runtime.Object{own("key", "x")}, Stdout: "secret/key replaced (1 byte)",
			Stored: []string{"secrets default/key key=y [true]"}},
		{Command: "import --from-file key --dry-run=client", Files: map[string]string{"key": "y"}, Stdout: "secret/key created (1 byte) (dry run)"},
		{Name: "twice", Command: "import --from-file k=file --from-file k=file", Files: map[string]string{"file": "1"}, Code: 1, Requests: []string{},
			Stderr: "error: file: the key \"k\" was found before, in file\nerror: nothing was imported"},
		{Name: "of another tool", Command: "import --from-file db --overwrite", Files: map[string]string{"db": "y"}, Objects: []runtime.Object{db}, Code: 1,
			Stderr: "error: secret:db: taken by a Kubernetes Secret that Apolo did not make (db); choose another key, or 'secret adopt db'\nerror: nothing was imported"},
	})
}

func TestExportVerb(t *testing.T) {
	both := []runtime.Object{own("a", "1"), own("b", "x y")}
	wantFile := func(name, want string) func(*testing.T, *kubetest.Server) {
		return func(t *testing.T, _ *kubetest.Server) {
			if got, err := os.ReadFile(name); string(got) != want {
				t.Errorf("%q %v", got, err)
			}
		}
	}
	verbs().Run(t, []verbtest.Case{
		{Command: "export --to-env-file -", Objects: both, Stdout: "a=1\nb=x y"},
		{Command: "export b --to-env-file -", Objects: both, Stdout: "b=x y"},
		{Command: "export --to-env-file env", Objects: both, Stdout: "env written (2 secrets, 10 bytes)", Check: wantFile("env", "a=1\nb=x y\n")},
		{Name: "exists", Command: "export --to-env-file env", Objects: both, Files: map[string]string{"env": "x"}, Code: 1, Requests: []string{}, Stderr: "error: env already exists; --overwrite replaces it", Check: wantFile("env", "x")},
		{Command: "export a --to-dir keys", Objects: both, Stdout: "keys written (1 secret, 1 byte)", Check: wantFile("keys/a", "1")},
		{Command: "export --to-secret db", Objects: both, Has: []string{"kind: Secret", "name: db", "a: MQ==", "b: eCB5"}},
		{Command: "export a -o jsonpath='{.items[*].data}'", Objects: both, Stdout: `{"a":"MQ=="}`},
		{Command: "export none --to-env-file -", Objects: both, Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "none", Command: "export -o yaml", Code: 1, Stderr: "error: there are no secrets to export; 'apolo secret ls' lists them"},
		{Name: "lines", Command: "export --to-env-file -", Objects: []runtime.Object{own("a", "1\n2")}, Code: 1,
			Stderr: "error: secret:a can't be in a file of variables: the value has several lines\nerror: nothing was written; --to-dir takes every key and value"},
	})
}

func TestEditVerb(t *testing.T) {
	edit := func(script string) func(*kubetest.Server) {
		return func(*kubetest.Server) {
			t.Setenv("KUBE_EDITOR", "sh -c '"+script+"' sh")
		}
	}
	key := []runtime.Object{own("key", "value")}
	verbs().Run(t, []verbtest.Case{
		{Name: "changed", Command: "edit key", Objects: key, Server: edit(`echo new >"$1"`), Stdout: "secret/key edited (3 bytes)", Stored: []string{"secrets default/key key=new [true]"}},
		{Name: "not changed", Command: "edit key", Objects: key, Server: edit(`true "$1"`), Stdout: "Edit cancelled, no changes made."},
		{Name: "emptied", Command: "edit key", Objects: key, Server: edit(`: >"$1"`), Stdout: "Edit cancelled, the saved file was empty."},
		{Name: "the editor fails", Command: "edit key", Objects: key, Server: edit("exit 3"), Code: 1, Stderr: "error: the editor sh ended with exit status 3; nothing was changed"},
		{Name: "not text", Command: "edit key", Objects: []runtime.Object{own("key", "a\x00b")}, Server: edit("true"), Code: 1, Stderr: "error: secret:key: the value (3 bytes) is not text, which an editor would change; use get -f FILE and add @FILE --overwrite"},
		{Name: "adopted", Command: "edit key", Objects: []runtime.Object{adopted("key", map[string]string{"k": "v"}, "k")}, Server: edit("true"), Code: 1, Stderr: "error: secret:key: is adopted: its value belongs to vault; change it there"},
		{Name: "missing", Command: "edit key", Server: edit("true"), Code: 1, Stderr: `error: secret:key: does not exist in namespace "default"`},
	})
}
