package dispatch

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompletesItsOwnWords(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_secret", "kubectl-apolo_share", "kubectl-apolo_job", "kubectl-apolo_extra")
	for typed, want := range map[string]string{
		"se":            "secret\tKeep passwords, keys and tokens for your jobs\n:4\n",
		"ex":            "extra\nexec\tThe same as job exec\n:4\n",
		"v":             "version\tPrint version, commit, date and Go\n:4\n",
		"--h":           "--help\tShow help\n:4\n",
		"nonsense":      ":4\n",
		"nonsense ":     ":4\n",
		"../secret ":    ":4\n",
		"help sec":      "secret\tKeep passwords, keys and tokens for your jobs\n:4\n",
		"completion ":   "bash\nzsh\nfish\npowershell\n:4\n",
		"completion p":  "powershell\n:4\n",
		"completion b ": ":4\n",
		"version ":      ":4\n",
	} {
		words := strings.Split(typed, " ")
		for _, args := range [][]string{{"apolo", "__complete"}, {"/bin/kubectl_complete-apolo"}, {"kubectl_complete-apolo.exe"}} {
			c := run(beside, "", append(args, words...)...)
			if c.out != want || c.code != 0 || c.err != "" || c.path != "" {
				t.Errorf("%q %q: code %d, stdout %q, stderr %q, ran %q; wanted %q", args, typed, c.code, c.out, c.err, c.path, want)
			}
		}
	}
}

func TestHandsTheRestToThePlugin(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_secret", "kubectl-apolo_job")
	for _, test := range []struct{ args, want []string }{
		{[]string{"kubectl_complete-apolo", "secret", ""}, []string{"kubectl apolo secret", "__complete", ""}},
		{[]string{"kubectl_complete-apolo", "secret", "get", "-n", "x", "k"}, []string{"kubectl apolo secret", "__complete", "get", "-n", "x", "k"}},
		{[]string{"kubectl_complete-apolo_secret", "get", ""}, []string{"kubectl apolo secret", "__complete", "get", ""}},
		{[]string{"apolo", "__complete", "secret", "g"}, []string{"apolo secret", "__complete", "g"}},
		{[]string{"apolo", "__complete", "help", "secret", "g"}, []string{"apolo secret", "__complete", "g"}},
		{[]string{"apolo", "__complete", "kill", "a", ""}, []string{"apolo job", "__complete", "kill", "a", ""}},
		{[]string{"apolo", "__complete", "ps", "-"}, []string{"apolo job", "__complete", "ls", "-"}},
	} {
		if c := run(beside, "", test.args...); !slices.Equal(c.args, test.want) || c.code != 7 {
			t.Errorf("%q became %q with code %d, wanted %q with 7", test.args, c.args, c.code, test.want)
		}
	}
}

// Another's plugin may take __complete, or what is typed only half, for an order.
func TestNeverCallsAnothersPluginToComplete(t *testing.T) {
	alone := plugins(t, "kubectl-apolo_extra")
	if c := run(alone, "", "kubectl_complete-apolo", "extra", "rm", ""); c.path != "" || c.out != ":4\n" {
		t.Errorf("ran %q %q, stdout %q", c.path, c.args, c.out)
	}
	both := plugins(t, "kubectl-apolo_extra", "kubectl_complete-apolo_extra")
	c := run(both, "", "kubectl_complete-apolo", "extra", "rm", "")
	want := filepath.Join(both, "kubectl_complete-apolo_extra")
	if c.path != want || !slices.Equal(c.args, []string{want, "rm", ""}) {
		t.Errorf("ran %q %q", c.path, c.args)
	}
}

func TestSaysNothingWhereAPluginDoesNotComplete(t *testing.T) {
	var out, errOut strings.Builder
	d := Dispatcher{
		Args: []string{"kubectl_complete-apolo", "secret", ""}, Path: plugins(t, "kubectl-apolo_secret"), Out: &out, ErrOut: &errOut,
		Become: func(string, []string, []string) (int, error) { return 0, errors.New("exec format error") },
	}
	if code := d.Run(); code != 0 || out.String() != ":4\n" || errOut.Len() > 0 {
		t.Errorf("code %d, stdout %q, stderr %q", code, out.String(), errOut.String())
	}
}

func TestScriptsOfShells(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_secret", "kubectl-apolo_run", "kubectl-apolo_extra")
	for shell, want := range map[string]string{
		"bash":       "\ncomplete -o default -F __apolo_complete apolo kubectl-apolo kubectl-apolo_run kubectl-apolo_secret\n",
		"zsh":        "#compdef apolo kubectl-apolo kubectl-apolo_run kubectl-apolo_secret\n",
		"fish":       "\nfor name in apolo kubectl-apolo kubectl-apolo_run kubectl-apolo_secret\n",
		"powershell": "Register-ArgumentCompleter -Native -CommandName ('apolo kubectl-apolo kubectl-apolo_run kubectl-apolo_secret' -split ' ')",
	} {
		c := run(beside, "", "apolo", "completion", shell)
		if c.code != 0 || !strings.Contains(c.out, want) || !strings.Contains(c.out, "__complete") || strings.Contains(c.out, "COMMANDS") {
			t.Errorf("%s: code %d, stderr %q, stdout:\n%s\nlacks %q", shell, c.code, c.err, c.out, want)
		}
	}
	// No PowerShell runs here; that its brackets are closed can be seen.
	for _, pair := range []string{"{}", "()", "[]"} {
		if open, closed := strings.Count(powershellScript, pair[:1]), strings.Count(powershellScript, pair[1:]); open != closed {
			t.Errorf("the script for PowerShell has %d %c and %d %c", open, pair[0], closed, pair[1])
		}
	}
	if c := run(beside, "", "apolo", "completion"); c.code != 0 || !strings.Contains(c.out, "source <(apolo completion zsh)") {
		t.Errorf("without a shell: code %d, stdout:\n%s", c.code, c.out)
	}
	for args, want := range map[string]string{
		"tcsh":      `error: there is no completion for that shell, only for bash, zsh, fish, powershell`,
		"bash more": "error: accepts 1 arg (SHELL), received 2",
	} {
		c := run(beside, "", append([]string{"apolo", "completion"}, strings.Fields(args)...)...)
		if c.code != 2 || c.out != "" || strings.TrimSpace(c.err) != want {
			t.Errorf("completion %s: code %d, stdout %q, stderr %q", args, c.code, c.out, c.err)
		}
	}
	if c := run(plugins(t, "kubectl-apolo_completion"), "", "apolo", "completion", "bash"); !slices.Equal(c.args, []string{"apolo completion", "bash"}) {
		t.Errorf("a plugin named completion was called as %q", c.args)
	}
}

func FuzzComplete(f *testing.F) {
	for _, seed := range []string{"", "secret\n", "help\nhelp\n", "completion\n", "-", "../x\n"} {
		f.Add(seed)
	}
	beside := plugins(f, "kubectl-apolo_secret")
	f.Fuzz(func(t *testing.T, typed string) {
		d := Dispatcher{
			Args: append([]string{"kubectl_complete-apolo"}, strings.Split(typed, "\n")...), Executable: filepath.Join(beside, "x"), Out: io.Discard,
			Become: func(path string, args, _ []string) (int, error) {
				if filepath.Dir(path) != beside || args[1] != completeVerb || len(args) < 3 {
					t.Errorf("%q ran %s %q", typed, path, args)
				}
				return 0, nil
			},
		}
		d.Run()
	})
}
