package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/test/docblocks"
)

// shortForms are the dispatcher's, which stand for verbs of job.
func shortForms() map[string]string {
	return map[string]string{"ps": "ls", "logs": "logs", "status": "status", "exec": "exec", "attach": "attach", "browse": "browse", "kill": "kill",
		"top": "top", "port-forward": "port-forward"}
}

// checkLine says what is wrong with the words after "kubectl apolo", as far as commands and flags go.
func checkLine(words []string) error {
	if len(words) == 0 {
		return nil
	}
	if words[0] == "-q" && len(words) > 1 { // as the dispatcher takes it
		words = words[1:]
	}
	if words[0] == "job" && len(words) > 1 && words[1] == "run" {
		words = words[1:]
	}
	if verb, ok := shortForms()[words[0]]; ok {
		words = append([]string{"job", verb}, words[1:]...)
	}
	if slices.Contains([]string{"completion", "help", "--help", "--version", "COMMAND"}, words[0]) {
		return nil
	}
	i := slices.IndexFunc(plugins(), func(p plugin) bool { return p.name == words[0] })
	if i < 0 {
		return fmt.Errorf("there is no command %q", words[0])
	}
	app := plugins()[i].build(&cmdline.Session{Typed: "kubectl apolo " + words[0]})
	// What all commands have, from the help, since it is added when a command runs.
	flags := slices.Concat(app.Flags, []cli.Flag{cli.HelpFlag})
	words = words[1:]
	if len(app.Commands) > 0 && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		command := app.Command(words[0])
		if command == nil {
			return fmt.Errorf("%s has no command %q", plugins()[i].name, words[0])
		}
		flags, words = append(flags, command.Flags...), words[1:]
	}
	known := map[string]bool{}
	for _, name := range strings.Fields("kubeconfig context cluster user namespace n project p as as-group request-timeout v version") {
		known[name] = true
	}
	for _, flag := range flags {
		for _, name := range flag.Names() {
			known[name] = true
		}
	}
	for _, word := range words {
		if word == "--" {
			return nil
		}
		name, _, _ := strings.Cut(word, "=")
		switch {
		case strings.HasPrefix(name, "--") && !known[name[2:]], strings.HasPrefix(name, "-") && len(name) > 1 && name[1] != '-' && !known[name[1:2]]:
			return fmt.Errorf("there is no flag %s", name)
		}
	}
	return nil
}

// Every command that the page for those who come from Apolo names really exists, with its flags.
func TestCommandsForThoseFromApoloExist(t *testing.T) {
	content, err := os.ReadFile("../../../docs/from-apolo.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(content), "\n## secret\n")
	checked := 0
	for line := range strings.Lines(tables) {
		text := strings.ReplaceAll(line, `\|`, "/")
		if cells := strings.Split(text, "|"); len(cells) == 5 {
			text = cells[2] + cells[3] // the first is Apolo's
			if cells[2] != " nothing " && !strings.Contains(cells[2], "`") && !strings.HasPrefix(cells[2], " here") && !strings.HasPrefix(cells[2], " ---") {
				t.Errorf("neither a command nor nothing: %s", line)
			}
		}
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
			words, err := shellquote.Split(strings.TrimPrefix(span[1], "kubectl apolo "))
			if err != nil {
				t.Errorf("%s: %v", span[1], err)
				continue
			}
			isCommand := slices.ContainsFunc(plugins(), func(p plugin) bool { return p.name == words[0] }) || shortForms()[words[0]] != ""
			if !isCommand || len(words) == 1 && words[0] != "ps" && words[0] != "top" && words[0] != "port-forward" {
				continue
			}
			checked++
			if err := checkLine(words); err != nil {
				t.Errorf("`%s`: %v", span[1], err)
			}
		}
	}
	if checked < 90 {
		t.Errorf("only %d commands were found", checked)
	}
}

// What Apolo's pages list, the page says something of: each command, and each flag of run and job.
func TestEverythingOfApoloIsMentioned(t *testing.T) {
	content, err := os.ReadFile("../../../docs/from-apolo.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split(string(content), "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		var first strings.Builder
		for line := range strings.Lines(text) {
			if cells := strings.Split(strings.ReplaceAll(line, `\|`, "/"), "|"); len(cells) == 5 {
				first.WriteString(cells[1])
			}
		}
		sections[name] = first.String()
	}
	for section, wanted := range map[string]string{
		"secret":        "add get ls rm --full-uri -f @FILE --all-projects",
		"acl and share": "add-role grant list-roles ls list remove-role revoke share --full-uri --shared -u",
		"run": `--browse --cluster -d --description --detach --energy-schedule --entrypoint -e --env --env-file -x --extshm -X --no-extshm --http-auth
			--no-http-auth --http-port --life-span -n --name --org --pass-config --no-pass-config --port-forward -s --preset --priority --privileged -p
			--project --restart --schedule-timeout --share --tag -t --tty -T --no-tty -v --volume --wait-for-seat --no-wait-for-seat --wait-start
			--no-wait-start -w --workdir`,
		"job": `attach browse bump-life-span exec generate-run generate-run-command kill logs ls port-forward run save status top ps
			--port-forward --since --timestamps -a --all --all-orgs --all-projects --cluster -d --description --distinct --format --full-uri -n --name
			--org -o --owner -p --project --recent-first --recent-last -s --status -t --tag --until -w --wide`,
	} {
		for _, word := range strings.Fields(wanted) {
			if !regexp.MustCompile("[` ]" + word + "[` ]").MatchString(sections[section]) {
				t.Errorf("docs/from-apolo.md says nothing of %s under %q", word, section)
			}
		}
	}
}

// Every line with one of our commands, in any block that shows commands, has commands and flags that exist.
func TestCommandsInBlocksExist(t *testing.T) {
	call := regexp.MustCompile(`(?:kubectl apolo|apolo|kubectl-apolo_?|kubectl apolo-)([ a-z].*)`)
	blocks, err := docblocks.Read("../../..")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, b := range blocks {
		lines := strings.SplitAfter(strings.ReplaceAll(b.Text, "\\\n", " "), "\n")
		for i, line := range lines {
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "error: ") {
				continue // the block shows that this can't be typed
			}
			match := call.FindStringSubmatch(line)
			if match == nil || b.Kind == "console" && !strings.Contains(line, "$ ") || regexp.MustCompile(`^\s*(#|cp|ln) ?`).MatchString(line) {
				continue
			}
			text, _, _ := strings.Cut(match[1], " # ")
			for _, end := range []string{" | ", " && ", ";", ")", " > ", "  #", "<TAB>"} {
				if before, _, found := strings.Cut(text, end); found && strings.Count(before, "'")%2 == 0 {
					text = before
				}
			}
			words, err := shellquote.Split(strings.TrimSpace(text))
			if err != nil {
				t.Errorf("%s:%d: %s: %v", b.File, b.Line, line, err)
				continue
			}
			checked++
			if err := checkLine(words); err != nil && !strings.Contains(line, "<TAB>") {
				t.Errorf("%s:%d: %s: %v", b.File, b.Line, strings.TrimSpace(line), err)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d commands were found", checked)
	}
}
