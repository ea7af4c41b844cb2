package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
)

// deleteTimeout is how long the job's deletion may take after Ctrl-C, so that a cluster that doesn't answer can't hold
// the user. Without Ctrl-C there is the time that any request has.
const deleteTimeout = 10 * time.Second

// attend shows the job until it ends, and deletes it where it has to be ended.
func (o *options) attend(ctx context.Context, api *jobs.Client, job jobs.Ref) error {
	show := progress.New(o.Session, job)
	show.Created()
	inTime, stop := o.start.begin(ctx, o.spec.ScheduleTimeout)
	defer stop()
	state, err := o.follow(inTime, api, job, show)
	show.Erase()
	if state.Phase.Final() {
		o.showLastLines(ctx, api, job, state)
	}
	var left error
	if lingers := errors.Is(err, errLingers); o.flags.Remove() && (state.Phase.Final() || lingers) && state.Phase != jobstatus.Stuck {
		left = leftError(job, o.delete(ctx, api, job))
	}
	end := o.end(ctx, inTime, api, job, show, state, err)
	switch {
	case left == nil:
		return end
	case end == nil:
		return left
	}
	o.Warn("%s", left)
	return end
}

// leftError says that a job could not be removed; it is nil for nil.
func leftError(job jobs.Ref, err error) error {
	held := (*kube.BeingDeletedError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &held):
		return fmt.Errorf("job %s %w", job.Name, err)
	}
	return fmt.Errorf("job %s may still be there: %w; remove it with: %s", job.Name, err, job.DeleteCommand())
}

// end is the error of a job that is not followed any more, in the state that it was seen in last, and with the error of
// following it.
func (o *options) end(ctx, inTime context.Context, api *jobs.Client, job jobs.Ref, show *progress.Progress, state jobstatus.State, err error) error {
	switch {
	case isLeft(err):
		return o.left(err, job, show)
	case errors.Is(err, errLingers):
		return o.lingers(err, job, state, show)
	case o.start.missed(inTime):
		return o.giveUp(ctx, api, job, o.start.last)
	case ctx.Err() != nil:
		return o.abort(ctx, api, job, show)
	case err != nil && !state.Phase.Final():
		return fmt.Errorf("%w; the job keeps running; delete it with: %s", err, job.DeleteCommand())
	case isInputError(err):
		return failed(state.ExitCode, fmt.Errorf("job %s: %w", job.Name, err))
	}
	logErr := o.logError(err, job)
	switch {
	case state.Phase == jobstatus.Succeeded:
		return logErr
	case state.Phase == jobstatus.Stuck:
		return o.giveUp(ctx, api, job, state)
	case !state.Started:
		return failed(state.ExitCode, fmt.Errorf("job %s can't start: %s", job.Name, progress.Describe(state)))
	}
	if isOwnExit(state) {
		show.End(state)
		return &cmdline.ExitError{Code: state.ExitCode, Err: logErr, Hint: o.next(job)}
	}
	err = fmt.Errorf("job %s failed: %s", job.Name, progress.Describe(state))
	if limit := o.spec.Memory; state.Reason == jobstatus.ReasonOOMKilled && !limit.IsZero() {
		err = fmt.Errorf("%w; it had --memory %s", err, limit.String())
	}
	return &cmdline.ExitError{Code: max(state.ExitCode, cmdline.ExitFailed), Err: errors.Join(err, logErr), Hint: o.next(job)}
}

// logError is why not all of the log of a job that has ended is on standard output. The exit code is still the
// job's, but not 0: whoever reads the output must not take a part of it for all.
func (o *options) logError(err error, job jobs.Ref) error {
	switch {
	case err == nil:
		return nil
	case joblog.IsIncomplete(err), o.flags.Remove():
		return fmt.Errorf("job %s has ended, but its log is not complete: %w", job.Name, err)
	}
	return fmt.Errorf("job %s has ended, but its log is not complete: %w; see it with: %s logs %s -n %s", job.Name, err, o.SiblingCommand("job"), job.Name, job.Namespace)
}

// lingers is the end of the command where other containers of its pod run on.
func (o *options) lingers(err error, job jobs.Ref, state jobstatus.State, show *progress.Progress) error {
	if !o.flags.Remove() {
		show.Line("job/%s: %s; the job runs on, remove it with: %s", job.Name, err, job.DeleteCommand())
	}
	if state.ExitCode == 0 {
		return nil
	}
	return &cmdline.ExitError{Code: max(state.ExitCode, cmdline.ExitFailed)}
}

// next is what one may want to type after a job has failed.
func (o *options) next(job jobs.Ref) string {
	if o.flags.Remove() {
		return ""
	}
	return fmt.Sprintf("all about it: %s status %s -n %s", o.SiblingCommand("job"), job.Name, job.Namespace)
}

// isOwnExit reports whether the command ended by itself. All other ends are errors, which -q doesn't silence.
func isOwnExit(state jobstatus.State) bool {
	return state.ExitCode > 0 && (state.Reason == "Error" || state.Reason == "")
}

// failed is the end of a job that its command is not to blame for. It never counts as success, not even
// where a command that was told to end did so with code 0.
func failed(exitCode int, err error) error {
	if exitCode <= 0 {
		return err
	}
	return &cmdline.ExitError{Code: exitCode, Err: err}
}

// abort deletes the job of a command that was interrupted.
func (o *options) abort(ctx context.Context, api *jobs.Client, job jobs.Ref, show *progress.Progress) error {
	if err := o.delete(ctx, api, job); err != nil {
		return o.interrupted(ctx, leftError(job, err))
	}
	show.Line("interrupted: job/%s deleted", job.Name)
	return o.interrupted(ctx, ctx.Err())
}

func (o *options) delete(ctx context.Context, api *jobs.Client, job jobs.Ref) error {
	bounded, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(deleteTimeout, func() { cancel(context.DeadlineExceeded) })
	})()
	return api.Delete(bounded, job)
}

// interrupted gives an error the exit code of an interrupted command, where it was.
func (o *options) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(err, context.Canceled):
		return &cmdline.ExitError{Code: cmdline.ExitInterrupted}
	}
	return &cmdline.ExitError{Code: cmdline.ExitInterrupted, Err: err}
}
