package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// errCommandEnded ends the view of a job whose command has ended: other containers keep the job from ending,
// but it will print no more.
var errCommandEnded = errors.New("the command has ended")

// commandView is a view of a job that ends with the job's command.
type commandView struct {
	ctx  context.Context
	end  context.CancelCauseFunc
	last jobstatus.State // with which the command has ended
}

func viewCommand(ctx context.Context) *commandView {
	v := &commandView{}
	v.ctx, v.end = context.WithCancelCause(ctx)
	return v
}

// saw is an Observer's.
func (v *commandView) saw(state jobstatus.State) {
	if state.Reason == jobstatus.ReasonSidecarRunning {
		v.last = state
		v.end(errCommandEnded)
	}
}

// ended reports whether the view has ended with the command, and with which error for those who read on.
func (v *commandView) ended() bool { return errors.Is(context.Cause(v.ctx), errCommandEnded) }

// note is what to say then.
func (v *commandView) note() string {
	return fmt.Sprintf("%s; until that ends, the job counts as running", v.last.Message)
}
