// Package dispatch is kubectl-apolo, also under the name apolo: it finds the plugin binary that a
// command names and becomes it. It uses the standard library alone, so that nobody notices it.
package dispatch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/suggest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/version"
)

// pluginPrefix begins the file name of every plugin. kubectl finds "kubectl apolo-NAME" by it too.
const pluginPrefix = "kubectl-apolo_"

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// summary is shown for a plugin that comes with this one; others are listed by name.
func summary(name string) string {
	switch name {
	case "secret":
		return "Keep passwords, keys and tokens for your jobs"
	case "run":
		return "Run a job with your secrets in it"
	case "acl":
		return "Share secrets, and see what is shared with you"
	case "share":
		return "Share a secret; the same as acl grant"
	case "job":
		return "See and control your jobs"
	case "console":
		return "Do all this in the browser"
	case "doctor":
		return "Check that your cluster and your rights are fit for all this"
	}
	return ""
}

// shortForm is a command that stands for a verb of the plugin job. A plugin of that name goes before it.
type shortForm struct{ name, verb string }

func shortForms() []shortForm {
	return []shortForm{{"ps", "ls"}, {"logs", "logs"}, {"status", "status"}, {"exec", "exec"}, {"attach", "attach"}, {"browse", "browse"}, {"kill", "kill"},
		{"top", "top"}, {"port-forward", "port-forward"}}
}

