package acl

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

const (
	grantees = `USER is the name of a user as the cluster knows it, group:NAME, or sa:NAMESPACE:NAME for a service account.`

	levels = `LEVEL is
  read     use the secret in jobs, and see its value
  write    also change it
  manage   also share it with others`

	endings = `With --for or --until, access ends by the cluster's own clock, whether anybody is online or not. Granting again with
another end replaces it. read and write can have an end.`

	warning = `Only the grantee gets access, and only to this secret. But whoever may create pods in its namespace can use all
secrets there anyway, as Kubernetes has it, and so can the administrators of the cluster.`
)

// grantOptions is one call of acl grant or share.
type grantOptions struct {
	*cmdline.Session

	where   uri.Secret
	grantee grants.Grantee
	level   grants.Level
	period  string // --for
	until   string
	end     timers.End // none where it is zero
	output  *output.Format
}

func newGrant(s *cmdline.Session) *cli.Command {
	o := &grantOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:        "grant",
		Usage:       "Give somebody access to one secret",
		ArgsUsage:   "URI USER LEVEL",
		Description: grantees + "\n\n" + levels + "\n\n" + endings + "\n\n" + warning,
		UsageText: `  ` + s.Typed + ` grant secret:wandb-token bob read
  ` + s.Typed + ` grant secret:wandb-token bob read --for 8h
  ` + s.Typed + ` grant secret:wandb-token group:research read
  ` + s.Typed + ` grant secret://default/team/wandb-token sa:ci:runner read`,
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.completeGrant, o.run),
	}
}

// NewShare builds the command share, which is acl grant with a level that may be left out.
func NewShare(s *cmdline.Session) *cli.App {
	s.Completers = completers()
	o := &grantOptions{Session: s, output: output.New("name")}
	return &cli.App{
		Usage:       "Share a secret; the same as acl grant",
		ArgsUsage:   "URI USER [LEVEL]",
		Description: grantees + "\n\n" + levels + "\nread, where it is left out.\n\n" + endings + "\n\n" + warning,
		UsageText: `  ` + s.Typed + ` secret:wandb-token bob
  ` + s.Typed + ` secret:wandb-token bob --until 2026-12-31
  ` + s.Typed + ` secret:wandb-token group:research write`,
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.completeShare, o.run),
	}
}

func (o *grantOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "for", Usage: "end the access after `DURATION`, such as 8h or 30d", Destination: &o.period},
		&cli.StringFlag{Name: "until", Usage: "end the access at `TIME`, such as 2026-12-31 or 2026-12-31T18:00", Destination: &o.until},
		o.output.Flag(),
		o.QuietFlag("print nothing when it worked"),
	}
}

func (o *grantOptions) completeGrant(args []string) error {
	if err := cmdline.CheckArgs(args, "URI", "USER", "LEVEL"); err != nil {
		return err
	}
	return o.complete(args[0], args[1], args[2])
}

func (o *grantOptions) completeShare(args []string) error {
	if err := cmdline.CheckArgs(args, "URI", "USER", "[LEVEL]"); err != nil {
		return err
	}
	if len(args) == 2 {
		return o.complete(args[0], args[1], string(grants.Read))
	}
	return o.complete(args[0], args[1], args[2])
}

func (o *grantOptions) complete(uri, user, level string) (err error) {
	if o.where, err = parseURI(o.Session, "grant", uri); err != nil {
		return err
	}
	if o.grantee, err = grants.ParseGrantee(user); err != nil {
		return cmdline.Usagef("%s", err)
	}
	if err := grantee.Check(o.grantee); err != nil {
		return cmdline.Usagef("%s", err)
	}
	if o.level, err = parseLevel(o.Session, level); err != nil {
		return err
	}
	if err := o.completeEnd(); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *grantOptions) completeEnd() (err error) {
	switch {
	case o.period == "" && o.until == "":
		return nil
	case o.period != "" && o.until != "":
		return cmdline.Usagef("--for and --until can't be used together")
	case o.level == grants.Manage:
		return cmdline.Usagef("manage can't have an end: whoever has it could give it to others without one")
	case o.until != "":
		if o.end.At, err = duration.ParseTime(o.until, time.Local); err != nil {
			return cmdline.Usagef("--until %s", err)
		}
		return nil
	}
	if o.end.After, err = duration.Parse(o.period); err != nil {
		return cmdline.Usagef("--for %s", err)
	}
	if o.end.After < time.Second {
		return cmdline.Usagef("--for must be at least 1s")
	}
	return nil
}

