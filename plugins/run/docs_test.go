package run

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

var (
	code   = regexp.MustCompile("`([^`]+)`")
	effect = regexp.MustCompile("`([^`]+)` = `([^`]*)`")
)

// row is one of the table of docs/jobs.md: Apolo's flag, our examples, what they become.
type row struct {
	apolo    string
	examples []string
	becomes  string
}

func readDocs(t *testing.T) (text string, rows []row) {
	t.Helper()
	content, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "/"), "|")
		if len(cells) != 5 || !strings.Contains(cells[2], "`-") {
			continue
		}
		r := row{apolo: cells[1], becomes: cells[3]}
		for _, example := range code.FindAllStringSubmatch(cells[2], -1) {
			r.examples = append(r.examples, example[1])
		}
		rows = append(rows, r)
	}
	if len(rows) < 40 {
		t.Fatalf("only %d rows were found", len(rows))
	}
	return string(content), rows
}

// The table of docs/jobs.md says what is so: each example makes a Job with the value at the path.
func TestDocumentedFlagsMakeTheDocumentedJob(t *testing.T) {
	_, rows := readDocs(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("settings.env", []byte("A=from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		effects := effect.FindAllStringSubmatch(row.becomes, -1)
		if len(effects) == 0 && !strings.Contains(row.becomes, "nothing") {
			t.Errorf("%q: neither a path nor nothing", row.examples)
		}
		for _, example := range row.examples {
			words, err := shellquote.Split(example)
			if err != nil {
				t.Fatal(err)
			}
			if len(effects) == 0 {
				continue
			}
			if !slices.Contains([]string{"-n", "--namespace", "-p", "--project"}, words[0]) {
				words = append(words, "-n", "default")
			}
			exit, out, errOut := call(t, New, append(words, "--dry-run=client", "-o", "json", "busybox:1")...)
			decoder := json.NewDecoder(strings.NewReader(out))
			decoder.UseNumber()
			var job any
			if err := decoder.Decode(&job); exit != 0 || err != nil {
				t.Errorf("%s: exit code %d, %s", example, exit, errOut)
				continue
			}
			for _, effect := range effects {
				if got := valueAt(t, job, effect[1]); got != effect[2] {
					t.Errorf("%s: %s is %q, not %q", example, effect[1], got, effect[2])
				}
			}
		}
	}
}

func valueAt(t *testing.T, job any, path string) string {
	t.Helper()
	path = regexp.MustCompile(`^pod\.`).ReplaceAllString(path, "spec.template.spec.")
	path = regexp.MustCompile(`^container\.`).ReplaceAllString(path, "spec.template.spec.containers[0].")
	parser := jsonpath.New("").AllowMissingKeys(true)
	if err := parser.Parse("{." + path + "}"); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var out bytes.Buffer
	if err := parser.Execute(&out, job); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out.String()
}

// The table has every flag of run by all its names, and no flag that is none.
func TestEveryFlagIsDocumented(t *testing.T) {
	text, rows := readDocs(t)
	app, _ := newApp(&cmdline.Session{})
	exist := map[string]bool{"--version": true, "-n": true, "--namespace": true, "-p": true, "--project": true, "--cluster": true, "-v": true}
	for _, flag := range app.Flags {
		for _, name := range flag.Names() {
			dashes := "--"
			if len(name) == 1 {
				dashes = "-"
			}
			exist[dashes+name] = true
		}
	}
	documented := map[string]bool{}
	for _, row := range rows {
		for _, example := range row.examples {
			words, err := shellquote.Split(example)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range words {
				if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "-") {
					documented[name] = true
				}
			}
		}
	}
	for name := range exist {
		if !documented[name] {
			t.Errorf("docs/jobs.md has no row with %s", name)
		}
	}
	for name := range documented {
		if !exist[name] {
			t.Errorf("docs/jobs.md has %s, which is no flag of run", name)
		}
	}

	// What Apolo has and run has not.
	_, absent, found := strings.Cut(text, "why it is not here |")
	absent, _, _ = strings.Cut(absent, "\n## ")
	names := regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(absent, -1)
	if !found || len(names) == 0 {
		t.Fatal("the second table is missing")
	}
	for _, name := range names {
		if exist[name[1]] && name[1] != "--service-account" {
			t.Errorf("docs/jobs.md says that there is no %s", name[1])
		}
	}
}

// Apolo's flags, from its own documentation of run, with the short forms that are theirs.
func TestEveryFlagOfApoloIsMentioned(t *testing.T) {
	text, _ := readDocs(t)
	for _, name := range strings.Fields(`--browse --cluster --description --detach --energy-schedule --entrypoint --env --env-file --extshm
		--no-extshm --http-auth --no-http-auth --http-port --life-span --name --org --pass-config --port-forward --preset --priority --privileged
		--project --restart --schedule-timeout --tag --tty --no-tty --volume --wait-for-seat --wait-start --no-wait-start --workdir --quiet`) {
		if !regexp.MustCompile("`[^`]*" + name + "[^a-z-]").MatchString(text) {
			t.Errorf("docs/jobs.md says nothing of %s", name)
		}
	}
}

func TestDocumentedPresetsCanBeRead(t *testing.T) {
	text, _ := readDocs(t)
	_, example, _ := strings.Cut(text, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var configMap corev1.ConfigMap
	if err := yaml.UnmarshalStrict([]byte(example), &configMap); err != nil {
		t.Fatal(err)
	}
	if configMap.Name != jobspec.PresetsConfigMap || configMap.Namespace != jobspec.PresetsNamespace || len(configMap.Data) < 2 {
		t.Errorf("%+v", configMap)
	}
	for name, text := range configMap.Data {
		if _, err := jobspec.ParsePreset(name, text); err != nil {
			t.Error(err)
		}
	}
}

// Each flag's help has an example: in its own line, or in the examples of the command.
func TestEveryFlagHasAnExample(t *testing.T) {
	app, _ := newApp(&cmdline.Session{})
	for _, flag := range app.Flags {
		usage := flag.(interface{ GetUsage() string }).GetUsage()
		if !strings.Contains(usage, "such as") && !slices.ContainsFunc(flag.Names(), func(name string) bool {
			return regexp.MustCompile("(?m)[ ,]--?" + name + "([ =]|$)").MatchString(app.UsageText)
		}) {
			t.Errorf("the help has no example of --%s", flag.Names()[0])
		}
	}
}
