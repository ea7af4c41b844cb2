package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestConcurrentGrantsLoseNothing runs 50 processes that change who can use one secret: half of
// them grant to new users, half revoke from others.
func TestConcurrentGrantsLoseNothing(t *testing.T) {
	long(t)
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	apolo := func(args ...string) error {
		command := exec.Command(filepath.Join(bin, "kubectl-apolo"), args...)
		command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	const half = 25
	all := func(do func(i int) error) {
		t.Helper()
		var processes errgroup.Group
		for i := range half {
			processes.Go(func() error { return do(i) })
		}
		if err := processes.Wait(); err != nil {
			t.Fatal(err)
		}
	}

	if err := apolo("secret", "add", "contended", "x"); err != nil {
		t.Fatal(err)
	}
	// The first grants race for making the Role and the RoleBinding too.
	all(func(i int) error { return apolo("acl", "grant", "secret:contended", fmt.Sprintf("old-%d", i), "read") })

	var both errgroup.Group
	for i := range half {
		both.Go(func() error { return apolo("acl", "grant", "secret:contended", fmt.Sprintf("new-%d", i), "read") })
		both.Go(func() error { return apolo("acl", "revoke", "secret:contended", fmt.Sprintf("old-%d", i)) })
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}

	var want []string
	for i := range half {
		want = append(want, fmt.Sprintf("new-%d", i))
	}
	slices.Sort(want)
	got := strings.Fields(c.kubectl(t, "admin", "-n", namespace, "get", "rolebindings", "-l", "apolo.us/grant=true",
		"-o", "jsonpath={.items[*].subjects[*].name}"))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the subjects are\n%q\nwant\n%q", got, want)
	}
}
