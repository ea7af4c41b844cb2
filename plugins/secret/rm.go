package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// rmOptions is one call of secret rm.
type rmOptions struct {
	*cmdline.Session

	targets        []uri.Secret
	ignoreNotFound bool
	ifUnused       bool
	wait           cmdline.Wait

	users map[uri.Secret]*usedby.Found // that were asked for, by URI without a key
}

func newRm(s *cmdline.Session) *cli.Command {
	o := &rmOptions{Session: s}
	return &cli.Command{
		Name:      "rm",
		Usage:     "Remove secrets, and with them everybody's access",
		ArgsUsage: "KEY...",
		Description: `What uses a key is named: jobs and pods that have not ended, Deployments, StatefulSets, DaemonSets, CronJobs,
Ingresses and ServiceAccounts. What runs keeps the value that it started with; what is yet to start can't. A job that
uses another's secret has its own copy.

A Secret that a finalizer holds is still there after it was deleted, with its value: that is an error, which names the
finalizer. With --wait it is one only if the Secret is not gone in time.`,
		UsageText: `  ` + s.Typed + ` rm secret-password
  ` + s.Typed + ` rm secret-password --if-unused
  ` + s.Typed + ` rm aws-key gcp-key --ignore-not-found
  ` + s.Typed + ` rm db-password --wait --timeout 30s`,
		Flags: append(o.wait.Flags("wait until a Secret that a finalizer holds is gone"), []cli.Flag{
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "treat \"not found\" as success",
				Destination: &o.ignoreNotFound, DisableDefaultText: true},
			&cli.BoolFlag{Name: "if-unused", Usage: "keep a key that something uses, or may use as far as you can see, and fail",
				Destination: &o.ifUnused, DisableDefaultText: true},
			s.QuietFlag("print nothing when it worked"),
		}...),
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *rmOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY..."); err != nil {
		return err
	}
	if err := o.wait.Complete(); err != nil {
		return err
	}
	o.targets, err = cmdline.ParseAll(args, parse)
	return err
}

// run removes all it can; one key that is missing must not keep the others.
func (o *rmOptions) run(ctx context.Context) error {
	o.users = map[uri.Secret]*usedby.Found{}
	var failed []error
	for _, target := range o.targets {
		removed, err := o.remove(ctx, target)
		switch {
		case err == nil && removed.Owner != "":
			o.Done("secret/%s released (its Kubernetes Secret stays with %s)", target.Key, removed.Owner)
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

func (o *rmOptions) remove(ctx context.Context, target uri.Secret) (secrets.Secret, error) {
	store, err := open(o.Session, target)
	if err != nil {
		return secrets.Secret{}, err
	}
	users, err := o.usersOf(ctx, store, target)
	switch {
	case ctx.Err() != nil:
		return secrets.Secret{}, ctx.Err()
	case len(users) > 0 && o.ifUnused:
		return secrets.Secret{}, fmt.Errorf("%s: used by %s, so it stays", target, list(users))
	case err != nil && o.ifUnused:
		return secrets.Secret{}, fmt.Errorf("%s: whether something uses it is unknown, so it stays: %w", target, err)
	case len(users) > 0:
		o.Warn("%s is used by %s", target, list(users))
	}
	removed, err := store.Remove(ctx, target.Key)
	if held := (*kube.BeingDeletedError)(nil); !errors.As(err, &held) {
		return removed, err
	}
	return removed, o.wait.Until(ctx, o.Session, err, func(ctx context.Context) error { return store.WaitUntilGone(ctx, removed) })
}

// usersOf asks once for each namespace. The error says what could not be seen; the rest was.
func (o *rmOptions) usersOf(ctx context.Context, store *place, target uri.Secret) ([]usedby.User, error) {
	where := target
	where.Key = ""
	users, ok := o.users[where]
	if !ok {
		var err error
		if users, err = usedby.Find(ctx, store.client, store.Namespace()); err != nil {
			return nil, err
		}
		o.users[where] = users
	}
	return users.Of(store.Namespace(), secrets.ObjectName(target.Key)), users.Err()
}

func list(users []usedby.User) string {
	var names []string
	for _, user := range users {
		names = append(names, user.String())
	}
	return strings.Join(names, ", ")
}
