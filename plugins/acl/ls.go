package acl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// patience is how long a person waits without being told what for.
const patience = 500 * time.Millisecond

// lsOptions is one call of acl ls.
type lsOptions struct {
	*cmdline.Session

	filter  string
	shared  bool
	user    string
	fullURI bool
	in      cmdline.Strings
	output  *output.Format
}

func newLs(s *cmdline.Session) *cli.Command {
	o := &lsOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "ls",
		Aliases:   []string{"list"},
		Usage:     "List the secrets you can use, or who can use yours",
		ArgsUsage: "[URI]",
		Description: `The API server itself is asked, so rights that come through groups, ClusterRoles and Roles made by other tools
are counted. A URI without a key, such as secret://CLUSTER/NAMESPACE, stands for all secrets of a namespace.

Accounts that can't list namespaces get an answer for those of the kubeconfig, those used before, and those given
with --in. An administrator can change that: ` + s.Typed + ` enable-discovery`,
		UsageText: `  ` + s.Typed + ` ls
  ` + s.Typed + ` ls --in alice                       # look in alice's namespace too
  ` + s.Typed + ` ls --shared                         # who can use mine
  ` + s.Typed + ` ls --shared secret:wandb-token      # who can use this one
  ` + s.Typed + ` ls -u bob                           # what bob may use, as far as I may see`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "shared", Usage: "list who can use the secrets of your namespace", Destination: &o.shared, DisableDefaultText: true},
			// -u alone: --user is kubectl's, the entry of the kubeconfig to use.
			&cli.StringFlag{Name: "u", Usage: "list what `USER` may use", Destination: &o.user},
			&cli.GenericFlag{Name: "in", Usage: "look in this `NAMESPACE` too; may be given several times", Value: &o.in},
			&cli.BoolFlag{Name: "full-uri", Usage: "print complete URIs; they are never shortened off a terminal", Destination: &o.fullURI, DisableDefaultText: true},
			o.output.Flag(),
			s.QuietFlag("print URIs only, a line each"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *lsOptions) complete(args []string) error {
	if err := cmdline.CheckArgs(args, "[URI]"); err != nil {
		return err
	}
	if len(args) == 1 {
		o.filter = args[0]
		if word := elsewhere(o.Session, "ls", o.filter); word != "" {
			return cmdline.Usagef("%q is not a secret: %s", o.filter, word)
		}
		if !uri.IsSecret(o.filter) {
			return cmdline.Usagef("%q is not a URI: it must begin with %q", o.filter, uri.Scheme)
		}
	}
	if o.shared && o.user != "" {
		return cmdline.Usagef("--shared and -u can't be used together")
	}
	return o.output.Validate()
}

// answer is what is printed.
type answer struct {
	items  []grants.Access
	asked  []string
	unseen []string
}

func (o *lsOptions) run(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if err != nil {
		return err
	}
	found, err := o.ask(ctx, client)
	if err != nil {
		return err
	}
	if o.filter != "" {
		prefix := strings.TrimSuffix(o.expand(client), "/")
		found.items = slices.DeleteFunc(found.items, func(a grants.Access) bool {
			u := a.URI(client.Cluster)
			return u != prefix && !strings.HasPrefix(u, prefix+"/")
		})
	}
	return o.print(client, found)
}

func (o *lsOptions) ask(ctx context.Context, client *kube.Client) (answer, error) {
	if o.shared {
		return o.askShared(ctx, client)
	}
	var somebody grants.Grantee
	if o.user != "" {
		var err error
		if somebody, err = grants.ParseGrantee(o.user); err != nil {
			return answer{}, cmdline.Usagef("%s", err)
		}
	}
	found, err := o.namespaces(ctx, client)
	if err != nil {
		return answer{}, err
	}
	done := o.progress("asking about %s …", count(len(found.Names), "namespace"))
	defer done()
	var list grants.List
	if o.user != "" {
		list, err = grants.AccessOf(ctx, client, somebody, found.Names)
	} else {
		list, err = grants.MyAccess(ctx, client, found.Names)
	}
	if err != nil {
		return answer{}, err
	}
	a := answer{items: list.Items, unseen: list.Unseen}
	if !found.Complete {
		a.asked = found.Names
	}
	return a, nil
}

