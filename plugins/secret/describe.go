package secret

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// describeOptions is one call of secret describe.
type describeOptions struct {
	*cmdline.Session

	where  uri.Secret
	output *output.Format
}

func newDescribe(s *cmdline.Session) *cli.Command {
	o := &describeOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "describe",
		Usage:     "Show what is known of a secret, without its value",
		ArgsUsage: "KEY",
		Description: `When it was made and its value last stored, when it expires, whom it is shared with and until when, and what uses it. The
value is neither shown nor fetched. What you may not see is named.`,
		UsageText: `  ` + s.Typed + ` describe wandb-token
  ` + s.Typed + ` describe secret:/research/wandb-token -o json`,
		Flags:  []cli.Flag{o.output.Flag()},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *describeOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY"); err != nil {
		return err
	}
	if o.where, err = parse(args[0]); err != nil {
		return err
	}
	return o.output.Validate()
}

// description is what is known of a secret.
type description struct {
	secrets.Details
	ending timers.Ending
	shared []grants.Access
	users  []usedby.User
	unseen []string // what could not be seen, and why
}

func (o *describeOptions) run(ctx context.Context) error {
	store, err := open(o.Session, o.where)
	if err != nil {
		return err
	}
	found, err := store.Details(ctx, o.where.Key)
	if err != nil {
		return err
	}
	if o.output.Name == "name" {
		return o.Lines("secret/" + found.Object)
	}
	d := &description{Details: found}
	o.ask(ctx, store, d)
	if err := ctx.Err(); err != nil {
		return err
	}
	where := uri.Secret{Cluster: store.client.Cluster, Namespace: found.Namespace, Key: found.Key}
	if o.output.IsObject() {
		return o.output.Print(o.Out, d.object(where))
	}
	return d.print(o.Out, where, store.client.Now())
}

// ask asks all that stands elsewhere, at once. What can't be answered is noted.
func (o *describeOptions) ask(ctx context.Context, store *place, d *description) {
	var (
		lock      sync.Mutex
		questions sync.WaitGroup
	)
	note := func(what string, err error) {
		if err != nil {
			lock.Lock()
			defer lock.Unlock()
			d.unseen = append(d.unseen, what+": "+err.Error())
		}
	}
	questions.Go(func() {
		ending, err := store.Ending(ctx, d.Secret)
		d.ending = ending
		note("when it expires", err)
	})
	questions.Go(func() {
		granter, err := grants.NewGranter(store.client, o.where)
		if err == nil {
			granter.Warn = o.WarnOnce
			d.shared, err = granter.Grantees(ctx, o.where.Key)
		}
		note("whom it is shared with", err)
	})
	questions.Go(func() {
		users, err := store.users(ctx, d.Object)
		d.users = users
		note("what uses it", err)
	})
	questions.Wait()
}

func (d *description) print(to io.Writer, where uri.Secret, now time.Time) error {
	out := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%s:\t%s\n", name, sanitize.Line(value))
		}
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return objects.Time(t) + " (" + duration.HumanDuration(now.Sub(t)) + " ago)"
	}
	line("Key", d.Key)
	line("URI", where.String())
	line("Kubernetes Secret", d.Object)
	if d.Owner != "" {
		line("Belongs to", d.Owner+", data key "+d.DataKey)
	}
	line("Created", moment(d.Created))
	stored := moment(d.Stored)
	if stored != "" && d.StoredBy != "" {
		stored += " by " + d.StoredBy
	}
	line("Value stored", stored)
	if d.BeingDeleted != nil {
		line("Being deleted", d.BeingDeleted.Error())
	}
	if d.ending.Timer != "" {
		line("Expires", output.Ends(to, d.ending, now))
	}
	var shared []string
	for _, one := range d.shared {
		text := one.Grantee.String() + " (" + string(one.Level)
		if one.Ending.Timer != "" {
			text += ", ends " + output.Ends(to, one.Ending, now)
		}
		if one.Stale {
			text += ", stale: its role is gone, gives nothing"
		}
		shared = append(shared, text+")")
	}
	line("Shared with", strings.Join(shared, ", "))
	line("Used by", list(d.users))
	for _, text := range d.unseen {
		line("Not seen", text)
	}
	return out.Flush()
}

// object is what is printed for programs.
func (d *description) object(where uri.Secret) *objects.SecretDescription {
	described := &objects.SecretDescription{TypeMeta: objects.Kind("SecretDescription"),
		SecretKey: secretKey(where.Cluster, d.Secret, d.ending), Stored: objects.Time(d.Stored), StoredBy: d.StoredBy,
		SharedWith: []objects.Access{}, UsedBy: []string{}, Unseen: d.unseen}
	for _, one := range d.shared {
		described.SharedWith = append(described.SharedWith, objects.Access{URI: where.String(), Namespace: d.Namespace, Key: d.Key, Name: d.Object,
			Access: string(one.Level), Grantee: one.Grantee.String(), Stale: one.Stale, Ends: objects.Time(one.Ending.At), EndsProblem: one.Ending.Problem})
	}
	for _, user := range d.users {
		user.State = ""
		described.UsedBy = append(described.UsedBy, user.String())
	}
	return described
}
