// Package console is the plugin kubectl-apolo_console: the Console, served on this machine.
package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/runflags"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/version"
)

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Serve(New) }

// options is one call of console.
type options struct {
	*cmdline.Session

	port      int
	noBrowser bool
	printAPI  bool
	team      teamOptions
}

// New builds the plugin's command.
func New(s *cmdline.Session) *cli.App {
	o := &options{Session: s}
	return &cli.App{
		Usage: "Do all this in the browser",
		Description: `Serves the Console to this machine alone, at 127.0.0.1, and opens the browser. It works with your kubeconfig
and your rights, until Ctrl-C. The link that it prints logs in once, within ten minutes; Enter prints a
new one.

On another machine, forward its port before you open the link: ssh -L 8080:127.0.0.1:8080 HOST`,
		UsageText: `  ` + s.Typed + `
  ` + s.Typed + ` --port 8080 --no-browser
  ` + s.Typed + ` --context staging -n team
  ` + s.Typed + ` --in-cluster --host console.example.com   # in a pod, for a team: docs/console.md`,
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "port", Usage: "`PORT` to listen on; 0 takes a free one", Destination: &o.port},
			&cli.BoolFlag{Name: "no-browser", Usage: "only print the link", Destination: &o.noBrowser, DisableDefaultText: true},
			&cli.BoolFlag{Name: "print-api", Usage: "print the OpenAPI description of the server's API and exit", Destination: &o.printAPI, DisableDefaultText: true},
		}, o.team.flags()...),
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *options) complete(args []string) error {
	if err := cmdline.CheckArgs(args); err != nil {
		return err
	}
	if o.port < 0 || o.port > 65535 {
		return cmdline.Usagef("--port %d is not between 0 and 65535", o.port)
	}
	return o.team.complete(o.IsSet)
}

func (o *options) run(ctx context.Context) error {
	o.SetLongRunning()
	if o.printAPI {
		return o.describe()
	}
	files, err := page()
	if err != nil {
		return err
	}
	if !console.Built(files) {
		fmt.Fprintln(o.ErrOut, "warning: this binary has no page in it; build both with 'make web build'")
	}
	if o.team.enabled {
		return o.serveTeam(ctx, files)
	}
	// Other programs renew what is in a kubeconfig. The context stays the one that the Console began with, whatever
	// 'kubectl config use-context' makes the current one meanwhile.
	o.Kube.Files = &kube.ConfigFiles{Context: ctx, Reread: true}
	client, err := kube.NewClient(&o.Kube)
	if err != nil {
		return err // better here than on the page
	}
	o.Kube.Overrides.CurrentContext = client.Context
	listener, err := listen(ctx, o.port)
	if err != nil {
		return err
	}
	server := console.New(console.Options{Page: files, Version: version.Number(), Kube: o.Kube, RunCommand: o.runCommand})
	link := func() string { return fmt.Sprintf("http://%s/#token=%s", listener.Addr(), server.Ticket()) }
	fmt.Fprintln(o.Out, "The Console is at "+link())
	if !o.noBrowser {
		go o.open(link()) // some browsers hold who opens them until they are closed
	}
	if cmdline.IsTerminal(o.In) {
		o.Hint("Ctrl-C ends it, Enter prints another link")
		go o.onEnter(func() { fmt.Fprintln(o.Out, link()) })
	}
	return server.Serve(ctx, listener, noLog())
}

func (o *options) serveTeam(ctx context.Context, files fs.FS) error {
	team, err := o.team.team(o.Kube.Overrides.Context.Namespace, o.Kube.UserAgent)
	if err != nil {
		return err
	}
	listener, err := o.team.listen(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "The Console listens on %s for %s\n", listener.Addr(), strings.Join(o.team.hosts, ", "))
	server := console.New(console.Options{Page: files, Version: version.Number(), Team: team, RunCommand: o.runCommand})
	return server.Serve(ctx, listener, noLog())
}

// noLog is where net/http tells of broken connections, which any browser makes.
func noLog() *log.Logger { return log.New(io.Discard, "", 0) }

// runCommand is the line for the shell that makes a job. It names what a plain command would not choose
// by itself.
func (o *options) runCommand(client *kube.Client, spec jobspec.Spec) (string, error) {
	words, err := runflags.Format(spec)
	if err != nil {
		return "", err
	}
	line := []string{"kubectl", "apolo", "run"}
	if client.Context != "" {
		plain, err := kube.NewClient(&kube.Options{Kubeconfig: o.Kube.Kubeconfig, Files: o.Kube.Files})
		if err != nil || plain.Context != client.Context {
			line = append(line, "--context", client.Context)
		}
	}
	if client.Context == "" || client.Namespace != client.ContextNamespace { // a guest's own kubeconfig is not known here
		line = append(line, "-n", client.Namespace)
	}
	return runflags.Quote(append(line, words...)...), nil
}

// listen takes a port of this machine that nobody else can reach.
func listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use; choose another with --port, or none for a free one", port)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("you can't listen on port %d; choose one above 1023 with --port", port)
	}
	return listener, err
}

// onEnter calls do for every line that the user types, until the process ends.
func (o *options) onEnter(do func()) {
	for lines := bufio.NewScanner(o.In); lines.Scan(); {
		do()
	}
}

func (o *options) describe() error {
	text, err := console.OpenAPI()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.Out, string(text))
	return err
}
