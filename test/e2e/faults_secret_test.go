package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// wantSecret checks that the key has exactly one of the values, in a whole Secret; with nil that
// there is no Secret.
func (a *attempt) wantSecret(value []byte) {
	a.Helper()
	found := a.find(a, secretResource, a.namespace, a.key)
	if (found != nil) != (value != nil) {
		a.Errorf("the Secret exists: %v, and the requests were\n%s", found != nil, strings.Join(a.proxy.requests(), "\n"))
	}
	if found == nil || value == nil {
		return
	}
	secret := as[corev1.Secret](a, found)
	switch {
	case secret.Labels[wellknown.LabelSecret] != wellknown.LabelTrue, len(secret.Labels) != 1:
		a.Errorf("labels %v", secret.Labels)
	case secret.Annotations[wellknown.AnnotationKey] != a.key, len(secret.Annotations) != 1:
		a.Errorf("annotations %v", secret.Annotations)
	case secret.Type != corev1.SecretTypeOpaque:
		a.Errorf("type %s", secret.Type)
	case len(secret.Data) != 1, !bytes.Equal(secret.Data[a.key], value):
		a.Errorf("holds %d keys, and %d bytes that are not the value's %d", len(secret.Data), len(secret.Data[a.key]), len(value))
	}
}

// addKey prepares a secret with the old value.
func addKey(a *attempt) {
	a.Helper()
	a.addValue(a.oldValue)
}

func (a *attempt) addValue(value []byte) {
	a.Helper()
	a.add(a, a.key, value)
	found, err := a.store.Lookup(a.Context(), a.key)
	if err != nil {
		a.Fatal(err)
	}
	a.uid = string(found.UID)[:8]
	a.Cleanup(func() { // and with it the grants, or every listing of them gets longer
		err := a.admin.Resource(secretResource).Namespace(a.namespace).Delete(context.Background(), a.key, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			a.Error(err)
		}
	})
}

// shareKey prepares a secret that bob has.
func shareKey(level grants.Level) func(*attempt) {
	return func(a *attempt) {
		a.Helper()
		addKey(a)
		if _, err := a.granter.Grant(a.Context(), a.key, bob, level); err != nil {
			a.Fatal(err)
		}
	}
}

var bob = grants.Grantee{Kind: "User", Name: "bob"}

func checkAdded(a *attempt) {
	if a.sent("POST NS/secrets") > 0 {
		a.wantSecret(a.newValue)
	} else {
		a.wantSecret(nil)
	}
}

func addAgain(a *attempt) {
	switch added := a.sent("POST NS/secrets") > 0; {
	case added && !strings.Contains(a.command, "--overwrite"):
		a.fails(a.command, "already exists")
		a.succeeds(a.command+" --overwrite", "secret/KEY replaced")
	case added:
		a.succeeds(a.command, "secret/KEY replaced")
	default:
		a.succeeds(a.command, "secret/KEY created")
	}
	a.wantSecret(a.newValue)
}

// staleGrant is what is left of the grant for a Secret that was removed by other means, after somebody
// stripped its ownerReferences.
const staleGrant = "apolo:secret:KEY:read:0123abcd"

func prepareStaleGrant(a *attempt) {
	a.uid = "0123abcd"
	labels := `"labels": {"apolo.us/grant": "true", "apolo.us/object": ` + quoted(wellknown.Hash(a.key)) + `}`
	a.create(roleResource, `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "`+staleGrant+`", `+labels+`},
		"rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["KEY"], "verbs": ["get"]}]}`)
	a.create(bindingResource, `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "`+staleGrant+`", `+labels+`},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "`+staleGrant+`"},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}]}`)
}

// deleteRole and deleteBinding are the requests that end a level of access to the attempt's secret.
func deleteRole(level grants.Level) string {
	return "DELETE NS/roles/apolo:secret:KEY:" + string(level) + ":UID"
}

func deleteBinding(level grants.Level) string {
	return "DELETE NS/rolebindings/apolo:secret:KEY:" + string(level) + ":UID"
}

// removal is what secret rm sends for a secret that is shared with these levels.
func removal(levels ...grants.Level) []string {
	requests := []string{"USERS", "GET NS/roles", "GET NS/roles"}
	for _, level := range levels {
		requests = append(requests, deleteRole(level), deleteBinding(level))
	}
	return withUsers(append(requests, "DELETE NS/secrets")...)
}

// keptText is where edit says that it leaves what could not be stored.
var keptText = regexp.MustCompile(`your text is kept: '.* @(/\S+) `)

