// Command reference writes docs/commands and the manual pages from the help of the commands, so that there is one
// text for all three.
//
//	go run ./plugins/internal/reference docs/commands        # a page for each plugin
//	go run ./plugins/internal/reference -man DIR             # manual pages
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/plugins/acl"
	"github.com/neuro-inc/kubectl-apolo/plugins/console"
	"github.com/neuro-inc/kubectl-apolo/plugins/dispatch"
	"github.com/neuro-inc/kubectl-apolo/plugins/doctor"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/job"
	"github.com/neuro-inc/kubectl-apolo/plugins/run"
	"github.com/neuro-inc/kubectl-apolo/plugins/secret"
)

type plugin struct {
	name  string
	build func(*cmdline.Session) *cli.App
}

func plugins() []plugin {
	return []plugin{
		{"secret", secret.New}, {"acl", acl.New}, {"share", acl.NewShare}, {"run", run.New}, {"job", job.New},
		{"console", console.New}, {"doctor", doctor.New},
	}
}

func main() {
	man := flag.String("man", "", "write manual pages to this `FOLDER` instead")
	flag.Parse()
	if err := write(flag.Arg(0), *man); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(docs, man string) error {
	if (docs == "") == (man == "") {
		return errors.New("name one folder: FOLDER for Markdown, or -man FOLDER")
	}
	if err := os.MkdirAll(docs+man, 0o755); err != nil { // #nosec G301 -- for everybody to read
		return err
	}
	if man != "" {
		if err := writeOverview(man); err != nil {
			return err
		}
	}
	for _, p := range plugins() {
		commands, err := helps(p)
		if err != nil {
			return err
		}
		file, text := filepath.Join(docs, p.name+".md"), markdown(commands)
		if man != "" {
			file, text = filepath.Join(man, "kubectl-apolo-"+p.name+".1"), manual(p.name, commands)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { // #nosec G306 -- for everybody to read
			return err
		}
	}
	return nil
}

// command is one command with its help, in parts.
type command struct {
	name        string // as it is typed
	summary     string
	rest        string // from the description to the flags
	connections string // the flags that all commands have
}

// connectionHeading begins the part of a help that all commands have.
const connectionHeading = "Connection, as for kubectl:"

// helps asks a plugin, and each of its commands, for help.
func helps(p plugin) ([]command, error) {
	typed := "kubectl apolo " + p.name
	lines := [][]string{nil}
	for _, sub := range p.build(&cmdline.Session{Typed: typed}).Commands {
		if !sub.Hidden {
			lines = append(lines, []string{sub.Name})
		}
	}
	var all []command
	for _, line := range lines {
		var out, errOut bytes.Buffer
		code := cmdline.Run(context.Background(), append(append([]string{typed}, line...), "--help"),
			genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}, p.build)
		if code != cmdline.ExitDone {
			return nil, fmt.Errorf("%s %s --help ended with %d: %s", typed, strings.Join(line, " "), code, errOut.String())
		}
		summary, rest, _ := strings.Cut(out.String(), "\n")
		rest, connections, _ := strings.Cut(rest, connectionHeading)
		connections, more, _ := strings.Cut(strings.TrimLeft(connections, "\n"), "\n\n")
		if more = strings.TrimSpace(more); more != "" {
			rest = strings.TrimSpace(rest) + "\n\n" + more
		}
		all = append(all, command{
			name: strings.Join(append([]string{typed}, line...), " "), summary: strings.TrimSpace(summary),
			rest: strings.TrimSpace(rest), connections: strings.TrimRight(connections, "\n"),
		})
	}
	return all, nil
}

// markdown is a page with all commands of a plugin.
func markdown(commands []command) []byte {
	var b bytes.Buffer
	for i, c := range commands {
		level := "##"
		if i == 0 {
			level = "#"
			fmt.Fprint(&b, "<!-- Written by 'make docs' from the help of the command. -->\n\n")
		} else {
			fmt.Fprint(&b, "\n")
		}
		fmt.Fprintf(&b, "%s %s\n\n%s.\n\n```text\n%s\n```\n", level, c.name, c.summary, c.rest)
	}
	fmt.Fprintf(&b, "\n## Flags of every command\n\n```text\n%s\n```\n", commands[0].connections)
	return b.Bytes()
}

// manual is the same as a manual page, in the form of roff.
func manual(name string, commands []command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% KUBECTL-APOLO-%s 1\n\n# NAME\n\nkubectl-apolo-%s - %s\n\n", strings.ToUpper(name), name, lower(commands[0].summary))
	for i, c := range commands {
		heading := c.name
		if i == 0 {
			heading = "DESCRIPTION"
		}
		fmt.Fprintf(&b, "# %s\n\n", heading)
		if i > 0 {
			fmt.Fprintf(&b, "%s.\n\n", c.summary)
		}
		fmt.Fprintf(&b, "```\n%s\n```\n\n", c.rest)
	}
	fmt.Fprintf(&b, "# FLAGS OF EVERY COMMAND\n\n```\n%s\n```\n\n# SEE ALSO\n\nkubectl(1), kubectl-apolo(1)", commands[0].connections)
	writeSiblings(&b, name)
	return md2man.Render(b.Bytes())
}

// writeSiblings continues with the pages of all plugins but one.
func writeSiblings(b *bytes.Buffer, name string) {
	for _, other := range plugins() {
		if other.name != name {
			fmt.Fprintf(b, ", kubectl-apolo-%s(1)", other.name)
		}
	}
	b.WriteByte('\n')
}

// writeOverview writes the manual page of the command that has all plugins, also under its other name.
func writeOverview(folder string) error {
	var names []string
	for _, p := range plugins() {
		names = append(names, p.name)
	}
	slices.Sort(names)
	summary, rest, _ := strings.Cut(dispatch.Help("kubectl apolo", names), "\n")
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% KUBECTL-APOLO 1\n\n# NAME\n\nkubectl-apolo, apolo - %s\n\n# DESCRIPTION\n\n```\n%s\n```\n\n# SEE ALSO\n\nkubectl(1)", summary, strings.TrimSpace(rest))
	writeSiblings(&b, "")
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "kubectl-apolo.1"), md2man.Render(b.Bytes()), 0o644),     // #nosec G306 -- for everybody to read
		os.WriteFile(filepath.Join(folder, "apolo.1"), []byte(".so man1/kubectl-apolo.1\n"), 0o644)) // #nosec G306 -- for everybody to read
}

func lower(text string) string { return strings.ToLower(text[:1]) + text[1:] }
