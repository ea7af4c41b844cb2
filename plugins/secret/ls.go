package secret

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// lsOptions is one call of secret ls.
type lsOptions struct {
	*cmdline.Session

	allNamespaces bool
	fullURI       bool
	output        *output.Format
}

func newLs(s *cmdline.Session) *cli.Command {
	o := &lsOptions{Session: s, output: output.New("wide", "name")}
	return &cli.Command{
		Name:        "ls",
		Aliases:     []string{"list"},
		Usage:       "List your secrets",
		Description: `Values are neither shown nor fetched. What others shared with you is not here: 'apolo acl ls' lists it.`,
		UsageText: `  ` + s.Typed + ` ls
  ` + s.Typed + ` ls -q                # keys only, for scripts
  ` + s.Typed + ` ls -o wide           # and what uses them
  ` + s.Typed + ` ls -o json -n team`,
		Flags: []cli.Flag{
			s.QuietFlag("print keys only, a line each"),
			&cli.BoolFlag{Name: "full-uri", Usage: "print complete URIs instead of keys", Destination: &o.fullURI, DisableDefaultText: true},
			&cli.BoolFlag{Name: "all-namespaces", Aliases: []string{"A", "all-projects"}, Usage: "list the secrets of all namespaces",
				Destination: &o.allNamespaces, DisableDefaultText: true},
			o.output.Flag(),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *lsOptions) complete(args []string) error {
	if len(args) > 0 {
		return cmdline.Usagef("ls takes no arguments; choose a namespace with -n")
	}
	return o.output.Validate()
}

func (o *lsOptions) run(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if err != nil {
		return err
	}
	users := o.findUsers(ctx, client)
	found, err := o.list(ctx, client)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b secrets.Secret) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Key, b.Key))
	})
	for _, s := range found {
		if s.BeingDeleted != nil {
			o.Hint("%s: %s", uri.Secret{Namespace: s.Namespace, Key: s.Key}, s.BeingDeleted)
		}
	}
	if len(found) == 0 {
		o.Hint("there are no secrets in namespace %q yet; 'apolo secret add KEY' makes one", client.Namespace)
	}
	known, err := o.timers(ctx, client, found)
	if err != nil {
		return err
	}
	switch {
	case o.output.IsObject():
		return o.output.Print(o.Out, objectList(client.Cluster, found, known))
	case o.output.Name == "name":
		return o.lines(found, func(s secrets.Secret) string { return "secret/" + s.Object })
	case o.Quiet:
		return o.lines(found, func(s secrets.Secret) string { return o.label(client, s) })
	}
	return o.table(client, found, <-users, known)
}

// timers finds the timers that end secrets, where that is shown and one of them has one.
func (o *lsOptions) timers(ctx context.Context, client *kube.Client, found []secrets.Secret) (timers.Known, error) {
	if !slices.ContainsFunc(found, hasTimer) || o.output.Name != "wide" && !o.output.IsObject() {
		return timers.Known{}, nil
	}
	namespace := client.Namespace
	if o.allNamespaces {
		namespace = ""
	}
	return timers.NewClient(client, namespace).Known(ctx)
}

func hasTimer(s secrets.Secret) bool { return s.Timer.Name != "" }

// findUsers asks what uses the secrets, where that is shown; nil where it can't be known.
func (o *lsOptions) findUsers(ctx context.Context, client *kube.Client) <-chan *usedby.Found {
	found := make(chan *usedby.Found, 1)
	if o.output.Name != "wide" {
		close(found)
		return found
	}
	go func() {
		namespace := client.Namespace
		if o.allNamespaces {
			namespace = ""
		}
		users, err := usedby.Find(ctx, client, namespace)
		if err == nil {
			err = users.Err()
		}
		if err != nil {
			o.Hint("not all that uses the secrets is known: %s", err)
		}
		found <- users
	}()
	return found
}