func faultsOfSecret(t *testing.T, o *observed) {
	testFaults(t, newFixture(t), o, slices.Concat(endings, answers), []faultCase{
		{
			name:     "secret add",
			command:  "kubectl-apolo_secret add KEY @NEW",
			requests: []string{"GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			check:    checkAdded,
			again:    addAgain,
		},
		{
			name:     "secret add --overwrite, of a new key",
			command:  "kubectl-apolo_secret add KEY @NEW --overwrite",
			requests: []string{"PATCH NS/secrets/KEY", "GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			check:    checkAdded,
			again:    addAgain,
		},
		{
			name:    "secret add, where an old grant is left",
			command: "kubectl-apolo_secret add KEY @NEW",
			requests: []string{
				"GET NS/roles", "GET NS/roles", "GET NS/secrets/KEY", deleteRole("read"), deleteBinding("read"), "POST NS/secrets",
			},
			prepare: prepareStaleGrant,
			check: func(a *attempt) {
				checkAdded(a)
				left := a.find(a, roleResource, a.namespace, a.text(staleGrant)) != nil
				if left == (a.sent(deleteRole("read")) > 0) {
					a.Errorf("the old Role is there: %v", left)
				}
				if left && a.find(a, secretResource, a.namespace, a.key) != nil {
					a.Error("the new secret can be read by whom the old one was shared with")
				}
			},
			again: func(a *attempt) {
				addAgain(a)
				eventually(a, "bob can't read it", func() bool { return !a.may(a, "bob", "get", secretResource, a.key) })
			},
		},
		{
			name:     "secret add --overwrite",
			command:  "kubectl-apolo_secret add KEY @NEW --overwrite",
			requests: []string{"PATCH NS/secrets/KEY"},
			prepare:  shareKey(grants.Read),
			check: func(a *attempt) {
				if a.sent("PATCH NS/secrets/KEY") > 0 {
					a.wantSecret(a.newValue)
				} else {
					a.wantSecret(a.oldValue)
				}
				a.wantAccess("read")
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "secret/KEY replaced")
				a.wantSecret(a.newValue)
			},
		},
		{
			name:     "secret rm",
			command:  "kubectl-apolo_secret rm KEY",
			requests: removal(grants.Levels()...),
			prepare:  shareKey(grants.Manage),
			check: func(a *attempt) {
				if a.sent("DELETE NS/secrets") > 0 {
					a.wantSecret(nil)
				} else {
					a.wantSecret(a.oldValue)
				}
				ended := 0
				for _, level := range grants.Levels() {
					ended += a.sent(deleteRole(level))
				}
				switch ended { // in between bob has what the Roles that are left give
				case 0:
					a.wantAccess("manage")
				case len(grants.Levels()):
					a.wantAccess("none")
				}
			},
			again: func(a *attempt) {
				if a.sent("DELETE NS/secrets") > 0 {
					a.fails(a.command, "does not exist")
					a.succeeds(a.command+" --ignore-not-found", "")
				} else {
					a.succeeds(a.command, "secret/KEY deleted")
				}
				a.wantSecret(nil)
				// Where the first call came as far as the Roles, the garbage collector takes the bindings.
				eventually(a, "its grants are gone", func() bool {
					left := a.grants()
					return len(left.roles)+len(left.bindings) == 0
				})
			},
		},
		{
			name:     "secret rm, and then not rm again",
			row:      "secret rm",
			command:  "kubectl-apolo_secret rm KEY",
			requests: removal(grants.Read),
			prepare:  shareKey(grants.Read),
			check: func(a *attempt) {
				if a.sent(deleteRole("read")) > 0 {
					a.wantAccess("none")
				} else {
					a.wantAccess("read")
				}
			},
			again: func(a *attempt) {
				if a.sent("DELETE NS/secrets") > 0 {
					a.fails("kubectl-apolo_acl grant secret:KEY bob read", "does not exist")
					return
				}
				a.succeeds("kubectl-apolo_acl grant secret:KEY bob read", "secret/KEY ")
				a.wantAccess("read")
			},
		},
		{
			name:     "secret get -f",
			command:  "kubectl-apolo_secret get KEY -f FILE",
			requests: []string{"GET NS/secrets/KEY"},
			prepare:  addKey,
			check: func(a *attempt) {
				want := 0
				if a.ended.code == 0 {
					want = 1
				}
				if files := a.files(); len(files) != want {
					a.Errorf("the files are %q", files)
				} else if want == 1 {
					wantFile(a, filepath.Join(a.folder, "file"), a.oldValue)
				}
				a.wantSecret(a.oldValue)
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "written")
				wantFile(a, filepath.Join(a.folder, "file"), a.oldValue)
				if files := a.files(); len(files) != 1 {
					a.Errorf("the files are %q", files)
				}
			},
		},
		{
			name:     "secret get",
			command:  "kubectl-apolo_secret get KEY",
			requests: []string{"GET NS/secrets/KEY"},
			prepare:  addKey,
			check:    checkShown,
			again: func(a *attempt) {
				a.ended = a.run(a.command)
				if a.ended.code != 0 {
					a.Errorf("again: code %d: %s", a.ended.code, a.ended.stderr)
				}
				checkShown(a)
			},
		},
		{
			name:     "secret ls",
			command:  "kubectl-apolo_secret ls",
			requests: []string{"GET NS/secrets"},
			check:    shownOnlyIf("bystander"),
			again:    shows("bystander"),
		},
		{
			name:     "secret ls -o wide",
			command:  "kubectl-apolo_secret ls -o wide",
			requests: withUsers("GET NS/secrets"),
			check:    shownOnlyIf("bystander"),
			again:    shows("bystander"),
		},
		{
			name:     "secret cp",
			command:  "kubectl-apolo_secret cp " + bystander + " KEY",
			requests: []string{"GET NS/secrets/" + bystander, "GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			check:    checkCopied,
			again: func(a *attempt) {
				if a.sent("POST NS/secrets") > 0 {
					a.fails(a.command, "already exists")
					a.succeeds(a.command+" --overwrite", "copied to secret:KEY")
				} else {
					a.succeeds(a.command, "copied to secret:KEY")
				}
				a.wantSecret(a.oldValue)
			},
		},
		{
			name:    "secret mv",
			command: "kubectl-apolo_secret mv KEY-from KEY",
			requests: withUsers(
				"GET NS/secrets/KEY-from", "GET NS/roles", "GET NS/roles", "POST NS/secrets", "GET NS/roles", "GET NS/roles", "USERS",
				"DELETE NS/secrets/KEY-from",
			),
			prepare: func(a *attempt) { a.add(a, a.key+"-from", a.oldValue) },
			check: func(a *attempt) {
				checkCopied(a)
				left := a.find(a, secretResource, a.namespace, a.key+"-from") != nil
				if left != (a.sent("DELETE NS/secrets/KEY-from") == 0) {
					a.Errorf("the old one is left: %v", left)
				}
				if !left && strings.Contains(a.ended.stderr, "but the old one stays") {
					a.Errorf("the old one is gone: %s", a.ended)
				}
			},
			again: func(a *attempt) {
				switch copied, removed := a.sent("POST NS/secrets") > 0, a.sent("DELETE NS/secrets/KEY-from") > 0; {
				case removed:
					a.fails(a.command, "does not exist")
				case copied:
					a.fails(a.command, "already exists")
					a.succeeds(a.command+" --overwrite", "moved to secret:KEY")
				default:
					a.succeeds(a.command, "moved to secret:KEY")
				}
				a.wantSecret(a.oldValue)
				if a.find(a, secretResource, a.namespace, a.key+"-from") != nil {
					a.Error("the old one is left")
				}
			},
		},
		{
			name:     "secret adopt",
			command:  "kubectl-apolo_secret adopt KEY",
			requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", "PATCH NS/secrets/KEY"},
			prepare: func(a *attempt) {
				a.create(secretResource, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "KEY"}, "data": {"password": "c2VjcmV0"}}`)
			},
			check: func(a *attempt) {
				mark := a.find(a, secretResource, a.namespace, a.key).GetLabels()[wellknown.LabelSecret]
				if adopted := mark == wellknown.LabelAdopted; adopted != (a.sent("PATCH NS/secrets/KEY") > 0) {
					a.Errorf("its label is %q", mark)
				}
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "secret/KEY ")
				if got := a.run("kubectl-apolo_secret get KEY"); got.stdout != "secret" {
					a.Errorf("it holds %s", got)
				}
			},
		},
		{
			name:     "secret import",
			command:  "kubectl-apolo_secret import --from-file KEY=NEW",
			requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			check:    checkAdded,
			again: func(a *attempt) {
				if a.sent("POST NS/secrets") > 0 {
					a.succeeds(a.command, "secret/KEY unchanged")
				} else {
					a.succeeds(a.command, "secret/KEY created")
				}
				a.wantSecret(a.newValue)
			},
		},
		{
			name:     "secret export",
			command:  "kubectl-apolo_secret export KEY --to-dir FILE",
			requests: []string{"GET NS/secrets/KEY"},
			prepare:  addKey,
			check: func(a *attempt) {
				if exported := filepath.Join(a.folder, "file", a.key); a.ended.code == 0 {
					wantFile(a, exported, a.oldValue)
				} else if files := a.files(); len(files) > 0 {
					a.Errorf("the files are %q", files)
				}
			},
			again: func(a *attempt) {
				a.succeeds(a.command+" --overwrite", "")
				wantFile(a, filepath.Join(a.folder, "file", a.key), a.oldValue)
			},
		},
		{
			name:     "secret edit",
			command:  "kubectl-apolo_secret edit KEY",
			requests: []string{"GET NS/secrets/KEY", "PATCH NS/secrets/KEY"},
			prepare: func(a *attempt) {
				a.addValue([]byte("the old text"))
				memory, err := os.MkdirTemp("/dev/shm", "apolo-test-")
				if err != nil {
					a.Fatal(err)
				}
				a.Cleanup(func() { os.RemoveAll(memory) })
				a.proxy.env = []string{"KUBE_EDITOR=sed -i s/old/new/", "XDG_RUNTIME_DIR=" + memory}
			},
			check: func(a *attempt) {
				if a.sent("PATCH NS/secrets/KEY") > 0 {
					a.wantSecret([]byte("the new text"))
				} else {
					a.wantSecret([]byte("the old text"))
				}
				left, err := filepath.Glob(strings.TrimPrefix(a.proxy.env[1], "XDG_RUNTIME_DIR=") + "/*")
				switch kept := keptText.FindStringSubmatch(a.ended.stderr); {
				case err != nil:
					a.Error(err)
				case a.ended.code == -1: // killed, it could not remove anything
				case kept != nil:
					wantFile(a, kept[1], []byte("the new text"))
				case len(left) > 0:
					a.Errorf("it leaves %q: %s", left, a.ended)
				case a.ended.code == 1 && strings.HasSuffix(a.Name(), "_2"): // the request that stores it
					a.Errorf("what was typed is lost: %s", a.ended)
				}
			},
			again: func(a *attempt) {
				a.succeeds(a.command, "") // perhaps there is nothing to change any more
				a.wantSecret([]byte("the new text"))
			},
		},
		{
			name:     "completion",
			command:  "kubectl-apolo_secret __complete get bystand",
			requests: []string{"GET NS/secrets"},
			silent:   true,
			check: func(a *attempt) {
				if strings.Contains(a.ended.stdout, "rror") || a.proxy.fault.kind == never && !strings.Contains(a.ended.stdout, bystander) {
					a.Errorf("completion: %s", a.ended)
				}
			},
			again: func(*attempt) {}, // each TAB is a new one
		},
	})
}

// checkShown checks that standard output has the whole value or nothing.
func checkShown(a *attempt) {
	a.Helper()
	switch {
	case a.ended.code == 0 && a.ended.stdout != string(a.oldValue):
		a.Errorf("%d bytes were shown, and not the value's", len(a.ended.stdout))
	case a.ended.code != 0 && a.ended.stdout != "":
		a.Errorf("it failed, and %d bytes were shown", len(a.ended.stdout))
	}
}

func checkCopied(a *attempt) {
	a.Helper()
	if a.sent("POST NS/secrets") > 0 {
		a.wantSecret(a.oldValue)
	} else {
		a.wantSecret(nil)
	}
}

// shownOnlyIf checks that a list is not taken for whole where it is not.
func shownOnlyIf(text string) func(*attempt) {
	return func(a *attempt) {
		a.Helper()
		if a.ended.code == 0 && !strings.Contains(a.ended.stdout, a.text(text)) {
			a.Errorf("it says that it worked: %s", a.ended)
		}
		if a.ended.code != 0 && a.ended.stdout != "" {
			a.Errorf("it failed, and printed:\n%s", a.ended.stdout)
		}
	}
}

// shows runs a command again that changes nothing.
func shows(text string) func(*attempt) {
	return func(a *attempt) {
		a.Helper()
		a.succeeds(a.command, text)
	}
}

// files are the names in the attempt's own folder.
func (a *attempt) files() (names []string) {
	a.Helper()
	entries, err := os.ReadDir(a.folder)
	if err != nil {
		a.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func wantFile(t testing.TB, path string, value []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, value) || info.Mode() != 0o600 {
		t.Errorf("%s: mode %s, %d bytes, and %d are the value's", path, info.Mode(), len(got), len(value))
	}
}

// TestKillWhileAFileIsWritten kills secret get -f where no request is under way: as soon as the
// system reports a step of it in the folder.
func TestKillWhileAFileIsWritten(t *testing.T) {
	long(t)
	t.Parallel()
	p := newFixture(t)
	p.add(t, "file", p.newValue)
	left := 0
	for _, step := range []struct {
		name  string
		event uint32
	}{{"create", unix.IN_CREATE}, {"write", unix.IN_MODIFY}, {"close", unix.IN_CLOSE_WRITE}, {"rename", unix.IN_MOVED_TO}} {
		for _, before := range [][]byte{nil, p.oldValue} {
			folder := t.TempDir()
			path := filepath.Join(folder, "file")
			if before != nil {
				if err := os.WriteFile(path, before, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			killed := killAt(t, p, folder, step.event, "kubectl-apolo_secret", "get", "file", "-f", path)
			entries, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			temporary := 0
			for _, entry := range entries {
				info, err := entry.Info()
				if err != nil {
					t.Fatal(err)
				}
				if entry.Name() == "file" {
					continue
				}
				temporary++
				if !strings.HasPrefix(entry.Name(), ".apolo-") || info.Mode() != 0o600 {
					t.Errorf("killed at %s: %s with mode %s is left", step.name, entry.Name(), info.Mode())
				}
			}
			left += temporary
			if temporary > 1 || (killed.code != -1 && temporary > 0) {
				t.Errorf("killed at %s: %d files are left besides the target: %s", step.name, temporary, killed)
			}
			got, err := os.ReadFile(path)
			switch {
			case os.IsNotExist(err) && before == nil && step.event != unix.IN_MOVED_TO:
			case err != nil:
				t.Errorf("killed at %s: %v", step.name, err)
			case bytes.Equal(got, p.newValue):
				wantFile(t, path, p.newValue)
			case before == nil || !bytes.Equal(got, before) || step.event == unix.IN_MOVED_TO:
				t.Errorf("killed at %s: the file holds %d bytes that are neither the old value nor the new one", step.name, len(got))
			}
			if again := runDirect(t, p.kubeconfig, "kubectl-apolo_secret", "get", "file", "-f", path); again.code != 0 {
				t.Errorf("killed at %s, and again: %s", step.name, again)
			}
			wantFile(t, path, p.newValue)
		}
	}
	if left == 0 {
		t.Error("no kill came while the file was being written")
	}
}

// killAt runs a command and kills it at the first event of a kind in a folder.
func killAt(t *testing.T, p *fixture, folder string, event uint32, command ...string) outcome {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(watch), "inotify")
	defer events.Close()
	if _, err := unix.InotifyAddWatch(watch, folder, event); err != nil {
		t.Fatal(err)
	}
	cmd, end := start(t, p.kubeconfig, command)
	if _, err := events.Read(make([]byte, 4096)); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Kill() // it may have ended meanwhile
	return end()
}

// TestRequestsOfSecret counts what is sent by the commands that change nothing.
func TestRequestsOfSecret(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	p.add(t, "mine", p.oldValue)
	for command, want := range map[string][]string{
		"ls":                              {"GET NS/secrets"},
		"ls -q":                           {"GET NS/secrets"},
		"get KEY":                         {"GET NS/secrets/KEY"},
		"add other @NEW --dry-run=client": {},
		"add other @NEW --dry-run=server": {"POST NS/secrets"},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			a := p.attempt(t, "mine", fault{kind: never})
			if got := a.proxy.run(a.words("kubectl-apolo_secret " + command)...); got.code != 0 {
				t.Error(got)
			}
			a.wantRequests(want)
		})
	}
	t.Run("ls of two pages", func(t *testing.T) {
		t.Parallel()
		p := newFixture(t)
		const count = 1001 // a page has 1,000
		var creations errgroup.Group
		creations.SetLimit(8)
		for i := 1; i < count; i++ { // with the bystander
			creations.Go(func() error {
				manifest := secrets.Manifest(p.namespace, fmt.Sprintf("key-%03d", i), nil)
				_, err := p.admin.Resource(secretResource).Namespace(p.namespace).Create(context.Background(), manifest, metav1.CreateOptions{})
				return err
			})
		}
		if err := creations.Wait(); err != nil {
			t.Fatal(err)
		}
		a := p.attempt(t, "none", fault{kind: never})
		if got := a.proxy.run("kubectl-apolo_secret", "ls", "-q"); got.code != 0 || strings.Count(got.stdout, "\n") != count {
			t.Error(got)
		}
		a.wantRequests([]string{"GET NS/secrets", "GET NS/secrets"})
	})
}
