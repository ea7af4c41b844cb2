package e2e

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestCommandsThroughRestarts kills the API server, and etcd, in the middle of commands: each is done or fails with a
// line, and what was acknowledged is there afterwards. Nothing else runs beside it: all tests share the cluster.
func TestCommandsThroughRestarts(t *testing.T) {
	long(t)
	c := openCluster(t)
	for _, component := range []string{"apiserver", "etcd"} {
		t.Run(component, func(t *testing.T) {
			namespace, kubeconfig := c.namespace(t, "alice")
			if got := runDirect(t, kubeconfig, "kubectl-apolo_secret", "add", "shared", "value"); got.code != 0 {
				t.Fatal(got)
			}
			stop := make(chan struct{})
			var workers errgroup.Group
			acknowledged := make([][]string, 4)
			failed := make([]int, len(acknowledged))
			for worker := range acknowledged {
				workers.Go(func() error {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return nil
						default:
						}
						name := fmt.Sprintf("of-%d-%d", worker, i)
						for what, command := range map[string][]string{
							"secret " + name: {"kubectl-apolo_secret", "add", name, "value", "--request-timeout=20s"},
							"grant " + name:  {"kubectl-apolo_acl", "grant", "secret:shared", name, "read", "--request-timeout=20s"},
						} {
							got := runDirect(t, kubeconfig, command...)
							// An API server that has just started answers "forbidden" until it has read all Roles.
							warned := strings.HasPrefix(got.stderr, "warning: grants of an earlier secret") && strings.Count(got.stderr, "\n") == 1
							switch {
							case got.code == 0 && (got.stderr == "" || warned):
								acknowledged[worker] = append(acknowledged[worker], what)
							case got.code != 1 || !isErrorLine(got.stderr):
								return fmt.Errorf("%v: %s", command, got)
							default:
								failed[worker]++
							}
						}
					}
				})
			}
			restart(t, "--kill", component)
			eventually(t, "commands work again", func() bool {
				return runDirect(t, kubeconfig, "kubectl-apolo_secret", "add", "after", "x", "--overwrite").code == 0
			})
			close(stop)
			if err := workers.Wait(); err != nil {
				t.Error(err)
			}
			there := map[string]bool{}
			for _, key := range strings.Fields(runDirect(t, kubeconfig, "kubectl-apolo_secret", "ls", "-q").stdout) {
				there["secret "+key] = true
			}
			for _, user := range strings.Fields(c.kubectl(t, "admin", "-n", namespace, "get", "rolebindings", "-l", "apolo.us/grant=true", "-o", "jsonpath={.items[*].subjects[*].name}")) {
				there["grant "+user] = true
			}
			count := 0
			for worker, names := range acknowledged {
				t.Logf("%d done, %d failed", len(names), failed[worker])
				for _, name := range names {
					count++
					if !there[name] {
						t.Errorf("%s was acknowledged, and is not there", name)
					}
				}
			}
			if count == 0 {
				t.Error("nothing was acknowledged")
			}
		})
	}
}
