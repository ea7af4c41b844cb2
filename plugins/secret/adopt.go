package secret

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// adoptOptions is one call of secret adopt.
type adoptOptions struct {
	*cmdline.Session

	where   uri.Secret
	dataKey string
	dryRun  string
	output  *output.Format
}

func newAdopt(s *cmdline.Session) *cli.Command {
	o := &adoptOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "adopt",
		Usage:     "Use a Kubernetes Secret of another tool as a secret",
		ArgsUsage: "NAME",
		Description: `A Kubernetes Secret that external-secrets, sealed-secrets, cert-manager or you yourself made becomes
secret:NAME: ls shows it, run and get use it, and acl grants it (read alone). It stays whose it is: only a label and an
annotation come to it, its value is neither copied nor changed, add and edit refuse to replace it, and rm takes the
marks away and leaves the Kubernetes Secret. As its tool renews the value, so it is renewed here.

One data key of it is meant. For another one, copy it: ` + s.Typed + ` import --from-secret NAME --key DATAKEY.
Whoever is granted the secret may read all data keys of the Kubernetes Secret: RBAC knows no smaller part.`,
		UsageText: `  ` + s.Typed + ` adopt db-credentials                      # has one data key
  ` + s.Typed + ` adopt db-credentials --data-key password  # has several
  ` + s.Typed + ` rm db-credentials                         # is no secret of Apolo any more`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-key", Usage: "the data `KEY` of the Kubernetes Secret that has the value", Destination: &o.dataKey},
			dryRunFlag(&o.dryRun),
			o.output.Flag(),
			s.QuietFlag("print nothing when it worked"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *adoptOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "NAME"); err != nil {
		return err
	}
	if o.where, err = parse(args[0]); err != nil {
		return err
	}
	if err := cmdline.CheckDryRun(o.dryRun); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *adoptOptions) run(ctx context.Context) error {
	store, err := open(o.Session, o.where)
	if err != nil {
		return err
	}
	// Which data keys there are is to be asked in any case: a dry run is one of the server.
	adopted, changed, err := store.Adopt(ctx, o.where.Key, o.dataKey, o.dryRun != "")
	if missing := (*secrets.DataKeyError)(nil); errors.As(err, &missing) && len(missing.Keys) > 0 {
		return cmdline.Usagef("%s; choose with --data-key", err)
	}
	if err != nil {
		return err
	}
	what := "adopted"
	if !changed {
		what = "unchanged"
	}
	return printStored(o.Session, o.output, adopted, "secret/%s %s (data key %s, of %s)%s", adopted.Key, what, adopted.DataKey, adopted.Owner, dryRunWords(o.dryRun))
}

// overwriteFlag is --overwrite.
func overwriteFlag(destination *bool, usage string) cli.Flag {
	return &cli.BoolFlag{Name: "overwrite", Usage: usage, Destination: destination, DisableDefaultText: true}
}

// dryRunFlag is --dry-run.
func dryRunFlag(destination *string) cli.Flag {
	return &cli.StringFlag{Name: "dry-run", Usage: "store nothing: `client` only shows what would be done, server has it checked", Destination: destination}
}

// dryRunWords come after what would have been done, as kubectl words it.
func dryRunWords(value string) string {
	return map[string]string{"client": " (dry run)", "server": " (server dry run)"}[value]
}
