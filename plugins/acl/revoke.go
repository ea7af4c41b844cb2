package acl

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// revokeOptions is one call of acl revoke.
type revokeOptions struct {
	*cmdline.Session

	where   uri.Secret
	grantee grants.Grantee

	ignoreNotFound bool
}

func newRevoke(s *cmdline.Session) *cli.Command {
	o := &revokeOptions{Session: s}
	return &cli.Command{
		Name:      "revoke",
		Usage:     "Take somebody's access to a secret back",
		ArgsUsage: "URI USER",
		Description: grantees + `

What somebody has read, they know: change the value too. Jobs that run with the secret continue with it.`,
		UsageText: `  ` + s.Typed + ` revoke secret:wandb-token bob
  ` + s.Typed + ` revoke secret:wandb-token bob --ignore-not-found -q   # for scripts that may run twice`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "count a grant or a secret that does not exist as revoked",
				Destination: &o.ignoreNotFound, DisableDefaultText: true},
			s.QuietFlag("print nothing when it worked"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *revokeOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "URI", "USER"); err != nil {
		return err
	}
	if o.where, err = parseURI(o.Session, "revoke", args[0]); err != nil {
		return err
	}
	if o.grantee, err = grants.ParseGrantee(args[1]); err != nil {
		return cmdline.Usagef("%s", err)
	}
	return nil
}

func (o *revokeOptions) run(ctx context.Context) error {
	_, granter, err := openGranter(o.Session, o.where)
	if err != nil {
		return err
	}
	revoked, err := granter.Revoke(ctx, o.where.Key, o.grantee)
	missing := errors.Is(err, grants.ErrNotGranted) || errors.Is(err, secrets.ErrNotFound)
	switch still := revoked.Still(o.grantee); {
	case missing && o.ignoreNotFound:
		if still != "" {
			o.Warn("%s", still)
		}
		return nil
	case errors.Is(err, grants.ErrNotGranted):
		if typo := grantee.Check(o.grantee); typo != nil {
			return fmt.Errorf("%w: %w", err, typo)
		}
		if still != "" {
			return fmt.Errorf("%w; %s", err, still)
		}
		return err
	case err != nil:
		return err
	case still != "":
		o.Warn("%s", still)
	}
	o.Done("secret/%s revoked from %s (was %s)", o.where.Key, describe(o.grantee), revoked.Before)
	return nil
}
