package acl

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
)

const (
	grantees = `USER is the name of a user as the cluster knows it, group:NAME, or sa:NAMESPACE:NAME for a service account.`

	levels = `LEVEL is
  read     use the secret in jobs, and see its value
  write    also change it
  manage   also share it with others`

	warning = `Only the grantee gets access, and only to this secret. But whoever may create pods in its namespace can use all
secrets there anyway, as Kubernetes has it, and so can the administrators of the cluster.`
)

// grantOptions is one call of acl grant or share.
type grantOptions struct {
	*cmdline.Session

	where   uri.Secret
	grantee grants.Grantee
	level   grants.Level
	output  *cmdline.Output
}

func newGrant(s *cmdline.Session) *cli.Command {
	o := &grantOptions{Session: s, output: cmdline.NewOutput("name")}
	return &cli.Command{
		Name:      "grant",
		Usage:     "Give somebody access to one secret",
		ArgsUsage: "URI USER LEVEL",
		Description: grantees + "\n\n" + levels + "\n\n" + warning + `

Examples:
  ` + s.Typed + ` grant secret:wandb-token bob read
  ` + s.Typed + ` grant secret:wandb-token group:research read
  ` + s.Typed + ` grant secret://default/team/wandb-token sa:ci:runner read`,
		Flags:  []cli.Flag{o.output.Flag(), s.QuietFlag("print nothing when it worked")},
		Action: o.action("grant", 3),
	}
}

// NewShare builds the command share, which is acl grant with a level that may be left out.
func NewShare(s *cmdline.Session) *cli.App {
	s.Completers = completers()
	o := &grantOptions{Session: s, output: cmdline.NewOutput("name")}
	return &cli.App{
		Usage:     "Share a secret; the same as acl grant",
		ArgsUsage: "URI USER [LEVEL]",
		Description: grantees + "\n\n" + levels + "\nread, where it is left out.\n\n" + warning + `

Examples:
  ` + s.Typed + ` secret:wandb-token bob
  ` + s.Typed + ` secret:wandb-token group:research write`,
		Flags:  []cli.Flag{o.output.Flag(), s.QuietFlag("print nothing when it worked")},
		Action: o.action("share", 2),
	}
}

// action reads the arguments and runs; needed is how many there must be at least, of three.
func (o *grantOptions) action(verb string, needed int) cli.ActionFunc {
	return func(c *cli.Context) error {
		args := c.Args().Slice()
		if len(args) < needed || len(args) > 3 {
			return cmdline.Usagef("%s takes URI, USER and LEVEL, here are %d arguments", verb, len(args))
		}
		if len(args) == 2 {
			args = append(args, string(grants.Read))
		}
		if err := o.complete(args); err != nil {
			return err
		}
		return o.run(c.Context)
	}
}

func (o *grantOptions) complete(args []string) (err error) {
	if o.where, err = parseURI(o.Session, "grant", args[0]); err != nil {
		return err
	}
	if o.grantee, err = grants.ParseGrantee(args[1]); err != nil {
		return cmdline.Usagef("%s", err)
	}
	if err := grantee.Check(o.grantee); err != nil {
		return cmdline.Usagef("%s", err)
	}
	if o.level, err = parseLevel(o.Session, args[2]); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *grantOptions) run(ctx context.Context) error {
	client, granter, err := openGranter(o.Session, o.where)
	if err != nil {
		return err
	}
	before, err := granter.Grant(ctx, o.where.Key, o.grantee, o.level)
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
	case o.output.Format == "name":
		o.Done("%s", complete(client, o.where))
		return nil
	case o.output.IsObject():
		return o.PrintObject(o.output, o.object(client, before))
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
func (o *grantOptions) object(client *kube.Client, before grants.Level) *objects.Access {
	now := highest(before, o.level)
	namespace := o.where.Namespace
	if namespace == "" {
		namespace = client.Namespace
	}
	return &objects.Access{TypeMeta: objects.Kind("Access"), URI: complete(client, o.where), Namespace: namespace,
		Key: o.where.Key, Name: secrets.ObjectName(o.where.Key), Access: string(now), Grantee: o.grantee.String(), PreviousAccess: string(before)}
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
