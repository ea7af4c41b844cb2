package secret

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/urfave/cli/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// cpOptions is one call of secret cp or secret mv.
type cpOptions struct {
	*cmdline.Session

	from, to  uri.Secret
	overwrite bool
	output    *output.Format
}

func newCp(s *cmdline.Session) *cli.Command {
	o := &cpOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "cp",
		Usage:     "Copy a secret to another key, namespace or cluster",
		ArgsUsage: "KEY KEY",
		Description: `A KEY is also secret:/NAMESPACE/KEY, or secret://CLUSTER/NAMESPACE/KEY for any cluster of the kubeconfig. The
copy is yours: it does not follow the original, nobody else has access to it, and it does not expire.`,
		UsageText: `  ` + s.Typed + ` cp db-password db-password-old
  ` + s.Typed + ` cp wandb-token secret:/research/wandb-token
  ` + s.Typed + ` cp secret://staging/team/api-key secret://production/team/api-key --overwrite`,
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.complete, o.copy),
	}
}

func newMv(s *cmdline.Session) *cli.Command {
	o := &cpOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "mv",
		Usage:     "Rename a secret, or move it to another namespace or cluster",
		ArgsUsage: "KEY KEY",
		Description: `The new one is stored before the old one goes, so that the value is never lost. Access that was granted to the
old one ends: grant it again. The new one expires when the old one would. Jobs that name the old one have to be told the new one.`,
		UsageText: `  ` + s.Typed + ` mv db-pasword db-password
  ` + s.Typed + ` mv wandb-token secret:/research/wandb-token`,
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.complete, o.move),
	}
}

func (o *cpOptions) flags() []cli.Flag {
	return []cli.Flag{
		overwriteFlag(&o.overwrite, "replace the value of an existing key; existing grants are kept"),
		o.output.Flag(),
		o.QuietFlag("print nothing when it worked"),
	}
}

func (o *cpOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY", "KEY"); err != nil {
		return err
	}
	if o.from, err = parse(args[0]); err != nil {
		return err
	}
	if o.to, err = parse(args[1]); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *cpOptions) copy(ctx context.Context) error {
	from, to, value, err := o.read(ctx)
	if err != nil {
		return err
	}
	if err := o.store(ctx, from, to, value, timers.End{}); err != nil {
		return err
	}
	warnOfDeletion(o.Session, o.from, value)
	return o.print(to, "copied")
}

// print says what was made.
func (o *cpOptions) print(to *place, what string) error {
	made := secrets.Secret{Namespace: to.Namespace(), Key: o.to.Key, Object: secrets.ObjectName(o.to.Key)}
	return printStored(o.Session, o.output, made, "secret/%s %s to %s", o.from.Key, what, o.to)
}

// read reads the one, and makes sure that the other is another.
func (o *cpOptions) read(ctx context.Context) (from, to *place, value secrets.Value, err error) {
	if from, err = open(o.Session, o.from); err != nil {
		return nil, nil, value, err
	}
	if to, err = open(o.Session, o.to); err != nil {
		return nil, nil, value, err
	}
	same := o.from.Key == o.to.Key && from.Namespace() == to.Namespace()
	if !same || from.client.Host() != to.client.Host() {
		value, err = from.Read(ctx, o.from.Key)
	}
	if err == nil && same && value.UID != "" {
		// One cluster may have two names and addresses. What is there already tells.
		there, lookErr := to.Lookup(ctx, o.to.Key)
		same = lookErr == nil && there.UID == value.UID
	}
	if err == nil && same {
		err = cmdline.Usagef("%s and %s are the same secret", o.from, o.to)
	}
	return from, to, value, err
}

// store stores what was read, until an end where it is to have one.
func (o *cpOptions) store(ctx context.Context, from, to *place, value secrets.Value, end timers.End) (err error) {
	if options := (secrets.AddOptions{Overwrite: o.overwrite}); end == (timers.End{}) {
		_, err = to.Add(ctx, o.to.Key, value.Data, options)
	} else {
		_, _, err = to.AddUntil(ctx, o.to.Key, value.Data, options, end)
	}
	if errors.Is(err, secrets.ErrExists) {
		return fmt.Errorf("%w; --overwrite replaces its value", err)
	}
	if err != nil {
		return err
	}
	from.used()
	to.used()
	return nil
}

func (o *cpOptions) move(ctx context.Context) error {
	from, to, value, err := o.read(ctx)
	if err != nil {
		return err
	}
	if value.BeingDeleted != nil {
		return fmt.Errorf("%s: %w; copy it with cp", o.from, value.BeingDeleted)
	}
	if value.Owner != "" {
		return fmt.Errorf("%s: %w: it belongs to %s, and stays; copy it with cp", o.from, secrets.ErrAdopted, value.Owner)
	}
	ending, err := from.Ending(ctx, value.Secret)
	if err != nil {
		return err
	}
	if ending.Problem != "" {
		return fmt.Errorf("%s: its end is not certain (%s); change it with expire, or copy the secret with cp", o.from, ending.Problem)
	}
	if err := o.store(ctx, from, to, value, timers.End{At: ending.At}); err != nil {
		return err
	}
	// What is asked before the old one goes is for what is told afterwards: the garbage collector may be faster than a
	// look behind it.
	var (
		granted   secretroles.Found
		users     *usedby.Found
		usersErr  error
		grantsErr error
		questions sync.WaitGroup
	)
	questions.Go(func() { granted, grantsErr = from.Grants(ctx, o.from.Key) })
	questions.Go(func() { users, usersErr = usedby.Find(ctx, from.client, from.Namespace()) })
	questions.Wait()
	if grantsErr != nil {
		return fmt.Errorf("%s has the value now, but the old one stays: %w", o.to, grantsErr)
	}
	var (
		status apierrors.APIStatus
		held   *kube.BeingDeletedError
	)
	switch gone, err := from.RemoveUnchanged(ctx, value, granted); {
	case errors.Is(err, secrets.ErrChanged):
		return fmt.Errorf("%w: it stays, and %s has the value from before; do it again with --overwrite", err, o.to)
	case err != nil && gone:
		return fmt.Errorf("%s has the value now: %w", o.to, err)
	case err != nil && !errors.As(err, &status) && !errors.As(err, &held): // its answer was lost
		return fmt.Errorf("%s has the value now, and whether the old one is gone is unknown: %w", o.to, err)
	case err != nil:
		return fmt.Errorf("%s has the value now, but the old one stays: %w", o.to, err)
	}
	if err := o.print(to, "moved"); err != nil {
		return err
	}
	if granted.Exist() {
		o.Warn("who was granted %s has no access to %s: grant it again", o.from, o.to)
	}
	if by := users.Of(from.Namespace(), secrets.ObjectName(o.from.Key)); usersErr == nil && len(by) > 0 {
		o.Warn("%s is used by %s", o.from, list(by))
	}
	return nil
}