func (o *grantOptions) run(ctx context.Context) error {
	client, granter, err := openGranter(o.Session, o.where)
	if err != nil {
		return err
	}
	var (
		before grants.Level
		ends   time.Time
	)
	if o.end == (timers.End{}) {
		before, err = granter.Grant(ctx, o.where.Key, o.grantee, o.level)
	} else {
		before, ends, err = granter.GrantUntil(ctx, o.where.Key, o.grantee, o.level, o.end)
	}
	if err != nil {
		return err
	}
	if o.where.Namespace != "" {
		namespaces.Remember(client, o.where.Namespace)
	}
	if text := grantee.Warning(o.grantee, string(highest(before, o.level))); text != "" {
		o.Warn("%s", text)
	}
	switch {
	case o.output.Name == "name":
		o.Done("%s", complete(client, o.where))
		return nil
	case o.output.IsObject():
		return o.output.Print(o.Out, o.object(client, before, ends))
	case o.end != (timers.End{}) && ends.IsZero():
		o.Done("secret/%s unchanged (%s has %s already, without an end; to give it one, revoke it first)", o.where.Key, describe(o.grantee), before)
		return nil
	case !ends.IsZero() && before != "":
		o.Done("secret/%s granted to %s (%s until %s, then %s)", o.where.Key, describe(o.grantee), o.level, objects.Time(ends), before)
	case !ends.IsZero():
		o.Done("secret/%s granted to %s (%s until %s)", o.where.Key, describe(o.grantee), o.level, objects.Time(ends))
	case before == o.level:
		o.Done("secret/%s unchanged (%s has %s already)", o.where.Key, describe(o.grantee), before)
		return nil
	case before.Includes(o.level):
		o.Done("secret/%s unchanged (%s has %s, which includes %s; to lower it, revoke it first)", o.where.Key, describe(o.grantee), before, o.level)
		return nil
	case before != "":
		o.Done("secret/%s granted to %s (%s, was %s)", o.where.Key, describe(o.grantee), o.level, before)
	default:
		o.Done("secret/%s granted to %s (%s)", o.where.Key, describe(o.grantee), o.level)
	}
	o.Hint("tell them: kubectl apolo run --env X=%s …", complete(client, o.where))
	return nil
}

// object is what the grantee has now, for programs.
func (o *grantOptions) object(client *kube.Client, before grants.Level, ends time.Time) *objects.Access {
	now := highest(before, o.level)
	namespace := o.where.Namespace
	if namespace == "" {
		namespace = client.Namespace
	}
	return &objects.Access{TypeMeta: objects.Kind("Access"), URI: complete(client, o.where), Namespace: namespace,
		Key: o.where.Key, Name: secrets.ObjectName(o.where.Key), Access: string(now), Grantee: o.grantee.String(), PreviousAccess: string(before), Ends: objects.Time(ends)}
}

// openGranter opens the place of a secret, in the cluster that its URI names.
func openGranter(s *cmdline.Session, where uri.Secret) (*kube.Client, *grants.Granter, error) {
	client, err := kube.NewClientFor(&s.Kube, where.Cluster)
	if err != nil {
		return nil, nil, err
	}
	granter, err := grants.NewGranter(client, where)
	if err != nil {
		return nil, nil, err
	}
	granter.Warn = s.WarnOnce
	return client, granter, nil
}

// highest is the higher of two levels.
func highest(a, b grants.Level) grants.Level {
	if a.Includes(b) {
		return a
	}
	return b
}

// describe says exactly which subject was written, because Kubernetes takes any name.
func describe(g grants.Grantee) string {
	return map[string]string{"User": "user ", "Group": "", "ServiceAccount": ""}[g.Kind] + g.String()
}
