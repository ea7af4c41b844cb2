package run

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// call runs the plugin without a cluster and returns what the user sees.
func call(t *testing.T, build func(*cmdline.Session) *cli.App, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	streams, in, stdout, stderr := genericiooptions.NewTestIOStreams()
	in.WriteString("FROM_STDIN=yes\n")
	code = cmdline.Run(context.Background(), append([]string{"kubectl-apolo_run"}, args...), streams, build)
	return code, stdout.String(), stderr.String()
}

// parse is complete, as the command line calls it.
func parse(t *testing.T, args ...string) (*options, string) {
	t.Helper()
	var parsed *options
	_, _, errOut := call(t, func(s *cmdline.Session) *cli.App {
		app, o := newApp(s)
		o.lookup = func(name string) (string, bool) { return "here", name == "SET" }
		app.Action = func(c *cli.Context) error { parsed = o; return o.complete(c.Args().Slice()) }
		return app
	}, args...)
	return parsed, errOut
}

func TestCommandLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.env")
	if err := os.WriteFile(file, []byte("A=file\nB=secret:b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, errOut := parse(t, "-eA=1,2", "busybox:1", "--env", "K=secret:key", "sh", "-e", "SET", "--volume", "secret:key:/a/b", "-w", "/tmp",
		"--entrypoint", "sh -c", "--env-file", file, "--env-file=-", "--name", "n", "--detach", "--", "-e", "--", "$X")
	if errOut != "" {
		t.Fatal(errOut)
	}
	secret := func(key string) *uri.Secret { return &uri.Secret{Key: key} }
	want := jobspec.Spec{
		Name: "n", Image: "busybox:1", Entrypoint: []string{"sh", "-c"}, Args: []string{"sh", "-e", "--", "$X"}, WorkDir: "/tmp",
		Variables: []jobspec.Variable{
			{Name: "A", Value: "file"}, {Name: "B", Secret: secret("b")}, {Name: "FROM_STDIN", Value: "yes"},
			{Name: "A", Value: "1,2"}, {Name: "K", Secret: secret("key")}, {Name: "SET", Value: "here"},
		},
		Files:    []jobspec.SecretFile{{Secret: uri.Secret{Key: "key"}, Path: "/a/b"}},
		ExtShm:   true,
		Restart:  jobspec.RestartNever,
		LifeSpan: jobspec.DefaultLifeSpan, TTL: jobspec.DefaultTTL,
	}
	if !reflect.DeepEqual(o.spec, want) || !o.flags.Detach() {
		t.Errorf("got %+v\nwant %+v", o.spec, want)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"nothing":                {nil, "needs an IMAGE"},
		"image after --":         {[]string{"--", "busybox:1"}, "needs an IMAGE"},
		"image":                  {[]string{"Busybox"}, "must be lowercase"},
		"flag of the command":    {[]string{"busybox:1", "ls", "--colour"}, `unknown flag (argument 3); put a value that begins with "-" after "--"`},
		"variable":               {[]string{"busybox:1", "--env", "Ä=2"}, "--env number 1: invalid name"},
		"variable that is unset": {[]string{"busybox:1", "--env", "UNSET"}, "--env number 1: NAME alone"},
		"volume":                 {[]string{"busybox:1", "--volume", "/a:/b"}, "must be secret:KEY:/path/to/file, disk:CLAIM:/path or storage"},
		"two at one path":        {[]string{"busybox:1", "--volume", "secret:a:/x", "--volume", "secret:b:/x"}, "have the same path"},
		"entrypoint":             {[]string{"busybox:1", "--entrypoint", "'"}, "unterminated"},
		"empty entrypoint":       {[]string{"busybox:1", "--entrypoint", ""}, "entrypoint is empty"},
		"dry run":                {[]string{"busybox:1", "--dry-run=yes"}, `invalid --dry-run "yes": must be one of`},
		"output":                 {[]string{"busybox:1", "--dry-run=client", "-o", "table"}, `invalid output format "table"`},
		"output of a log":        {[]string{"busybox:1", "-o", "yaml"}, "-o works with --dry-run, --detach or --list-presets"},
		"name":                   {[]string{"busybox:1", "--name", "A"}, `"A" can't be the name of a job`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := call(t, New, test.args...)
			if code != cmdline.ExitUsage || !strings.Contains(errOut, test.want) || out != "" {
				t.Errorf("exit code %d, out %q, error %q", code, out, errOut)
			}
			if strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, "--help") {
				t.Errorf("not one line that names the help: %q", errOut)
			}
		})
	}
}

func TestEnvFileErrors(t *testing.T) {
	code, _, errOut := call(t, New, "busybox:1", "--env-file", "/does/not/exist")
	if code != cmdline.ExitFailed || !strings.Contains(errOut, "cannot read the file of --env-file: no such file") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("A=1\nhunter2 is no name=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, errOut = call(t, New, "busybox:1", "--env-file", file); !strings.Contains(errOut, file+": line 2: ") {
		t.Errorf("%q", errOut)
	}
}

func TestDryRunNeedsNoCluster(t *testing.T) {
	code, out, errOut := call(t, New, "busybox:1", "--name", "train", "--env", "A=secret:key", "--dry-run=client", "-o", "yaml", "-n", "team")
	if code != 0 || errOut != "" {
		t.Fatalf("exit code %d, %q", code, errOut)
	}
	for _, part := range []string{"kind: Job\n", "  name: train\n", "  namespace: team\n", "secretKeyRef:", "backoffLimit: 0"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
	for _, part := range []string{"\nstatus:", "null:", "creationTimestamp:"} {
		if strings.Contains(out, part) {
			t.Errorf("%q is in\n%s", part, out)
		}
	}
	code, out, errOut = call(t, New, "busybox:1", "--name", "n", "--dry-run=client")
	if code != 0 || out != "job/n created (dry run)\n" || errOut != "" {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
	code, _, errOut = call(t, New, "busybox:1")
	if code != cmdline.ExitFailed || !strings.Contains(errOut, "no kubeconfig found") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}
