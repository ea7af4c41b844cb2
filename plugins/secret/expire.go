package secret

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// never is the end of what has none.
const never = "never"

// expireOptions is one call of secret expire.
type expireOptions struct {
	*cmdline.Session

	where  uri.Secret
	end    timers.End // none where it is zero
	output *output.Format
}

func newExpire(s *cmdline.Session) *cli.Command {
	o := &expireOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "expire",
		Usage:     "Let the cluster remove a secret at a time",
		ArgsUsage: "KEY END",
		Description: `END is a duration such as 8h or 30d, a time such as 2026-12-31 or 2026-12-31T18:00, or never.

The cluster removes the secret by its own clock, and with it everybody's access, whether anybody is online or not. What
uses it is named: what runs then keeps the value that it started with, and what is yet to start can't.`,
		UsageText: `  ` + s.Typed + ` expire wandb-token 30d
  ` + s.Typed + ` expire wandb-token 2026-12-31
  ` + s.Typed + ` expire wandb-token never`,
		Flags: []cli.Flag{
			o.output.Flag(),
			s.QuietFlag("print nothing when it worked"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *expireOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY", "END"); err != nil {
		return err
	}
	if o.where, err = parse(args[0]); err != nil {
		return err
	}
	if args[1] != never {
		if o.end, err = parseEnd(args[1]); err != nil {
			return err
		}
	}
	return o.output.Validate()
}

// parseEnd reads how long something lasts, or until when.
func parseEnd(text string) (timers.End, error) {
	if at, err := duration.ParseTime(text, time.Local); err == nil {
		return timers.End{At: at}, nil
	}
	after, err := duration.Parse(text)
	switch {
	case err != nil:
		return timers.End{}, cmdline.Usagef("%q is not an end: write a duration such as 8h or 30d, or a time such as 2026-12-31 or 2026-12-31T18:00", text)
	case after < time.Second:
		return timers.End{}, cmdline.Usagef("a secret must last at least 1s")
	}
	return timers.End{After: after}, nil
}

func (o *expireOptions) run(ctx context.Context) error {
	store, err := open(o.Session, o.where)
	if err != nil {
		return err
	}
	if o.end == (timers.End{}) {
		found, had, err := store.NeverExpire(ctx, o.where.Key)
		switch {
		case err != nil:
			return err
		case had:
			return printStored(o.Session, o.output, found, "secret/%s never expires", o.where.Key)
		}
		return printStored(o.Session, o.output, found, "secret/%s unchanged (it never expires)", o.where.Key)
	}
	found, ends, err := store.Expire(ctx, o.where.Key, o.end)
	if err != nil {
		return err
	}
	o.warnUsers(ctx, store, found)
	return printStored(o.Session, o.output, found, "secret/%s expires %s", o.where.Key, objects.Time(ends))
}

// warnUsers names what will miss the secret.
func (o *expireOptions) warnUsers(ctx context.Context, store *place, secret secrets.Secret) {
	users, err := store.users(ctx, secret.Object)
	if len(users) > 0 {
		o.Warn("%s is used by %s: what is yet to start at its end can't", o.where, list(users))
	}
	if err != nil {
		o.Hint("not all that uses the secret is known: %s", err)
	}
}
