package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRevokeOfAManagerWhoReaddsThemself lets bob put themself back into the bindings of a secret, as fast as possible,
// while alice revokes. When the command says "revoked", bob has nothing left.
func TestRevokeOfAManagerWhoReaddsThemself(t *testing.T) {
	long(t)
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := func(args ...string) (string, error) {
		command := exec.Command(filepath.Join(bin, "kubectl-apolo"), args...)
		command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		out, err := command.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		if out, err := alice(args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	must("secret", "add", "token", "x", "-q")
	bob, err := c.API(c.kubeconfig("bob"))
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 3
	revoked := 0
	for range rounds {
		must("acl", "grant", "secret:token", "bob", "manage", "-q")
		bindings := strings.Fields(c.kubectl(t, "admin", "-n", namespace, "get", "rolebindings", "-o", "name"))
		ctx, stop := context.WithCancel(context.Background())
		var loops sync.WaitGroup
		for _, level := range []string{"manage", "read"} {
			for _, binding := range bindings {
				name := strings.TrimPrefix(binding, "rolebinding.rbac.authorization.k8s.io/")
				if !strings.Contains(name, ":token:"+level+":") {
					continue
				}
				patch := map[string]any{"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}}}
				loops.Go(func() {
					for ctx.Err() == nil {
						_ = bob.Do(ctx, http.MethodPatch, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+namespace+"/rolebindings/"+name, patch, nil) // refused once he has nothing
					}
				})
			}
		}
		out, err := alice("acl", "revoke", "secret:token", "bob")
		stop()
		loops.Wait()
		if err == nil {
			revoked++
			if left := c.kubectl(t, "admin", "-n", namespace, "get", "rolebindings", "-o", "jsonpath={.items[*].subjects[*].name}"); strings.Contains(left, "bob") {
				t.Errorf("%swas said, and the subjects are %s", out, left)
			}
			continue
		}
		if !strings.Contains(out, "bob") || strings.Contains(out, "revoked from") {
			t.Errorf("an error that does not say what is left: %s", out)
		}
		must("acl", "revoke", "secret:token", "bob", "-q") // without the loop it has to work
	}
	t.Logf("%d of %d revoked at once", revoked, rounds)
}

// TestSlowAddSparesANewerGrant holds a secret add back between its look at the Roles and their removal. Meanwhile
// the key is added and granted by somebody else: that grant stays.
func TestSlowAddSparesANewerGrant(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	run := func(kubeconfig string, args ...string) (string, error) {
		command := exec.Command(filepath.Join(bin, "kubectl-apolo"), args...)
		command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		out, err := command.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		if out, err := run(kubeconfig, args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out) // also called by the proxy
		}
	}
	must("secret", "add", "token", "old", "-q")
	must("acl", "grant", "secret:token", "bob", "read", "-q")
	c.kubectl(t, "alice", "-n", namespace, "delete", "secret", "token", "--cascade=orphan")
	p := newProxy(t, kubeconfig, fault{kind: never})
	var once sync.Once
	p.hold = func(request string) {
		if strings.HasPrefix(request, "DELETE ") {
			once.Do(func() {
				must("secret", "add", "token", "new", "-q")
				must("acl", "grant", "secret:token", "carol", "read", "-q")
			})
		}
	}
	out, err := run(p.kubeconfig, "secret", "add", "token", "late", "-q")
	if err == nil || !strings.Contains(out, "exists") {
		t.Errorf("the late add says: %v %s", err, out)
	}
	for user, want := range map[string]bool{"bob": false, "carol": true} {
		config, err := c.API(c.kubeconfig(user))
		if err != nil {
			t.Fatal(err)
		}
		err = config.Do(context.Background(), http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets/token", nil, &metav1.PartialObjectMetadata{})
		if (err == nil) != want {
			t.Errorf("%s can read the new secret: %v, want %v (%v)", user, err == nil, want, err)
		}
	}
}