func (o *lsOptions) list(ctx context.Context, client *kube.Client) ([]secrets.Secret, error) {
	if o.allNamespaces {
		found := []secrets.Secret{}
		err := secrets.ListAll(ctx, client, func(s secrets.Secret) error {
			found = append(found, s)
			return nil
		})
		return found, err
	}
	store, err := secrets.NewStore(client, uri.Secret{})
	if err != nil {
		return nil, err
	}
	return (&place{store, client}).list(ctx, o.Session)
}

// label is how the user would write the secret on a command line.
func (o *lsOptions) label(client *kube.Client, s secrets.Secret) string {
	switch {
	case o.fullURI:
		return uri.Secret{Cluster: client.Cluster, Namespace: s.Namespace, Key: s.Key}.String()
	case o.allNamespaces && o.Quiet:
		return uri.Secret{Namespace: s.Namespace, Key: s.Key}.String()
	}
	return s.Key
}

func (o *lsOptions) lines(found []secrets.Secret, line func(secrets.Secret) string) error {
	texts := make([]string, 0, len(found))
	for _, s := range found {
		texts = append(texts, line(s))
	}
	return o.Lines(texts...)
}

func (o *lsOptions) table(client *kube.Client, found []secrets.Secret, users *usedby.Found, known timers.Known) error {
	var headings []string
	if o.allNamespaces && !o.fullURI {
		headings = append(headings, "NAMESPACE")
	}
	headings = append(headings, "KEY")
	wide := o.output.Name == "wide"
	if wide {
		headings = append(headings, "AGE", "KUBERNETES SECRET", "USED BY")
	}
	ending := wide && slices.ContainsFunc(found, hasTimer)
	if ending {
		headings = append(headings, "ENDS")
	}
	rows := make([][]string, 0, len(found))
	for _, s := range found {
		var row []string
		if o.allNamespaces && !o.fullURI {
			row = append(row, s.Namespace)
		}
		row = append(row, o.label(client, s))
		if wide {
			object := s.Object
			if s.Owner != "" {
				object += " (" + s.DataKey + ", of " + s.Owner + ")"
			}
			if s.BeingDeleted != nil {
				object += " (" + s.BeingDeleted.Error() + ")"
			}
			row = append(row, duration.HumanDuration(client.Now().Sub(s.Created)), object, usersOf(users, s))
		}
		if ending {
			row = append(row, output.Ends(o.Out, known.Ending(s.Timer), client.Now()))
		}
		rows = append(rows, row)
	}
	return output.Table(o.Out, headings, rows)
}

// usersOf names what uses a secret; "?" is for what could not be seen.
func usersOf(users *usedby.Found, s secrets.Secret) string {
	var names []string
	for _, user := range users.Of(s.Namespace, s.Object) {
		user.State = ""
		names = append(names, user.String())
	}
	if users == nil || users.Err() != nil {
		names = append(names, "?")
	}
	return strings.Join(names, ", ")
}

// objectList is what is printed for programs.
func objectList(cluster string, found []secrets.Secret, known timers.Known) *objects.SecretKeyList {
	list := &objects.SecretKeyList{TypeMeta: objects.Kind("SecretKeyList"), Items: make([]objects.SecretKey, 0, len(found))}
	for _, s := range found {
		list.Items = append(list.Items, secretKey(cluster, s, known.Ending(s.Timer)))
	}
	return list
}

func secretKey(cluster string, s secrets.Secret, ending timers.Ending) objects.SecretKey {
	key := objects.SecretKey{
		Key:               s.Key,
		Namespace:         s.Namespace,
		URI:               uri.Secret{Cluster: cluster, Namespace: s.Namespace, Key: s.Key}.String(),
		Name:              s.Object,
		CreationTimestamp: objects.Time(s.Created),
		Ends:              objects.Time(ending.At),
		EndsProblem:       ending.Problem,
	}
	if s.Owner != "" {
		key.DataKey, key.Owner = s.DataKey, s.Owner
	}
	if s.BeingDeleted != nil {
		key.BeingDeleted, key.Finalizers = true, s.BeingDeleted.Finalizers
	}
	return key
}
