// Package e2e runs the shipped binaries against a real cluster. The scripts in testdata read like
// the README; each gets its own namespace, in which alice is admin.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// patience is how long a condition may take to come true on a busy machine.
const patience = 3 * time.Minute

// long leaves a test to make test-all, as [short] does in a script: one that takes minutes, and asks what the machine or the
// cluster does to the commands rather than what the commands do.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: make test-all runs it")
	}
}

// cluster is the local cluster, with what the tests do to it.
type cluster struct{ *local.Cluster }

func (c *cluster) kubeconfig(user string) string { return c.Kubeconfigs[user] }

// kubectl runs the kubectl that was built with the cluster.
func (c *cluster) kubectl(t testing.TB, user string, args ...string) string {
	t.Helper()
	out, err := c.tryKubectl(user, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c *cluster) tryKubectl(user string, args ...string) (string, error) {
	command := exec.Command(filepath.Join(c.BinDir, "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig(user))
	out, err := command.CombinedOutput()
	return string(out), err
}

func openCluster(t testing.TB) *cluster {
	t.Helper()
	c, err := local.Open()
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{c}
}

// namespace makes a namespace in which user is admin, removed when the test ends, and returns a
// kubeconfig whose context points to it.
func (c *cluster) namespace(t testing.TB, user string) (name, kubeconfig string) {
	t.Helper()
	name = fmt.Sprintf("e2e-%s-%s", user, rand.String(6))
	c.makeNamespace(t, user, name)
	config, err := clientcmd.LoadFromFile(c.kubeconfig(user))
	if err != nil {
		t.Fatal(err)
	}
	for context := range config.Contexts {
		if context != config.CurrentContext {
			delete(config.Contexts, context) // tests that share no namespace must not find each other's
		}
	}
	config.Contexts[config.CurrentContext].Namespace = name
	kubeconfig = filepath.Join(t.TempDir(), user)
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return name, kubeconfig
}

// makeNamespace returns when the user can work in the namespace. Several hundred are made, so no process is started for it.
func (c *cluster) makeNamespace(t testing.TB, user, name string) {
	t.Helper()
	admin, err := c.API(c.kubeconfig("admin"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := c.API(c.kubeconfig(user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended.
		if err := admin.Do(context.Background(), http.MethodDelete, "/api/v1/namespaces/"+name, nil, nil); err != nil {
			t.Error(err)
		}
	})
	if err := admin.MakeNamespace(t.Context(), name, user); err != nil {
		t.Fatal(err)
	}
	// The API server learns of the binding, and of the namespace's service account, in a moment.
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		return api.Do(ctx, http.MethodGet, "/api/v1/namespaces/"+name+"/serviceaccounts/default", nil, nil) == nil, nil
	})
	if err != nil {
		t.Fatalf("namespace %s is not usable by %s: %v", name, user, err)
	}
}

// repeat calls a condition until it holds, with pauses that get longer: a command that is run at every moment takes the time
// from what it waits for.
func repeat(condition func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pauses := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 1.3, Cap: 2 * time.Second, Steps: 1000}
	return pauses.DelayFunc().Until(ctx, true, false, func(context.Context) (bool, error) { return condition(), nil })
}

// binaries is the folder of the binaries under test.
func binaries(t testing.TB) string {
	t.Helper()
	folder, err := local.Binaries("../..")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestScripts runs testdata/FOLDER/*.txtar, all at the same time, but for those of TestScriptsAlone.
func TestScripts(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, folder := range folders {
		if name := filepath.Base(folder); name != "alone" && name != "walk" {
			runScripts(t, name, true)
		}
	}
}

// TestScriptsAlone runs the scripts that change what all share (alone), and those that use the namespaces alice and bob themselves, as
// the documentation has it (walk), one after the other.
func TestScriptsAlone(t *testing.T) {
	runScripts(t, "alone", false)
	runScripts(t, "walk", false)
}

func runScripts(t *testing.T, folder string, parallel bool) {
	c, bin := openCluster(t), binaries(t)
	t.Run(folder, func(t *testing.T) {
		s := scripts{t, parallel}
		s.Parallel()
		testscript.RunT(s, testscript.Params{
			Dir:                 filepath.Join("testdata", folder),
			RequireExplicitExec: false,
			UpdateScripts:       *update,
			Setup:               func(env *testscript.Env) error { return setup(env, t, c, bin, folder == "walk") },
			Cmds:                commands(c),
		})
	})
}

func setup(env *testscript.Env, t *testing.T, c *cluster, bin string, walk bool) error {
	kubeconfig := map[string]string{}
	for _, user := range []string{"alice", "bob", "carol"} {
		name := user
		if kubeconfig[user] = c.kubeconfig(user); !walk && user != "carol" {
			name, kubeconfig[user] = c.namespace(t, user)
		}
		upper := strings.ToUpper(user)
		env.Setenv(upper+"_KUBECONFIG", kubeconfig[user])
		env.Setenv(upper, name)
	}
	env.Setenv("KUBECONFIG", kubeconfig["alice"])
	env.Setenv("NAMESPACE", env.Getenv("ALICE"))
	env.Setenv("ADMIN_KUBECONFIG", c.kubeconfig("admin"))
	env.Setenv("APOLO_CLUSTER_DIR", os.Getenv("APOLO_CLUSTER_DIR"))
	server, err := url.Parse(c.Server)
	if err != nil {
		return err
	}
	env.Setenv("SERVER_PORT", server.Port()) // one that is in use
	env.Setenv("KUBECTL_DIR", c.BinDir)
	env.Setenv("PATH", strings.Join([]string{bin, c.BinDir, os.Getenv("PATH")}, string(os.PathListSeparator)))
	env.Setenv("HOME", env.WorkDir)
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		return err
	}
	env.Setenv("DOCS", docs)
	env.Values[scriptRegistry{}] = &scriptRegistry{}
	return nil
}

// secrets lists the Secrets of the namespace that a kubeconfig points to, with the rights of its user.
func (c *cluster) secrets(kubeconfig string, list any) error {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return err
	}
	api, err := c.API(kubeconfig)
	if err != nil {
		return err
	}
	namespace := config.Contexts[config.CurrentContext].Namespace
	return api.Do(context.Background(), http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets", nil, list)
}

// admin runs kubectl as an administrator, and ends the script where that fails.
func (c *cluster) admin(ts *testscript.TestScript, args ...string) string {
	out, err := c.tryKubectl("admin", args...)
	if err != nil {
		ts.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return out
}

// scripts are the scripts of a folder, which testscript would always run at the same time.
type scripts struct {
	*testing.T
	parallel bool
}

func (s scripts) Parallel() {
	if s.parallel {
		s.T.Parallel()
	}
}

func (s scripts) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(scripts{t, s.parallel}) })
}

func (s scripts) Verbose() bool { return testing.Verbose() }

// commands are what the scripts have beyond those of testscript itself.
func commands(c *cluster) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		// as USER: the following commands are that user's.
		"as": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 1 {
				ts.Fatalf("usage: as USER")
			}
			ts.Setenv("KUBECONFIG", ts.Getenv(strings.ToUpper(args[0])+"_KUBECONFIG"))
		},
		// etcd KEY: prints what etcd holds for KEY.
		"etcd": func(ts *testscript.TestScript, neg bool, args []string) {
			value, err := c.etcd(args[0])
			ts.Check(err)
			if len(value) == 0 {
				ts.Fatalf("etcd holds nothing for %s", args[0])
			}
			_, err = ts.Stdout().Write(value)
			ts.Check(err)
		},
		// eventually COMMAND...: waits until the command succeeds (or fails, with !), for as long as patience lasts.
		"eventually": func(ts *testscript.TestScript, neg bool, args []string) {
			var err error
			waitErr := repeat(func() bool {
				err = ts.Exec(args[0], args[1:]...)
				return (err == nil) != neg
			})
			if waitErr != nil {
				ts.Fatalf("never came true: %v (last: %v)", args, err)
			}
		},
		// eventually-shows REGEXP COMMAND...: waits until a line of what the command prints matches.
		"eventually-shows": func(ts *testscript.TestScript, neg bool, args []string) {
			pattern := regexp.MustCompile("(?m)" + args[0])
			waitErr := repeat(func() bool {
				err := ts.Exec(args[1], args[2:]...)
				return err == nil && pattern.MatchString(ts.ReadFile("stdout")) != neg
			})
			if waitErr != nil {
				ts.Fatalf("%q was never printed by %q; the last was:\n%s", args[0], args[1:], ts.ReadFile("stdout"))
			}
		},
		// stored KEY VALUE: asks the API server whether the cluster holds exactly that.
		"stored": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) != 2 {
				ts.Fatalf("usage: stored KEY VALUE")
			}
			var list struct {
				Items []struct {
					Metadata struct{ Annotations map[string]string }
					Data     map[string][]byte
				}
			}
			ts.Check(c.secrets(ts.Getenv("KUBECONFIG"), &list))
			for _, item := range list.Items {
				if item.Metadata.Annotations["apolo.us/key"] != args[0] {
					continue
				}
				if len(item.Data) != 1 || (string(item.Data[args[0]]) == args[1]) == neg {
					ts.Fatalf("%s holds %q", args[0], item.Data)
				}
				return
			}
			ts.Fatalf("there is no Secret for the key %s", args[0])
		},
		// expired-certificate FILE: writes a kubeconfig with one.
		"expired-certificate": func(ts *testscript.TestScript, neg bool, args []string) {
			ts.Check(c.expiredCertificate(ts.MkAbs(args[0])))
		},
		// silent-server FILE: writes a kubeconfig for a server that accepts and never answers.
		"silent-server": func(ts *testscript.TestScript, neg bool, args []string) {
			stop, err := silentServer(ts.MkAbs(args[0]))
			ts.Check(err)
			ts.Defer(stop)
		},
		// listed-metadata-only NAMESPACE: asks the audit log how secrets were listed there.
		"listed-metadata-only": func(ts *testscript.TestScript, neg bool, args []string) {
			ts.Check(c.listedMetadataOnly(args[0]))
		},
		// registry USER PASSWORD: serves an image to that user, at $REGISTRY, until stop-registry.
		"registry": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 2 {
				ts.Fatalf("usage: registry USER PASSWORD")
			}
			server, err := serveRegistry(ts, args[0], args[1])
			ts.Check(err)
			ts.Value(scriptRegistry{}).(*scriptRegistry).server = server
		},
		"stop-registry": func(ts *testscript.TestScript, neg bool, args []string) {
			ts.Value(scriptRegistry{}).(*scriptRegistry).server.Close()
		},
		// taint-node TAINT: keeps pods that don't tolerate it from the node, as long as the script runs.
		"taint-node": func(ts *testscript.TestScript, neg bool, args []string) {
			taint := args[0]
			c.admin(ts, "taint", "nodes", "--all", taint)
			ts.Defer(func() { c.admin(ts, "taint", "nodes", "--all", taint+"-") })
		},
		// node-has RESOURCE COUNT: the node has so many of it, as long as the script runs.
		"node-has": func(ts *testscript.TestScript, neg bool, args []string) {
			path := "/status/capacity/" + strings.ReplaceAll(args[0], "/", "~1")
			node := strings.TrimSpace(c.admin(ts, "get", "nodes", "-o", "name"))
			patch := func(operation map[string]any) {
				text, err := json.Marshal([]any{operation})
				ts.Check(err)
				c.admin(ts, "patch", node, "--subresource=status", "--type=json", "-p", string(text))
			}
			patch(map[string]any{"op": "add", "path": path, "value": args[1]})
			ts.Defer(func() { patch(map[string]any{"op": "remove", "path": path}) })
		},
		// same FILE FILE: compares bytes, where cmp would compare text.
		"same": func(ts *testscript.TestScript, neg bool, args []string) {
			a, b := ts.ReadFile(args[0]), ts.ReadFile(args[1])
			if bytes.Equal([]byte(a), []byte(b)) == neg {
				ts.Fatalf("%s and %s: same is %v", args[0], args[1], !neg)
			}
		},
	}
}
