package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/forward"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/terminal"
)

// attachOptions is one call of job attach.
type attachOptions struct {
	*cmdline.Session

	target uri.Job
	noTTY  bool
	noMask bool

	portForward cmdline.Strings
	pairs       []remote.PortPair
}

func newAttach(s *cmdline.Session) *cli.Command {
	o := &attachOptions{Session: s}
	return &cli.Command{
		Name:      "attach",
		Usage:     "Come back to a running job",
		ArgsUsage: "JOB",
		Description: naming + ` A job that was started with -t gets your terminal: Ctrl-C goes to the job, and ` + terminal.DetachKeys + ` leaves
it running. Of another job you see the log, from its first line, and with -i it gets your standard
input, if nobody else has handed it one: Ctrl-C ends the view, and the job keeps running. In a log the values
of the job's secrets are hidden as in job logs; a terminal shows all.

The exit code is the job's.`,
		UsageText: `  ` + s.Typed + ` attach training
  ` + s.Typed + ` attach training -T
  ` + s.Typed + ` attach training --port-forward 8888:8888 --port-forward 6006:6006`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-tty", Aliases: []string{"T"}, Usage: "read-only: do not forward input", Destination: &o.noTTY, DisableDefaultText: true},
			&cli.GenericFlag{Name: "port-forward", Value: &o.portForward,
				Usage: "while attached, `LOCAL:REMOTE` makes a port of the job one of this machine; LOCAL 0 is a free one; may be given several times"},
			&cli.BoolFlag{Name: "no-mask", Usage: "show the values of secrets in a log, in place of " + mask.Replacement, Destination: &o.noMask, DisableDefaultText: true},
			s.QuietFlag("print nothing but what the job prints"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *attachOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB"); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	o.pairs, err = forward.ParsePairs(o.portForward)
	return err
}

func (o *attachOptions) run(ctx context.Context) error {
	r, err := findRunning(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	forwarder := &forward.Forwarder{}
	if len(o.pairs) > 0 {
		if forwarder, err = forward.Open(o.pairs); err != nil {
			return err
		}
	}
	defer forwarder.Close()
	user := terminal.Of(o.In, o.Out)
	container := r.container()
	if container.TTY && user != nil && !o.noTTY {
		return o.interact(ctx, r, user, forwarder)
	}
	out, values, err := masked(ctx, o.Session, r.api, r.job, o.noMask, false, logview.Following)
	if err != nil {
		return err
	}
	defer out.Close()
	following, stop := out.Context(ctx)
	defer stop()
	line := tell(o.Session)
	forwarder.Line = line
	observer := out.InOrder(jobs.Observer{
		Values:  values,
		Notice:  func(text string) { line("job/%s: %s", r.job.Name, text) },
		Attempt: func(number int) { line("job/%s attempt %d", r.job.Name, number) },
	})
	view := viewCommand(following)
	defer view.end(nil)
	observer.State = func(state jobstatus.State) {
		view.saw(state)
		forwarder.Follow(ctx, r.api, r.ref(), state)
	}
	var state jobstatus.State
	switch {
	case container.Stdin && !container.TTY && !o.noTTY:
		line("job/%s gets your input, and this is its log; Ctrl-C ends the view, and the job keeps running", r.job.Name)
		state, err = r.api.FollowWithStdin(view.ctx, r.ref(), observer, o.In, out, joblog.Options{})
	default:
		line("this is the log of job/%s; Ctrl-C ends the view, and the job keeps running", r.job.Name)
		state, err = r.api.FollowJob(view.ctx, r.ref(), observer, out, joblog.Options{})
	}
	if view.ended() {
		state, err = view.last, nil
	}
	if ctx.Err() == nil { // what may be held back is not worth a wait then
		err = out.End(ctx, err)
	}
	return o.end(r, state, err)
}

func (o *attachOptions) interact(ctx context.Context, r *running, user *terminal.Terminal, forwarder *forward.Forwarder) error {
	lent, keys := user.Begin(ctx, terminal.Detaching)
	defer user.Restore()
	tell(o.Session)("attached to job/%s: Ctrl-C goes to it, %s leaves it running; press Enter if you see no prompt", r.job.Name, terminal.DetachKeys)
	if err := user.Lend(lent); err != nil {
		return err
	}
	streams := o.IOStreams
	streams.ErrOut = user.Lines(o.ErrOut)
	line := tell(&cmdline.Session{IOStreams: streams, Quiet: o.Quiet})
	view := viewCommand(lent)
	defer view.end(nil)
	forwarder.Line, forwarder.Hide = line, true
	observer := jobs.Observer{
		State: func(state jobstatus.State) {
			view.saw(state)
			forwarder.Follow(ctx, r.api, r.ref(), state)
		},
		Notice: func(text string) { line("job/%s: %s", r.job.Name, text) },
	}
	ends := remote.Streams{In: keys, Out: o.Out, TTY: true, Sizes: user.Sizes}
	state, err := r.api.AttachJob(view.ctx, r.ref(), observer, ends, nil)
	if view.ended() {
		state, err = view.last, nil
	}
	user.Restore()
	if err != nil {
		fmt.Fprintln(o.ErrOut) // the job has left the cursor anywhere
	}
	switch {
	case errors.Is(err, terminal.ErrDetached):
		line("detached: job/%s keeps running; come back with: kubectl apolo job attach %s -n %s", r.job.Name, r.job.Name, r.job.Namespace)
		return nil
	case errors.Is(err, terminal.ErrHangup):
		return &cmdline.ExitError{Code: terminal.ExitHangup}
	}
	return o.end(r, state, err)
}

// end is the job's end, or that of the view of it.
func (o *attachOptions) end(r *running, state jobstatus.State, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil && state.ExitCode > 0:
		return &cmdline.ExitError{Code: state.ExitCode, Err: r.explain(err)}
	case err != nil:
		return r.explain(err)
	case state.Phase == jobstatus.Finishing:
		tell(o.Session)("job/%s: %s; until that ends, the job counts as running", r.job.Name, state.Message)
		if state.ExitCode == 0 {
			return nil
		}
	case state.Phase == jobstatus.Succeeded:
		return nil
	}
	text := cmp.Or(state.Message, state.Reason)
	if state.ExitCode > 0 {
		text = fmt.Sprintf("exit code %d", state.ExitCode)
	}
	return &cmdline.ExitError{Code: max(state.ExitCode, cmdline.ExitFailed), Err: fmt.Errorf("job %s failed: %s", r.job.Name, text)}
}