// shortFormOf returns the short form of a name, or nil.
func shortFormOf(name string) *shortForm {
	all := shortForms()
	if i := slices.IndexFunc(all, func(s shortForm) bool { return s.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// jobPlugin has the verbs that the short forms stand for.
const jobPlugin = "job"

// Dispatcher is one call.
type Dispatcher struct {
	Args        []string // the process's, with its own name first
	Environment []string
	Executable  string // its own path; plugins beside it come before those on Path
	Path        string // the list of folders in the environment variable PATH
	Out, ErrOut io.Writer
	// Become runs a plugin in place of this process. It returns only an error, or on Windows
	// the exit code of the plugin.
	Become func(path string, args, environment []string) (int, error)
}

// Main dispatches as a process and returns its exit code.
func Main() int {
	executable, err := os.Executable()
	if err == nil {
		// krew installs symbolic links; the plugins are beside what they point to.
		if resolved, linkErr := filepath.EvalSymlinks(executable); linkErr == nil {
			executable = resolved
		}
	}
	d := Dispatcher{
		Args: os.Args, Environment: os.Environ(), Executable: executable, Path: os.Getenv("PATH"),
		Out: os.Stdout, ErrOut: os.Stderr, Become: become,
	}
	return d.Run()
}

// Run finds and becomes the plugin, or answers itself, and returns the exit code.
func (d *Dispatcher) Run() int {
	if words, ok := d.completing(); ok {
		return d.complete(words)
	}
	global, args, err := readGlobals(d.Args[1:])
	if err != nil {
		return d.fail(exitUsage, "%s", err)
	}
	if len(args) == 0 {
		return d.help()
	}
	switch args[0] {
	case "help", "--help", "-h":
		if len(args) == 1 {
			return d.help()
		}
		args = append(slices.Clone(args[1:]), "--help")
	case "version", "--version":
		return d.print(fmt.Sprintln(d.typed(), version.Line()))
	}
	args = redirected(args)
	name := args[0]
	if strings.HasPrefix(name, "-") {
		return d.fail(exitUsage, "flags must come after the command: %s COMMAND --FLAG", d.typed())
	}
	path, ok := d.find(name)
	if short := shortFormOf(name); !ok && short != nil {
		name = jobPlugin
		args = append([]string{name, short.verb}, args[1:]...)
		path, ok = d.find(name)
	}
	if !ok && name == completionCommand {
		return d.completion(args[1:])
	}
	if !ok {
		if word := d.instead(name); word != "" {
			return d.fail(exitUsage, "there is no command %s: %s", name, word)
		}
		return d.fail(exitUsage, "%s; see '%s --help'", suggest.UnknownCommand(name, d.known()), d.typed())
	}
	if len(global.flags) > 0 && summary(name) == "" {
		return d.fail(exitUsage, "%s is not one of Apolo's plugins: flags must come after it", name)
	}
	// The plugin shows this first argument in its help as what the user typed.
	code, err := d.Become(path, slices.Concat([]string{d.typed() + " " + name}, global.flags, args[1:]), append(d.Environment, global.environment...))
	if err != nil {
		return d.fail(exitFailed, "cannot run %s: %s", path, err)
	}
	return code
}

func (d *Dispatcher) fail(code int, format string, args ...any) int {
	fmt.Fprintln(d.ErrOut, "error: "+fmt.Sprintf(format, args...))
	return code
}

// typed is what the user typed to get here: apolo, or kubectl apolo.
func (d *Dispatcher) typed() string {
	name := strings.TrimSuffix(filepath.Base(d.Args[0]), ".exe")
	if strings.HasPrefix(name, completerName) {
		return "kubectl apolo"
	}
	if rest, ok := strings.CutPrefix(name, "kubectl-"); ok {
		return "kubectl " + rest
	}
	return name
}

// find returns the binary of a plugin.
func (d *Dispatcher) find(name string) (string, bool) { return d.file(pluginPrefix + name) }

// file returns the path of a program.
func (d *Dispatcher) file(name string) (string, bool) {
	if name != filepath.Base(name) {
		return "", false // never out of the folders
	}
	for _, folder := range d.folders() {
		path := filepath.Join(folder, name)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		if isExecutable(path) {
			return path, true
		}
	}
	return "", false
}

// names lists all plugins there are, sorted.
func (d *Dispatcher) names() []string {
	var names []string
	for _, folder := range d.folders() {
		files, _ := os.ReadDir(folder) // a folder of PATH that does not exist has no plugins
		for _, file := range files {
			name, ok := strings.CutPrefix(strings.TrimSuffix(file.Name(), ".exe"), pluginPrefix)
			if ok && name != "" && isExecutable(filepath.Join(folder, file.Name())) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// known lists all commands that can be typed.
func (d *Dispatcher) known() []string {
	names := d.names()
	if slices.Contains(names, jobPlugin) {
		for _, short := range shortForms() {
			names = append(names, short.name)
		}
	}
	return append(names, completionCommand)
}

func (d *Dispatcher) folders() []string {
	var folders []string
	if d.Executable != "" {
		folders = append(folders, filepath.Dir(d.Executable))
	}
	for _, folder := range filepath.SplitList(d.Path) {
		if filepath.IsAbs(folder) { // as os/exec: never run what lies in the current folder
			folders = append(folders, folder)
		}
	}
	return folders
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return false
	}
	return runtime.GOOS == "windows" || info.Mode()&0o111 != 0
}

func (d *Dispatcher) help() int {
	return d.print(Help(d.typed(), d.names()))
}

// print writes to standard output what was asked for.
func (d *Dispatcher) print(text string) int {
	_, err := io.WriteString(d.Out, text)
	switch path := (*fs.PathError)(nil); {
	case err == nil:
		return exitDone
	case errors.Is(err, syscall.EPIPE): // nobody reads on
		return exitFailed
	case errors.As(err, &path):
		err = path.Err
	}
	return d.fail(exitFailed, "can't write to standard output: %s", err)
}

// Help is what the dispatcher says of itself to who typed that, and of the plugins that there are.
func Help(typed string, names []string) string {
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Apolo's secrets for any Kubernetes: keep them, share them, use them in jobs\n\nUsage:\n  %s COMMAND [flags]\n\nCommands:\n", typed)
	for _, name := range names {
		fmt.Fprintf(&b, "  %s\n", strings.TrimRight(fmt.Sprintf("%-*s  %s", width, name, summary(name)), " "))
	}
	if len(names) == 0 {
		fmt.Fprintf(&b, "  (none: put %s* beside kubectl-apolo or on PATH)\n", pluginPrefix)
	}
	if slices.Contains(names, jobPlugin) {
		b.WriteString("\nShort forms:\n")
		width := 0
		for _, short := range shortForms() {
			width = max(width, len(short.name))
		}
		for _, short := range shortForms() {
			fmt.Fprintf(&b, "  %-*s  %s %s\n", width, short.name, jobPlugin, short.verb)
		}
	}
	fmt.Fprintf(&b, "\nShells:\n  %s SHELL  print a script that completes commands in bash, zsh, fish or powershell\n", completionCommand)
	fmt.Fprintf(&b, "\nFlags:\n  --help     show help\n  --version  print version, commit, date and Go, and exit\n\nUse \"%s COMMAND --help\" for more information about a command.\n", typed)
	return b.String()
}
