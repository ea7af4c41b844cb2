// Package secret is the plugin kubectl-apolo_secret.
package secret

import (
	"context"

	"github.com/urfave/cli/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/candidates"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// New builds the plugin's commands.
func New(s *cmdline.Session) *cli.App {
	s.Completers = completion.Completers{
		"KEY": candidates.Keys, "NAME": candidates.Foreign, "VALUE": offerValue, "--dry-run": completion.Words("client", "server"), "END": completion.Words("8h", "30d", never), "--expires": completion.Words("8h", "30d"),
		"SECRET": candidates.Foreign, "FOLDER": offerPath, "[KEY=]PATH": offerFile,
		"--key": nothing, "--data-key": nothing, "--to-secret": nothing,
	}
	return &cli.App{
		Usage: "Keep passwords, keys and tokens for your jobs",
		Commands: []*cli.Command{
			newAdd(s),
			newGet(s),
			newLs(s),
			newDescribe(s),
			newRm(s),
			newExpire(s),
			newCp(s),
			newMv(s),
			newAdopt(s),
			newImport(s),
			newExport(s),
			newEdit(s),
		},
	}
}

// parse reads a KEY or a URI of a secret from the command line.
func parse(arg string) (uri.Secret, error) {
	parsed, err := uri.ParseKeyOrURI(arg)
	if err != nil {
		return uri.Secret{}, cmdline.Usagef("%s", err)
	}
	return parsed, nil
}

// place is a Store and the connection that it uses.
type place struct {
	*secrets.Store
	client *kube.Client
}

// open connects to the cluster and namespace that a URI names.
func open(s *cmdline.Session, where uri.Secret) (*place, error) {
	client, err := kube.NewClientFor(&s.Kube, where.Cluster)
	if err != nil {
		return nil, err
	}
	store, err := secrets.NewStore(client, where)
	if err != nil {
		return nil, err
	}
	store.Warn = s.WarnOnce
	return &place{store, client}, nil
}

// used notes where a secret was, so that acl ls looks there from now on.
func (p *place) used() { namespaces.Remember(p.client, p.Namespace()) }

// users finds what uses a Kubernetes Secret. The error says what could not be seen; the rest was.
func (p *place) users(ctx context.Context, object string) ([]usedby.User, error) {
	users, err := usedby.Find(ctx, p.client, p.Namespace())
	if err != nil {
		return nil, err
	}
	return users.Of(p.Namespace(), object), users.Err()
}

// list finds the secrets of the namespace. An account that may not list them gets what it may read by name, if it is
// at home there: elsewhere such names are secrets that were shared with it, which acl ls shows (docs/decisions/0003).
func (p *place) list(ctx context.Context, s *cmdline.Session) ([]secrets.Secret, error) {
	found := []secrets.Secret{}
	collect := func(secret secrets.Secret) error {
		found = append(found, secret)
		return nil
	}
	err := p.List(ctx, collect)
	if !apierrors.IsForbidden(err) || p.client.Namespace != p.client.ContextNamespace {
		return found, err
	}
	if namedErr := p.ListNamed(ctx, collect); namedErr != nil {
		return nil, namedErr
	}
	if len(found) == 0 {
		return nil, err
	}
	s.Hint("you can't list secrets in namespace %q; these are the ones that you can read by name", p.client.Namespace)
	return found, nil
}
