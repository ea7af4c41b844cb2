package job

import (
	"context"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/forward"
)

// portForwardOptions is one call of job port-forward.
type portForwardOptions struct {
	*cmdline.Session

	target uri.Job
	pairs  []remote.PortPair
	browse bool // open a browser too
}

func newPortForward(s *cmdline.Session) *cli.Command {
	o := &portForwardOptions{Session: s}
	return &cli.Command{
		Name:      "port-forward",
		Usage:     "Make ports of a running job ports of this machine",
		ArgsUsage: "JOB [LOCAL:REMOTE...]",
		Description: naming + ` Only programs of this machine reach the ports, until you press Ctrl-C or the job ends. LOCAL 0 is a
free port, and PORT alone the same on both sides. Without any, it is a free port for the job's
--http-port.`,
		UsageText: `  ` + s.Typed + ` port-forward training
  ` + s.Typed + ` port-forward training 8888:8888 0:6006`,
		Flags:  []cli.Flag{s.QuietFlag("print nothing when it works")},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *portForwardOptions) complete(args []string) (err error) {
	names := []string{"JOB", "[LOCAL:REMOTE...]"}
	if o.browse {
		names = names[:1]
	}
	if err := cmdline.CheckArgs(args, names...); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	o.pairs, err = forward.ParsePairs(args[1:])
	return err
}

func (o *portForwardOptions) run(ctx context.Context) error {
	r, err := findRunning(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	if r.state.Phase != jobstatus.Running {
		return r.startedError()
	}
	var page uint16
	if len(o.pairs) == 0 {
		if page, err = r.httpPort(); err != nil {
			return err
		}
		o.pairs = []remote.PortPair{{Remote: page}}
	}
	forwarder, err := forward.Open(o.pairs)
	if err != nil {
		return err
	}
	defer forwarder.Close()
	if o.browse {
		forwarder.Browse(page, os.LookupEnv)
	}
	if err := r.api.CheckForward(ctx, r.job.Namespace, r.state.Pod); err != nil {
		return r.explain(err)
	}
	forwarder.Line = tell(o.Session)
	state, err := r.api.Watch(ctx, r.ref(), jobs.Observer{State: func(state jobstatus.State) { forwarder.Follow(ctx, r.api, r.ref(), state) }})
	switch {
	case ctx.Err() != nil:
		return nil // to end it is the user's way to be done
	case err != nil:
		return r.explain(err)
	}
	forwarder.Line("job/%s has ended (%s)", r.job.Name, state.Phase)
	return nil
}
