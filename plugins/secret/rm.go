package secret

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// rmOptions is one call of secret rm.
type rmOptions struct {
	*cmdline.Session

	targets        []uri.Secret
	ignoreNotFound bool
}

func newRm(s *cmdline.Session) *cli.Command {
	o := &rmOptions{Session: s}
	return &cli.Command{
		Name:      "rm",
		Usage:     "Remove secrets, and with them everybody's access",
		ArgsUsage: "KEY...",
		Description: `Examples:
  ` + s.Typed + ` rm secret-password
  ` + s.Typed + ` rm aws-key gcp-key --ignore-not-found`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "count a key that does not exist as removed",
				Destination: &o.ignoreNotFound, DisableDefaultText: true},
			s.QuietFlag("print nothing when it worked"),
		},
		Action: func(c *cli.Context) error {
			if err := o.complete(c.Args().Slice()); err != nil {
				return err
			}
			return o.run(c.Context)
		},
	}
}

func (o *rmOptions) complete(args []string) error {
	if len(args) == 0 {
		return cmdline.Usagef("rm needs at least one KEY")
	}
	for _, arg := range args {
		target, err := parse(arg)
		if err != nil {
			return err
		}
		o.targets = append(o.targets, target)
	}
	return nil
}

// run removes all it can; one key that is missing must not keep the others.
func (o *rmOptions) run(ctx context.Context) error {
	var failed []error
	for _, target := range o.targets {
		store, err := open(o.Session, target)
		if err == nil {
			err = store.Remove(ctx, target.Key)
		}
		switch {
		case err == nil:
			o.Done("secret/%s deleted", target.Key)
		case ctx.Err() != nil:
			return errors.Join(append(failed, ctx.Err())...)
		case o.ignoreNotFound && errors.Is(err, secrets.ErrNotFound):
		default:
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
