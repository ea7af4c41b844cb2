package run

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/forward"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/terminal"
)

// attached is what a call of run does while it is attached, besides showing the job.
type attached struct {
	portForward cmdline.Strings
	browse      bool

	pairs     []remote.PortPair
	forwarder *forward.Forwarder
}

// flags are those of attached; what they mean for the job is in other flags.
func (a *attached) flags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "port-forward", Value: &a.portForward,
			Usage: "while attached, `LOCAL:REMOTE` makes a port of the job one of this machine; LOCAL 0 is a free one; may be given several times"},
		&cli.BoolFlag{Name: "browse", Usage: "while attached, open a browser as soon as the port of --http-port answers", Destination: &a.browse, DisableDefaultText: true},
	}
}

// completeAttached is part of complete.
func (o *options) completeAttached() (err error) {
	o.forwarder = &forward.Forwarder{}
	if o.pairs, err = forward.ParsePairs(o.portForward); err != nil {
		return err
	}
	switch {
	case o.flags.Detach() && (len(o.pairs) > 0 || o.browse):
		return cmdline.Usagef("--port-forward and --browse need a run that stays attached, so they don't go with --detach; leave them out, and later use %s browse or port-forward", o.SiblingCommand("job"))
	case o.browse && o.spec.HTTPPort == 0:
		return cmdline.Usagef("--browse needs --http-port, the port at which the job answers")
	case o.spec.Stdin && !o.spec.TTY && o.spec.Restart != jobspec.RestartNever && !o.flags.Detach():
		return cmdline.Usagef("-i works with --restart never only: the input can be read once")
	case o.spec.TTY && !o.flags.Detach() && o.dryRun == "" && terminal.Of(o.In, o.Out) == nil:
		return cmdline.Usagef("-t needs a terminal as standard input and output; -i alone hands on what is piped in")
	}
	return nil
}

// openPorts opens the local ports before there is a job: where one is in use, nothing has happened.
func (o *options) openPorts() (err error) {
	pairs := o.pairs
	browsed := uint16(o.spec.HTTPPort) // #nosec G115 -- was checked to be a port
	if o.browse && !slices.ContainsFunc(pairs, func(pair remote.PortPair) bool { return pair.Remote == browsed }) {
		pairs = append(pairs, remote.PortPair{Remote: browsed})
	}
	if len(pairs) == 0 {
		return nil
	}
	if o.forwarder, err = forward.Open(pairs); err != nil {
		return fmt.Errorf("%w; no job was created", err)
	}
	if o.browse {
		o.forwarder.Browse(browsed, o.lookup)
	}
	return nil
}
