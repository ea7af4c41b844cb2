// Package verbtest runs commands in this process against the API server of kubetest, as tables of tests.
// Only tests import it.
package verbtest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// Plugin is what a table is about.
type Plugin struct {
	Name  string // as in "kubectl apolo NAME"
	Build func(*cmdline.Session) *cli.App
	// Stored says what there is in the cluster, a line an object, as far as it concerns the table.
	Stored func(*kubetest.Server) []string
}

// Case is one call of a command, and what comes of it.
type Case struct {
	Name    string // where the command alone does not say what is special
	Command string // words as a shell reads them, after the plugin's name
	Stdin   string
	Files   map[string]string // in the current folder
	Objects []runtime.Object  // in the cluster
	Server  func(*kubetest.Server)

	Code     int
	Stdout   string // all of it, without the last line end
	Stderr   string
	Has      []string // parts of standard output, in place of all of it
	Table    []string // or its rows, with one space between cells
	Requests []string // nil: any
	Stored   []string // nil: what there was before
	Check    func(*testing.T, *kubetest.Server)
}

// Run runs each case on a server of its own.
func (p Plugin) Run(t *testing.T, cases []Case) {
	t.Helper()
	for _, c := range cases {
		name := c.Command
		if c.Name != "" {
			name = c.Name + ": " + name
		}
		t.Run(name, func(t *testing.T) {
			server := kubetest.Start(t, c.Objects...)
			if c.Server != nil {
				c.Server(server)
			}
			before := p.Stored(server)
			got := p.call(t, server, c)
			if got.code != c.Code {
				t.Errorf("the exit code is %d, and not %d", got.code, c.Code)
			}
			compare(t, "standard error", got.stderr, c.Stderr)
			for _, part := range c.Has {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("standard output has no %q:\n%s", part, got.stdout)
				}
			}
			if c.Table != nil {
				compare(t, "the table", rows(got.stdout), strings.Join(c.Table, "\n"))
			}
			if c.Has == nil && c.Table == nil {
				compare(t, "standard output", got.stdout, c.Stdout)
			}
			if c.Requests != nil {
				compareLines(t, "requests", server.Requests(), c.Requests)
			}
			want := c.Stored
			if want == nil {
				want = before
			}
			compareLines(t, "stored", p.Stored(server), want)
			if c.Check != nil {
				c.Check(t, server)
			}
		})
	}
}

// RunWrong runs commands that are wrong as they were typed: each ends with an error that has the given text and says where
// help is, and with exit code 2, before anything is sent. Every verb has to be among them.
func (p Plugin) RunWrong(t *testing.T, cases map[string]string) {
	t.Helper()
	for _, verb := range p.verbs(t) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(cases)), func(command string) bool { return strings.HasPrefix(command+" ", verb+" ") }) {
			t.Errorf("no wrong usage of %s %s is tried: add a row", p.Name, verb)
		}
	}
	for command, want := range cases {
		t.Run(command, func(t *testing.T) {
			server := kubetest.Start(t)
			got := p.call(t, server, Case{Command: command})
			if got.code != cmdline.ExitUsage {
				t.Errorf("the exit code is %d, and not %d", got.code, cmdline.ExitUsage)
			}
			compare(t, "standard output", got.stdout, "")
			text, help, _ := strings.Cut(got.stderr, "; see 'kubectl apolo "+p.Name)
			compare(t, "standard error", text, "error: "+want)
			if !strings.HasSuffix(help, " --help'\n") {
				t.Errorf("standard error does not say where help is: %q", got.stderr)
			}
			compareLines(t, "requests", server.Requests(), []string{})
		})
	}
}

// verbs are the names of the plugin's commands.
func (p Plugin) verbs(t *testing.T) (names []string) {
	t.Helper()
	var app *cli.App
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}
	cmdline.Run(t.Context(), []string{"kubectl apolo " + p.Name, "--help"}, streams, func(s *cmdline.Session) *cli.App {
		app = p.Build(s)
		return app
	})
	for _, command := range app.Commands {
		if command.Name != "help" {
			names = append(names, command.Name)
		}
	}
	return names
}

type outcome struct {
	stdout, stderr string
	code           int
}

func (p Plugin) call(t *testing.T, server *kubetest.Server, c Case) outcome {
	t.Helper()
	words, err := shellquote.Split(c.Command)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("KUBECONFIG", server.Kubeconfig)
	t.Setenv("HOME", folder) // namespaces that were used are noted there
	t.Setenv("XDG_CACHE_HOME", "")
	for name, content := range c.Files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(c.Stdin), Out: &stdout, ErrOut: &stderr}
	code := cmdline.Run(t.Context(), append([]string{"kubectl apolo " + p.Name}, words...), streams, p.Build)
	return outcome{stdout.String(), stderr.String(), code}
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if strings.TrimSuffix(got, "\n") != want {
		t.Errorf("%s is\n%s\nand not\n%s", what, got, want)
	}
}

// rows are the rows of a table as text, the headings first.
func rows(table string) string {
	var all []string
	for line := range strings.Lines(table) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "╶") {
			all = append(all, strings.Join(words, " "))
		}
	}
	return strings.Join(all, "\n")
}

// compareLines compares lists whose order is that of requests at the same time.
func compareLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n\t%s\nand not\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Stored lists the objects of some resources, a line each: "RESOURCE NAMESPACE/NAME", and what describe says of it.
func Stored(server *kubetest.Server, describe map[string]func(content map[string]any) string) (lines []string) {
	for resource, words := range describe {
		for _, object := range server.Objects(resource) {
			line := fmt.Sprintf("%s %s/%s", resource, object.GetNamespace(), object.GetName())
			if text := words(object.Object); text != "" {
				line += " " + text
			}
			if object.GetDeletionTimestamp() != nil {
				line += " (being deleted)"
			}
			lines = append(lines, line)
		}
	}
	return lines
}
