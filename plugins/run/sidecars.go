package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
)

const (
	// sidecarGrace is how long other containers of a pod may run after the job's command has ended, until run
	// ends them.
	sidecarGrace = 5 * time.Second
	// endTimeout bounds the requests that do.
	endTimeout = 30 * time.Second
)

// errLingers ends the context of a job whose command has ended, and whose pod is not waited for.
var errLingers = errors.New("the command has ended")

// sidecars ends the containers that outlive a job's command: nobody else does, and the job would run on
// until its life span ends.
type sidecars struct {
	mutex sync.Mutex
	timer *time.Timer     // nil: no container outlives the command
	pod   string          // that the timer is for
	last  jobstatus.State // that of the job when it was not waited for any more
}

// saw is an Observer's. leave ends the view of the job.
func (o *options) sawSidecars(ctx context.Context, api *jobs.Client, job jobs.Ref, state jobstatus.State, show *progress.Progress, leave func(error)) {
	s := &o.sidecars
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if state.Reason != jobstatus.ReasonSidecarRunning {
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
		return
	}
	if s.pod == state.Pod {
		return
	}
	s.pod = state.Pod
	if o.flags.Remove() {
		s.last = state
		leave(errLingers) // and so to the end of the job
		return
	}
	show.Line("job/%s: its other containers are ended in %s, if they don't end by themselves", job.Name, sidecarGrace)
	s.timer = time.AfterFunc(sidecarGrace, func() {
		ending, cancel := context.WithTimeout(ctx, endTimeout)
		defer cancel()
		if err := api.EndSidecars(ending, job, state); err != nil && ctx.Err() == nil {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.last = state
			leave(fmt.Errorf("%w, but its other containers can't be ended: %w", errLingers, err))
		}
	})
}

// stop forgets about the sidecars of a job.
func (s *sidecars) stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// lingering returns the state of a job that was left because its other containers run on.
func (s *sidecars) lingering() jobstatus.State {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.last
}

// showLastLines prints the end of the log of a container that is to blame for a job's end.
func (o *options) showLastLines(ctx context.Context, api *jobs.Client, job jobs.Ref, state jobstatus.State) {
	lines, err := api.LastLines(ctx, job, state)
	if err != nil || len(lines) == 0 {
		return // the error that follows names the container
	}
	fmt.Fprintln(o.ErrOut, sanitize.Line(fmt.Sprintf("the log of the container %s ends with:", state.Container)))
	for _, line := range lines {
		fmt.Fprintln(o.ErrOut, "  "+sanitize.Line(line))
	}
}
