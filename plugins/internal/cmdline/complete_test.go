package cmdline

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// chosen is a flag whose values are known, as -o.
type chosen struct{ *cli.StringFlag }

func (chosen) Choices() []string {
	return []string{"wide", "json", "yaml", "jsonpath=", "jsonpath-file="}
}

// completedApp has one of each that can be completed. A KEY shows what its Completer was told.
func completedApp(s *Session) *cli.App {
	told := func(_ context.Context, c *completion.Word) {
		c.Offer(strings.Join(append([]string{c.Command, c.Kube.Overrides.Context.Namespace}, c.Args...), "/"), "")
	}
	s.Completers = completion.Completers{
		"KEY": completion.Words("alpha", "beta"), "VALUE": func(_ context.Context, c *completion.Word) { c.OfferPaths("@") },
		"WHERE": told, "--env": completion.Words("A=b", "A=c"), "COLUMNS": completion.WordList("id", "name"), "TEXT": completion.Words("x\ty", "a b", "$(reboot)", "`x`", "-", "ok"),
		"PART": func(_ context.Context, c *completion.Word) { c.OfferOpen("disk:") },
	}
	return &cli.App{Commands: []*cli.Command{
		{Name: "get", Aliases: []string{"fetch"}, Usage: "Print it", ArgsUsage: "KEY [WHERE]", Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "write to `FILE`"},
			&cli.StringFlag{Name: "format", Usage: "`COLUMNS` to show"},
			&cli.GenericFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE`", Value: &Strings{}},
			&cli.BoolFlag{Name: "secretly", Hidden: true},
			&chosen{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "print as `FORMAT`"}},
			s.QuietFlag("say nothing"),
		}},
		{Name: "add", ArgsUsage: "KEY [VALUE]"},
		{Name: "rm", ArgsUsage: "KEY..."},
		{Name: "exec", ArgsUsage: "PART -- COMMAND [ARGUMENT...]"},
		{Name: "say", ArgsUsage: "TEXT"},
		{Name: "hidden", Hidden: true},
	}}
}

func completed(t testing.TB, words ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	code := Run(context.Background(), append([]string{"kubectl apolo test", completion.Verb}, words...),
		genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, completedApp)
	if code != 0 || errOut.Len() > 0 {
		t.Errorf("%q: code %d, stderr %q", words, code, errOut.String())
	}
	return out.String()
}

// candidatesOf are the candidates of an answer, without descriptions, and the directive.
func candidatesOf(answer string) string {
	return strings.Join(strings.Fields(regexp.MustCompile(`\t.*`).ReplaceAllString(answer, "")), " ")
}

func TestCompletes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"value.json", "with space", ".dotted", "folder/inner"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(t.TempDir(), "config")
	err := os.WriteFile(config, []byte(`{apiVersion: v1, kind: Config, current-context: one,
		contexts: [{name: one, context: {cluster: c1, user: u1}}, {name: two, context: {cluster: c1, user: u2}}],
		clusters: [{name: c1, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u1}, {name: u2}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", config)

	for name, test := range map[string]struct {
		typed string // words between single spaces
		want  string
	}{
		"commands":                                 {"", "get add rm exec say :4"},
		"a command":                                {"g", "get :4"},
		"another name of a command":                {"fe", "fetch :4"},
		"an argument":                              {"get a", "alpha :4"},
		"after another name":                       {"fetch ", "alpha beta :4"},
		"the next argument":                        {"get alpha ", "get//alpha :4"},
		"flags that were given count":              {"get -nteam alpha ", "get/team/alpha :4"},
		"flags before the command":                 {"-n team get --file x alpha ", "get/team/alpha :4"},
		"after --":                                 {"get -- ", "alpha beta :4"},
		"no flags after --":                        {"get -- --f", ":4"},
		"one argument too many":                    {"get a b ", ":4"},
		"of several, the others":                   {"rm beta ", "alpha :4"},
		"what another program gets":                {"exec j -- ", ":4"},
		"the beginning of a word":                  {"exec d", "disk: :6"},
		"a flag":                                   {"get --f", "--file --format :4"},
		"a flag has one short name":                {"get -f", "-f :4"},
		"a flag that was given":                    {"get -f x --f", "--format :4"},
		"a flag that may be repeated":              {"get --env A=b --e", "--env :4"},
		"a hidden flag":                            {"get --s", ":4"},
		"the help flag":                            {"get --h", "--help :4"},
		"a file":                                   {"get --file ", ":0"},
		"a file after =":                           {"get --file=va", ":0"},
		"words of a flag":                          {"get -o y", "yaml :4"},
		"words of a flag that go on":               {"get -o jsonpath", "jsonpath= jsonpath-file= :6"},
		"words of a flag after =":                  {"get --output=w", "wide :4"},
		"words of a flag in one":                   {"get -ow", "-owide :4"},
		"short flags in one":                       {"get -qo w", "wide :4"},
		"a value with =":                           {"get -e A=", "A=b A=c :4"},
		"a value with = for all shells":            {"get --env=A=b", "A=b b :4"},
		"a list":                                   {"get --format ", "id name :6"},
		"the rest of a list":                       {"get --format id,", "id,name :6"},
		"a path":                                   {"add k @v", "@value.json :4"},
		"paths, without those a shell takes apart": {"add k @", "@folder/ @value.json :6"},
		"a path in a folder":                       {"add k @folder/", "@folder/inner :4"},
		"a dotted path":                            {"add k @.", "@.dotted :4"},
		"a path that is not there":                 {"add k @none/", ":4"},
		"a value":                                  {"add k v", ":4"},
		"contexts":                                 {"get --context ", "one two :4"},
		"clusters":                                 {"get --cluster=", "c1 :4"},
		"users":                                    {"get --user ", "u1 u2 :4"},
		"namespaces, of no cluster":                {"get -n ", "default :4"},
		"only what is one word for all shells":     {"say ", "ok :4"},
		"an unknown command":                       {"nonsense ", "get add rm exec say :4"},
		"an unknown flag":                          {"get --nonsense a", "alpha :4"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := candidatesOf(completed(t, strings.Split(test.typed, " ")...)); got != test.want {
				t.Errorf("%q gave %q, wanted %q", test.typed, got, test.want)
			}
		})
	}
}

func TestCompletionDescribes(t *testing.T) {
	if got, want := completed(t, "g"), "get\tPrint it\n:4\n"; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
	if got, want := completed(t, "get", "--fi"), "--file\twrite to FILE\n:4\n"; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
}

// kubectl calls a link of that name for "kubectl apolo-test <TAB>".
func TestCompletesUnderTheNameThatKubectlLooksFor(t *testing.T) {
	for _, name := range []string{"/bin/kubectl_complete-apolo_test", "kubectl_complete-apolo_test.exe"} {
		var out bytes.Buffer
		Run(context.Background(), []string{name, "g"}, genericiooptions.IOStreams{Out: &out, ErrOut: &out}, completedApp)
		if got := candidatesOf(out.String()); got != "get :4" {
			t.Errorf("%s answered %q", name, got)
		}
	}
}

// Whatever was typed, nothing is offered that a shell would carry out.
func FuzzCompletion(f *testing.F) {
	for _, seed := range []string{"", "get\n", "get\n-n\nteam\n--file=", "rm\na\n--\n-", "get\n-qo", "--env=A=B=", "add\nk\n@../"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
		words := strings.Split(typed, "\n")
		answer := completed(t, words...)
		lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
		if !slices.Contains([]string{":0", ":2", ":4", ":6"}, lines[len(lines)-1]) {
			t.Errorf("%q has no directive", answer)
		}
		for _, line := range lines[:len(lines)-1] {
			if word, _, _ := strings.Cut(line, "\t"); strings.ContainsAny(word, " $`;&|<>(){}*?'\"\\\x1b") {
				t.Errorf("%q completes to %q", words, word)
			}
		}
	})
}
