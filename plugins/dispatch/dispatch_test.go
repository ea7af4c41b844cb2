package dispatch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plugins makes a folder with executables of these names.
func plugins(t testing.TB, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

type call struct {
	code     int
	out, err string
	path     string
	args     []string
}

func run(beside, path string, args ...string) call {
	var out, errOut bytes.Buffer
	var c call
	d := Dispatcher{
		Args: args, Executable: filepath.Join(beside, "kubectl-apolo"), Path: path, Out: &out, ErrOut: &errOut,
		Become: func(path string, args, _ []string) (int, error) {
			c.path, c.args = path, args
			return 7, nil
		},
	}
	c.code = d.Run()
	c.out, c.err = out.String(), errOut.String()
	return c
}

func TestBecomesThePluginBesideItselfFirst(t *testing.T) {
	beside, elsewhere := plugins(t, "kubectl-apolo_secret"), plugins(t, "kubectl-apolo_secret", "kubectl-apolo_extra")
	for typed, want := range map[string]string{
		"secret": filepath.Join(beside, "kubectl-apolo_secret"),
		"extra":  filepath.Join(elsewhere, "kubectl-apolo_extra"),
	} {
		c := run(beside, elsewhere, "/x/kubectl-apolo", typed, "add", "--", "-q", "")
		if c.path != want || c.code != 7 {
			t.Errorf("%s became %q with code %d, want %q with 7", typed, c.path, c.code, want)
		}
		if want := []string{"kubectl apolo " + typed, "add", "--", "-q", ""}; !slices.Equal(c.args, want) {
			t.Errorf("%s got the arguments %q, want %q", typed, c.args, want)
		}
	}
}

func TestIsCalledAsTyped(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_secret")
	for arg0, want := range map[string]string{"/bin/apolo": "apolo secret", "kubectl-apolo": "kubectl apolo secret", "kubectl-apolo.exe": "kubectl apolo secret"} {
		if c := run(beside, "", arg0, "secret"); c.args[0] != want {
			t.Errorf("%s calls the plugin %q, want %q", arg0, c.args[0], want)
		}
	}
}

func TestShortFormsAreVerbsOfJob(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_job")
	for typed, verb := range map[string]string{"ps": "ls", "logs": "logs", "status": "status", "exec": "exec", "attach": "attach", "kill": "kill", "top": "top", "port-forward": "port-forward"} {
		c := run(beside, "", "apolo", typed, "-n", "team")
		if want := []string{"apolo job", verb, "-n", "team"}; !slices.Equal(c.args, want) || filepath.Base(c.path) != "kubectl-apolo_job" {
			t.Errorf("%s runs %s %q, want %q", typed, c.path, c.args, want)
		}
	}
	if c := run(beside, "", "apolo", "help", "logs"); !slices.Equal(c.args, []string{"apolo job", "logs", "--help"}) {
		t.Errorf("help of a short form was asked as %q", c.args)
	}
	if c := run(beside, "", "apolo"); !strings.Contains(c.out, "\n  ps            job ls\n") {
		t.Errorf("the help lacks the short forms:\n%s", c.out)
	}
	if c := run(beside, "", "apolo", "log"); !strings.Contains(c.err, `did you mean "logs"?`) {
		t.Errorf("stderr %q", c.err)
	}
	own := plugins(t, "kubectl-apolo_job", "kubectl-apolo_logs")
	if c := run(own, "", "apolo", "logs", "x"); !slices.Equal(c.args, []string{"apolo logs", "x"}) {
		t.Errorf("a plugin named logs was called as %q", c.args)
	}
	if c := run(plugins(t, "kubectl-apolo_secret"), "", "apolo", "ps"); c.code != 2 || c.path != "" {
		t.Errorf("without the plugin job: code %d, ran %q", c.code, c.path)
	}
}

func TestHelpListsEveryPlugin(t *testing.T) {
	beside, elsewhere := plugins(t, "kubectl-apolo", "kubectl-apolo_secret", "kubectl-apolo_run"), plugins(t, "kubectl-apolo_extra", "kubectl-other")
	if err := os.WriteFile(filepath.Join(beside, "kubectl-apolo_text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"apolo"}, {"apolo", "help"}, {"apolo", "--help"}, {"apolo", "-h"}} {
		c := run(beside, elsewhere, args...)
		if c.code != 0 || c.err != "" {
			t.Errorf("%q: code %d, stderr %q", args, c.code, c.err)
		}
		for _, line := range []string{"\n  extra\n", "\n  run     Run a job with your secrets in it\n", "\n  secret  Keep"} {
			if !strings.Contains(c.out, line) {
				t.Errorf("%q lacks the line %q:\n%s", args, line, c.out)
			}
		}
		if strings.Contains(c.out, "text") || strings.Contains(c.out, "other") {
			t.Errorf("%q lists what is no plugin:\n%s", args, c.out)
		}
	}
	if c := run(beside, "", "apolo", "help", "secret", "add"); !slices.Equal(c.args, []string{"apolo secret", "add", "--help"}) {
		t.Errorf("help of a plugin was asked as %q", c.args)
	}
}

func TestRefuses(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_secret")
	for name, test := range map[string]struct{ typed, want string }{
		"nearly a command":       {"secrte", `error: unknown command "secrte"; did you mean "secret"?; see 'apolo --help'`},
		"nonsense":               {"nonsense", `error: unknown command "nonsense"; see 'apolo --help'`},
		"a path":                 {"../secret", `error: unknown command; see 'apolo --help'`},
		"a value":                {"Hunter2", `error: unknown command; see 'apolo --help'`},
		"a value of many lines":  {"a\nb", `error: unknown command; see 'apolo --help'`},
		"a flag before a plugin": {"-n", "error: flags must come after the command: apolo COMMAND --FLAG"},
	} {
		t.Run(name, func(t *testing.T) {
			c := run(beside, ".", "apolo", test.typed)
			if c.code != 2 || c.out != "" || strings.TrimSpace(c.err) != test.want || c.path != "" {
				t.Errorf("code %d, stdout %q, stderr %q, ran %q; want 2 and %q", c.code, c.out, c.err, c.path, test.want)
			}
		})
	}
}

func TestSaysWhyAPluginDoesNotStart(t *testing.T) {
	var errOut bytes.Buffer
	d := Dispatcher{
		Args: []string{"apolo", "secret"}, Path: plugins(t, "kubectl-apolo_secret"), ErrOut: &errOut,
		Become: func(string, []string, []string) (int, error) { return 0, errors.New("exec format error") },
	}
	if code := d.Run(); code != 1 || !strings.Contains(errOut.String(), "kubectl-apolo_secret: exec format error") {
		t.Errorf("code %d, stderr %q", code, errOut.String())
	}
}

func TestVersion(t *testing.T) {
	for _, typed := range []string{"--version", "version"} {
		if c := run(t.TempDir(), "", "apolo", typed); c.code != 0 || !strings.Contains(c.out, "commit") || !strings.Contains(c.out, "go1.") {
			t.Errorf("%s: code %d, %q", typed, c.code, c.out)
		}
	}
}
