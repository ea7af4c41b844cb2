package dispatch

import (
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// completeVerb asks what may stand where the cursor is, of this command and of every plugin that
	// comes with it. The words after it are those of the command line, the last one up to the cursor.
	completeVerb = "__complete"
	// completerName is what kubectl runs for "kubectl apolo <TAB>", with the words after apolo, and with
	// _NAME after it for "kubectl apolo-NAME <TAB>" (k8s.io/kubectl/pkg/cmd/plugin, plugin_completion.go).
	completerName = "kubectl_complete-apolo"
	// nothing is the answer where nothing can be completed: not even files.
	nothing = ":4\n"
)

// completionCommand prints the script of a shell.
const completionCommand = "completion"

//go:embed shells/completion.bash
var bashScript string

//go:embed shells/completion.zsh
var zshScript string

//go:embed shells/completion.fish
var fishScript string

//go:embed shells/completion.ps1
var powershellScript string

// shells is who has a script, and what a user runs to have it used in the shell at hand.
func shells() []struct{ name, script, use string } {
	return []struct{ name, script, use string }{
		{"bash", bashScript, "source <(%s)"},
		{"zsh", zshScript, "source <(%s)"},
		{"fish", fishScript, "%s | source"},
		{"powershell", powershellScript, "%s | Out-String | Invoke-Expression"},
	}
}

// completing returns the words to complete, where that is what the process was started for.
func (d *Dispatcher) completing() (words []string, ok bool) {
	args := d.Args[1:]
	plugin, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(d.Args[0]), ".exe"), completerName)
	switch {
	case ok && plugin == "":
		words = args
	case ok:
		words = append([]string{strings.TrimPrefix(plugin, "_")}, args...)
	case len(args) > 0 && args[0] == completeVerb:
		words = args[1:]
	default:
		return nil, false
	}
	if len(words) == 0 {
		words = []string{""}
	}
	return words, true
}

// complete answers with what may stand in place of the last word, or becomes the plugin that knows.
func (d *Dispatcher) complete(words []string) int {
	if words[0] == "help" && len(words) > 1 {
		words = words[1:]
	}
	if len(words) > 2 { // "job run" itself may still become another verb
		words = redirected(words)
	}
	if len(words) == 1 {
		return d.completeOwn(words[0])
	}
	name, rest := words[0], words[1:]
	path, ok := d.find(name)
	switch short := shortFormOf(name); {
	case ok && summary(name) == "":
		// Another's plugin may take any word for an order; it has its own completer, or none.
		if path, ok = d.file(completerName + "_" + name); !ok {
			return d.answer(nothing)
		}
		return d.becomeCompleter(path, append([]string{path}, rest...))
	case ok:
	case name == completionCommand && len(rest) == 1:
		var b strings.Builder
		for _, shell := range shells() {
			offer(&b, rest[0], shell.name, "")
		}
		return d.answer(b.String() + nothing)
	case short != nil:
		name, rest = jobPlugin, append([]string{short.verb}, rest...)
		path, ok = d.find(name)
	}
	if !ok {
		return d.answer(nothing)
	}
	return d.becomeCompleter(path, append([]string{d.typed() + " " + name, completeVerb}, rest...))
}

// becomeCompleter never complains: the user is in the middle of a line.
func (d *Dispatcher) becomeCompleter(path string, args []string) int {
	code, err := d.Become(path, args, d.Environment)
	if err != nil {
		return d.answer(nothing)
	}
	return code
}

// completeOwn completes the name of a command.
func (d *Dispatcher) completeOwn(typed string) int {
	var b strings.Builder
	names := d.names()
	for _, name := range names {
		offer(&b, typed, name, summary(name))
	}
	if slices.Contains(names, jobPlugin) {
		for _, short := range shortForms() {
			offer(&b, typed, short.name, "The same as "+jobPlugin+" "+short.verb)
		}
	}
	offer(&b, typed, completionCommand, "Print a script that completes commands in a shell")
	offer(&b, typed, "help", "Show help")
	offer(&b, typed, "version", "Print version, commit, date and Go")
	if strings.HasPrefix(typed, "-") {
		offer(&b, typed, "--help", "Show help")
		offer(&b, typed, "--version", "Print version, commit, date and Go")
	}
	return d.answer(b.String() + nothing)
}

// offer adds a candidate, if it begins as typed.
func offer(b *strings.Builder, typed, candidate, description string) {
	if !strings.HasPrefix(candidate, typed) {
		return
	}
	b.WriteString(candidate)
	if description != "" {
		b.WriteString("\t" + description)
	}
	b.WriteByte('\n')
}

func (d *Dispatcher) answer(text string) int {
	if _, err := io.WriteString(d.Out, text); err != nil {
		return exitFailed
	}
	return exitDone
}

// completion prints the script for one shell, which completes all that can be called without kubectl.
func (d *Dispatcher) completion(args []string) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		return d.completionHelp()
	}
	var names []string
	for _, shell := range shells() {
		if shell.name != args[0] {
			names = append(names, shell.name)
			continue
		}
		if len(args) > 1 {
			return d.fail(exitUsage, "accepts 1 arg (SHELL), received %d", len(args))
		}
		commands := []string{"apolo", "kubectl-apolo"}
		for _, name := range d.names() {
			if summary(name) != "" {
				commands = append(commands, pluginPrefix+name)
			}
		}
		return d.print(strings.ReplaceAll(shell.script, "COMMANDS", strings.Join(commands, " ")))
	}
	return d.fail(exitUsage, "there is no completion for that shell, only for %s", strings.Join(names, ", "))
}

func (d *Dispatcher) completionHelp() int {
	var b strings.Builder
	call := d.typed() + " " + completionCommand
	fmt.Fprintf(&b, `Print a script that completes commands in a shell

It completes "apolo …" and the plugins called by their own names, as in "kubectl-apolo_secret …". To complete
"kubectl apolo …", kubectl's own completion looks for %s on PATH. Where that is
missing, put a link to it beside kubectl-apolo:

  ln -s kubectl-apolo "$(dirname "$(command -v kubectl-apolo)")/%s"

Usage:
  %s SHELL

Use it in the shell at hand, or put the line into the file with which the shell starts:
`, completerName, completerName, call)
	for _, shell := range shells() {
		fmt.Fprintf(&b, "  %-10s  %s\n", shell.name, fmt.Sprintf(shell.use, call+" "+shell.name))
	}
	return d.print(b.String())
}