// namespaces are those to look in: one that was named with -n alone, else all that are known.
func (o *lsOptions) namespaces(ctx context.Context, client *kube.Client) (namespaces.Found, error) {
	if named := o.Kube.Overrides.Context.Namespace; named != "" {
		names := append(slices.Clone(o.in), named)
		slices.Sort(names)
		return namespaces.Found{Names: slices.Compact(names)}, nil
	}
	return namespaces.Find(ctx, &o.Kube, client, o.in)
}

func (o *lsOptions) askShared(ctx context.Context, client *kube.Client) (answer, error) {
	// One secret is asked about by name, which its managers may do too.
	if where, err := uri.Parse(o.filter); o.filter != "" && err == nil && where.Key != "" {
		_, granter, err := openGranter(o.Session, where)
		if err != nil {
			return answer{}, err
		}
		items, err := granter.Grantees(ctx, where.Key)
		return answer{items: items}, err
	}
	items, err := grants.Shared(ctx, client, client.Namespace)
	return answer{items: items}, err
}

// expand makes a filter complete, so that it can be compared.
func (o *lsOptions) expand(client *kube.Client) string {
	rest := strings.TrimPrefix(o.filter, uri.Scheme)
	switch {
	case strings.HasPrefix(rest, "//"):
		return o.filter
	case strings.HasPrefix(rest, "/"):
		return uri.Scheme + "//" + client.Cluster + rest
	}
	return uri.Scheme + "//" + client.Cluster + "/" + client.Namespace + "/" + rest
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// progress tells a person at a terminal what takes long, until the function that it returns is
// called.
func (o *lsOptions) progress(format string, args ...any) (done func()) {
	if o.Quiet || !cmdline.IsTerminal(o.ErrOut) {
		return func() {}
	}
	shown := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		fmt.Fprintf(o.ErrOut, format, args...)
		close(shown)
	})
	return func() {
		if !timer.Stop() {
			<-shown
			fmt.Fprint(o.ErrOut, "\r\x1b[K")
		}
	}
}

func (o *lsOptions) print(client *kube.Client, a answer) error {
	if o.output.IsObject() {
		return o.output.Print(o.Out, object(client.Cluster, a, o.shared))
	}
	if o.Quiet || o.output.Name == "name" {
		var uris []string
		for _, item := range a.items {
			uris = append(uris, item.URI(client.Cluster))
		}
		return o.Lines(slices.Compact(uris)...)
	}
	headings := []string{"URI", "ACCESS"}
	if o.shared {
		headings = []string{"URI", "GRANTED TO", "ACCESS"}
	}
	ending := slices.ContainsFunc(a.items, func(item grants.Access) bool { return item.Ending.Timer != "" })
	if ending {
		headings = append(headings, "ENDS")
	}
	rows := make([][]string, 0, len(a.items))
	for _, item := range a.items {
		row := []string{item.URI(client.Cluster)}
		if o.shared {
			row = append(row, item.Grantee.String())
		}
		level := string(item.Level)
		if item.Stale {
			level += " (stale: its role is gone, gives nothing)"
		}
		row = append(row, level)
		if ending {
			row = append(row, output.Ends(o.Out, item.Ending, client.Now()))
		}
		rows = append(rows, row)
	}
	if err := output.Table(o.Out, headings, rows); err != nil {
		return err
	}
	for _, text := range a.unseen {
		o.Hint("not seen: %s", text)
	}
	if len(a.asked) > 0 && o.user == "" {
		o.Hint("you can't list namespaces, so these were asked: %s; name others with --in", strings.Join(a.asked, ", "))
	}
	return nil
}

// object is what is printed for programs.
func object(cluster string, a answer, shared bool) *objects.AccessList {
	list := &objects.AccessList{TypeMeta: objects.Kind("AccessList"), Items: make([]objects.Access, 0, len(a.items)),
		AskedNamespaces: a.asked, Unseen: a.unseen}
	for _, item := range a.items {
		entry := objects.Access{URI: item.URI(cluster), Namespace: item.Namespace, Access: string(item.Level),
			Ends: objects.Time(item.Ending.At), EndsProblem: item.Ending.Problem}
		if item.Key != "" {
			entry.Key, entry.Name = item.Key, item.Object
		}
		if shared {
			entry.Grantee, entry.Stale = item.Grantee.String(), item.Stale
		}
		list.Items = append(list.Items, entry)
	}
	return list
}
