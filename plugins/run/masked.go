package run

import (
	"context"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
)

// check reads the secrets of a plan. Their values are hidden in the log, unless all is to be shown or a terminal shows
// what the job does with it, and in what the cluster says of the job.
func (o *options) check(ctx context.Context, api *jobs.Client, plan *jobs.Plan) (err error) {
	if o.values, err = api.CheckAndRead(ctx, plan); err != nil {
		return err
	}
	for _, secret := range plan.Unread() {
		o.Warn("you can't read %s: its value is shown wherever the job prints it, and whether it can be a variable is not checked", secret)
	}
	var hidden [][]byte
	if !o.noMask && !o.spec.TTY && !o.flags.Detach() && o.dryRun == "" {
		hidden = o.values
	}
	o.log = logview.Following(o.Out, mask.Options{Values: hidden})
	return nil
}

// endLog shows the end of the log, which may look like the beginning of a value, once all is read, and waits
// until it is taken.
func (o *options) endLog(ctx context.Context, state jobstatus.State, err error) error {
	if !state.Phase.Final() {
		return err // something may still be written, or wait for its reader
	}
	return o.log.End(ctx, err)
}
