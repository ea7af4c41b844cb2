//go:build unix

package kube

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const someKubeconfig = `{"apiVersion":"v1","kind":"Config","users":[{"name":"u","user":{}}],
	"clusters":[{"name":"k","cluster":{"server":"https://k"}},{"name":"l","cluster":{"server":"https://l"}},{"name":"bare","cluster":{}}],
	"contexts":[{"name":"here","context":{"cluster":"k","user":"u","namespace":"mine"}},{"name":"there","context":{"cluster":"l","user":"u"}},
		{"name":"broken","context":{"cluster":"bare","user":"u"}},{"name":"lost","context":{"cluster":"no-such","user":"u"}}]`

func writeKubeconfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKubeconfigErrorsSayWhatToDo(t *testing.T) {
	for name, test := range map[string]struct{ text, context, cluster, want string }{
		"current":               {someKubeconfig + `,"current-context":"here"}`, "", "", ""},
		"no current context":    {someKubeconfig + `}`, "", "", "the kubeconfig has no current context; choose one with --context: broken, here, lost, there"},
		"another's cluster":     {someKubeconfig + `}`, "", "l", ""},
		"no such context":       {someKubeconfig + `}`, "her", "", `kubeconfig: context "her" does not exist; choose one with --context: broken, here, lost, there`},
		"a lost current one":    {someKubeconfig + `,"current-context":"gone"}`, "", "", `kubeconfig: context "gone" does not exist; choose one`},
		"a cluster without URL": {someKubeconfig + `}`, "broken", "", `kubeconfig: no server found for cluster "bare"`},
		"no such cluster":       {someKubeconfig + `}`, "lost", "", `kubeconfig: context "lost" names the cluster "no-such", which has no server`},
		"empty":                 {"", "", "", "no kubeconfig found: the file "},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Options{Kubeconfig: writeKubeconfig(t, test.text)}
			o.Overrides.CurrentContext = test.context
			client, err := NewClientFor(o, test.cluster)
			if test.want == "" {
				if err != nil || client.InCluster {
					t.Error(client, err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNoOtherIdentity asks where a pod's own identity may be used at all.
func TestNoOtherIdentity(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for name, test := range map[string]struct {
		variable, flag, context string
		want                    bool
	}{
		"nothing named":        {want: true},
		"a file that is empty": {flag: writeKubeconfig(t, "")},
		"a device":             {flag: os.DevNull},
		"KUBECONFIG, empty":    {variable: os.DevNull},
		"KUBECONFIG, missing":  {variable: "/no/such/file"},
		"KUBECONFIG, a list":   {variable: "/no/such/file:" + os.DevNull},
		"a context":            {context: "here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", test.variable)
			o := &Options{Kubeconfig: test.flag}
			o.Overrides.CurrentContext = test.context
			files := newConfigFile(o.Kubeconfig)
			files.rules.Precedence = []string{test.variable} // not this machine's ~/.kube/config, whose path clientcmd keeps
			files.rules.MigrationRules = nil
			if files.load(); files.err != nil {
				t.Fatal(files.err)
			}
			if got := files.mayBeInCluster(&o.Overrides); got != test.want {
				t.Errorf("a pod's own identity: %t", got)
			}
		})
	}
}

func TestPipeIsReadOnce(t *testing.T) {
	for name, reread := range map[string]bool{"a command": false, "a server": true} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		go func() { _ = os.WriteFile(pipe, []byte(someKubeconfig+`,"current-context":"here"}`), 0o600) }()
		o := Options{Kubeconfig: pipe, Files: &ConfigFiles{Context: t.Context(), Reread: reread}}
		for _, cluster := range []string{"k", "l", "k"} {
			copied := o
			client, err := NewClientFor(&copied, cluster)
			if err != nil || client.Cluster != cluster {
				t.Fatalf("%s: %v, %v", name, client, err)
			}
		}
		if names, err := Clusters(&o); err != nil || len(names) != 3 {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
}

func TestReadOfAPipeEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewClient(&Options{Kubeconfig: pipe, Files: &ConfigFiles{Context: ctx}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := NewClient(&Options{Kubeconfig: pipe, Files: &ConfigFiles{RegularOnly: true}}); err == nil {
		t.Error("completion has read a pipe")
	}
}

func TestRenewedKubeconfig(t *testing.T) {
	path := writeKubeconfig(t, someKubeconfig+`,"current-context":"here"}`)
	once, again := Options{Kubeconfig: path, Files: &ConfigFiles{}}, Options{Kubeconfig: path, Files: &ConfigFiles{Reread: true}}
	for _, o := range []*Options{&once, &again} {
		if client, err := NewClient(o); err != nil || client.Context != "here" {
			t.Fatal(client, err)
		}
	}
	if err := os.WriteFile(path, []byte(someKubeconfig+`,"current-context":"there"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if client, err := NewClient(&once); err != nil || client.Context != "here" {
		t.Error("a command has read it twice:", client, err)
	}
	if client, err := NewClient(&again); err != nil || client.Context != "there" {
		t.Error("a server has read it once:", client, err)
	}
}

func TestInstallHintIsShownWhole(t *testing.T) {
	long := "To install it:\n\n  " + strings.Repeat("do this\n", 200) + "\nand log in"
	err := &pluginError{plugin: "p", hint: long, cause: errors.New("getting credentials: exec: executable p not found\n\nIt looks like …")}
	if got := err.Error(); !strings.HasSuffix(got, "not found; To install it: "+strings.Repeat("do this ", 200)+"and log in") {
		t.Error(got)
	}
	failed := &pluginError{plugin: "p", hint: long, cause: errors.New("getting credentials: exec: executable p failed with exit code 7")}
	if got := failed.Error(); strings.Contains(got, "install") {
		t.Error(got)
	}
}
