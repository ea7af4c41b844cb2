package run

import (
	"context"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
)

// check looks up the secrets of a plan, and reads their values where the log is to hide them: a terminal
// shows what the job does with it as it is.
func (o *options) check(ctx context.Context, api *jobs.Client, plan *jobs.Plan) error {
	if o.noMask || o.spec.TTY || o.flags.Detach() || o.dryRun != "" {
		o.log = logview.Following(o.Out, mask.Options{})
		return api.Check(ctx, plan)
	}
	values, err := api.CheckAndRead(ctx, plan)
	o.log = logview.Following(o.Out, mask.Options{Values: values})
	return err
}

// endLog shows the end of the log, which may look like the beginning of a value, once all is read, and waits
// until it is taken.
func (o *options) endLog(ctx context.Context, state jobs.State, err error) error {
	if !state.Phase.Final() {
		return err // something may still be written, or wait for its reader
	}
	return o.log.End(ctx, err)
}
