package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/terminal"
)

// execOptions is one call of job exec.
type execOptions struct {
	*cmdline.Session

	target     uri.Job
	command    []string
	tty, noTTY bool
}

func newExec(s *cmdline.Session) *cli.Command {
	app, _ := newExecCommand(s)
	return app
}

// newExecCommand returns the options too, so that tests can look at them.
func newExecCommand(s *cmdline.Session) (*cli.Command, *execOptions) {
	o := &execOptions{Session: s}
	return &cli.Command{
		Name:      "exec",
		Usage:     "Run a command in a running job",
		ArgsUsage: "JOB -- COMMAND [ARGUMENT...]",
		Description: naming + ` The exit code is the command's. It gets a terminal if you are at one, and your standard input in any
case. When it ends, or you end it with Ctrl-C, the job keeps running. A command of one word with blanks in it is split
as a shell does. A command without flags may stand without "--".`,
		UsageText: `  ` + s.Typed + ` exec training -- bash
  ` + s.Typed + ` exec training bash
  ` + s.Typed + ` exec training -T -- nvidia-smi
  ` + s.Typed + ` exec training -- "bash -c 'ls | wc -l'"
  tar c data | ` + s.Typed + ` exec training -- tar x -C /tmp`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "give it a terminal: fail if there is none", Destination: &o.tty, DisableDefaultText: true},
			&cli.BoolFlag{Name: "no-tty", Aliases: []string{"T"}, Usage: "give it no terminal", Destination: &o.noTTY, DisableDefaultText: true},
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}, o
}

func (o *execOptions) complete(args []string) (err error) {
	if len(args) == 0 {
		return cmdline.Usagef("exec needs the NAME of a job")
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	switch {
	case o.Dash > 1:
		return cmdline.Usagef("exec works on one job, and the command comes after \"--\"")
	case len(args) < 2:
		return cmdline.Usagef("exec needs a command, after \"--\"")
	case o.tty && o.noTTY:
		return cmdline.Usagef("-t and -T exclude each other")
	case o.tty && terminal.Of(o.In, o.Out) == nil:
		return cmdline.Usagef("-t needs a terminal as standard input and output")
	}
	if o.command, err = jobspec.SplitCommand(args[1:]); err != nil {
		return cmdline.Usagef("%s", err)
	}
	return nil
}

func (o *execOptions) run(ctx context.Context) error {
	r, err := findRunning(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	if r.state.Phase != jobstatus.Running {
		return r.startedError()
	}
	streams := remote.Streams{In: o.In, Out: o.Out, Err: o.ErrOut}
	if user := terminal.Of(o.In, o.Out); user != nil && !o.noTTY {
		lent, keys := user.Begin(ctx, terminal.NoDetaching)
		defer user.Restore()
		if err := user.Lend(lent); err != nil {
			return err
		}
		ctx, streams = lent, remote.Streams{In: keys, Out: o.Out, TTY: true, Sizes: user.Sizes}
	}
	err = r.api.Exec(ctx, r.job.Namespace, r.state.Pod, o.command, streams)
	var exit *remote.CommandError
	switch {
	case errors.As(err, &exit):
		return &cmdline.ExitError{Code: exit.ExitCode}
	case errors.Is(err, remote.ErrCut):
		return fmt.Errorf("job %s: %w; the command may still be running in it", r.job.Name, err)
	}
	return r.explain(err)
}
