package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
)

// errLate ends the context of a job that has not started in time.
var errLate = errors.New("the job did not start in time")

// startLimit is how long a job may take to start: --schedule-timeout.
type startLimit struct {
	limit time.Duration
	timer *time.Timer // nil: there is no limit
	last  jobstatus.State
}

// begin returns a context that ends when a job that is just created has not started in time.
func (l *startLimit) begin(ctx context.Context, limit time.Duration) (inTime context.Context, stop func()) {
	inTime, cancel := context.WithCancelCause(ctx)
	if l.limit = limit; limit > 0 {
		l.timer = time.AfterFunc(limit, func() { cancel(errLate) })
	}
	return inTime, func() {
		if l.timer != nil {
			l.timer.Stop()
		}
		cancel(nil)
	}
}

// saw is an Observer's.
func (l *startLimit) saw(state jobstatus.State) {
	l.last = state
	if state.Started && l.timer != nil {
		l.timer.Stop()
	}
}

func (l *startLimit) missed(inTime context.Context) bool {
	return errors.Is(context.Cause(inTime), errLate) && !l.last.Started
}

// awaitStart returns when the job has started.
func (o *options) awaitStart(ctx context.Context, api *jobs.Client, job jobs.Ref) error {
	show := progress.New(o.Session, job)
	show.Created()
	inTime, stop := o.start.begin(ctx, o.spec.ScheduleTimeout)
	defer stop()
	watched, cancel := context.WithCancel(inTime)
	defer cancel()
	state, err := api.Watch(watched, job, jobs.Observer{
		Values: o.values,
		State: func(state jobstatus.State) {
			if o.start.saw(state); state.Started {
				cancel()
				return
			}
			show.State(state)
		},
		Trouble: show.OutOfReach,
	})
	show.Erase()
	switch {
	case o.start.last.Started:
		return nil
	case o.start.missed(inTime):
		return o.giveUp(ctx, api, job, o.start.last)
	case ctx.Err() != nil:
		return o.abort(ctx, api, job, show)
	case err != nil:
		return fmt.Errorf("%w; the job keeps running; delete it with: %s", err, job.DeleteCommand())
	case o.spec.Remove && state.Reason == jobstatus.ReasonDeleted:
		return nil // it was so short that the cluster has removed it before anybody saw it run
	case state.Phase == jobstatus.Stuck:
		return o.giveUp(ctx, api, job, state)
	}
	o.showLastLines(ctx, api, job, state)
	return failed(state.ExitCode, fmt.Errorf("job %s can't start: %s", job.Name, progress.Describe(state)))
}

// giveUp deletes a job that has not started, and says why it has not. Nothing has run, and nothing is
// to be lost: with the job gone its name is free again.
func (o *options) giveUp(ctx context.Context, api *jobs.Client, job jobs.Ref, state jobstatus.State) error {
	err := fmt.Errorf("job %s can't start: %s", job.Name, progress.Describe(state))
	if state.Phase != jobstatus.Stuck {
		err = fmt.Errorf("job %s did not start within %s: %s", job.Name, duration.Format(o.start.limit), strings.TrimSuffix(progress.Describe(state), "."))
	}
	o.showLastLines(ctx, api, job, state)
	err = fmt.Errorf("%w%s", err, o.advice(state))
	if deleteErr := o.delete(ctx, api, job); deleteErr != nil {
		return fmt.Errorf("%w; %w", err, leftError(job, deleteErr))
	}
	return fmt.Errorf("%w; it was removed", err)
}
