package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/terminal"
)

// follow shows a job until it ends: its log, with the user's input where it reads some, or the user's
// terminal as the job's.
func (o *options) follow(ctx context.Context, api *jobs.Client, job jobs.Ref, show *progress.Progress) (jobstatus.State, error) {
	o.SetLongRunning()
	o.forwarder.Line = show.Line
	defer o.forwarder.Close()
	defer o.sidecars.stop()
	defer o.log.Close()
	user := ctx
	ctx, stop := o.log.Context(ctx)
	defer stop()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	observer := o.log.InOrder(jobs.Observer{Values: o.values, Trouble: show.OutOfReach, Notice: show.Notice, Attempt: show.Attempt})
	observer.State = func(state jobstatus.State) {
		o.start.saw(state)
		o.log.After(func() { show.State(state) })
		o.share.saw(ctx, api, job, state, show.Line)
		o.forwarder.Follow(ctx, api, job, state)
		o.sawSidecars(ctx, api, job, state, show, leave)
	}
	var state jobstatus.State
	var err error
	switch {
	case o.spec.TTY:
		state, err = o.interact(ctx, api, job, show, observer)
	case o.spec.Stdin:
		show.Banner = "runs, reads your input, and this is its log; Ctrl-C deletes it"
		state, err = api.FollowWithStdin(ctx, job, observer, o.In, o.log, joblog.Options{})
		err = o.endLog(user, state, err)
	default:
		state, err = api.FollowJob(ctx, job, observer, o.log, joblog.Options{})
		err = o.endLog(user, state, err)
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errLingers) {
		if err := o.log.Drain(user); err != nil {
			return jobstatus.State{}, err
		}
		return o.sidecars.lingering(), cause
	}
	if failed := o.log.Err(); failed != nil {
		return state, failed
	}
	return state, err
}

func (o *options) interact(ctx context.Context, api *jobs.Client, job jobs.Ref, show *progress.Progress, observer jobs.Observer) (jobstatus.State, error) {
	user := terminal.Of(o.In, o.Out)
	show.Through(user.Lines)
	show.Banner = "runs, and you are attached to it: Ctrl-C goes to it, " + terminal.DetachKeys +
		" leaves it running. If you see no prompt, press Enter"
	o.forwarder.Hide = true
	lent, keys := user.Begin(ctx, terminal.Detaching)
	defer user.Restore()
	lent, cancel := context.WithCancelCause(lent)
	defer cancel(nil)
	showState, begun := observer.State, false
	observer.State = func(state jobstatus.State) {
		showState(state)
		if begun || !state.Started || state.Phase.Final() {
			return
		}
		begun = true
		if err := user.Lend(lent); err != nil {
			cancel(err)
		}
	}
	state, err := api.AttachJob(lent, job, observer, remote.Streams{In: keys, Out: o.Out, TTY: true, Sizes: user.Sizes}, user.Lines(o.Out))
	if user.Restore(); err != nil && begun {
		fmt.Fprintln(o.ErrOut) // the job has left the cursor anywhere
	}
	return state, err
}

// isLeft reports whether the user has left a job that keeps running.
func isLeft(err error) bool {
	return errors.Is(err, terminal.ErrDetached) || errors.Is(err, terminal.ErrHangup)
}

func (o *options) left(err error, job jobs.Ref, show *progress.Progress) error {
	show.Line("%s: job/%s keeps running; come back with: kubectl apolo job attach %s -n %s", err, job.Name, job.Name, job.Namespace)
	if errors.Is(err, terminal.ErrHangup) {
		return &cmdline.ExitError{Code: terminal.ExitHangup}
	}
	return nil
}

func isInputError(err error) bool {
	var input *jobs.InputError
	return errors.As(err, &input)
}
