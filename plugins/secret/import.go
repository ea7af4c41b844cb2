package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// parallel is how many secrets are read or written at once.
const parallel = 16

// importOptions is one call of secret import.
type importOptions struct {
	*cmdline.Session

	fromSecrets, fromFiles, fromDirs, fromEnvFiles, fromApolo cmdline.Strings

	keys      cmdline.Strings
	prefix    string
	overwrite bool
	dryRun    string
	output    *output.Format

	objects  []uri.Secret // of fromSecrets
	projects []platformProject
}

// platformProject is a project of the Apolo platform in a cluster of the kubeconfig.
type platformProject struct {
	cluster string
	secrets.PlatformProject
}

func newImport(s *cmdline.Session) *cli.Command {
	o := &importOptions{Session: s, output: output.New("name")}
	list := func(name, usage string, destination *cmdline.Strings) cli.Flag {
		return &cli.GenericFlag{Name: name, Usage: usage + "; may be given several times", Value: destination}
	}
	return &cli.Command{
		Name:  "import",
		Usage: "Store what is kept elsewhere: Kubernetes Secrets, files, the Apolo platform's projects",
		Description: `Everything is read and checked first, and nothing is stored while anything is wrong. A key that exists with the same
value is unchanged; with another one it is refused, or replaced with --overwrite. So an import that was cut off can
be done again. What is imported is a copy, and what it came from stays as it is.

A file of variables is read as run --env-file reads it: a NAME=VALUE a line, all of it taken as it is, quotes too;
NAME alone takes the value that it has here. A value of several lines needs its own file.

In a folder each file is a key, and its bytes are the value. Links are followed inside the folder, as in a Secret that
Kubernetes has mounted, and not out of it.`,
		UsageText: `  ` + s.Typed + ` import --from-secret db-credentials --key password --prefix db-
  ` + s.Typed + ` import --from-secret secret:/staging/db-credentials --dry-run=client
  ` + s.Typed + ` import --from-env-file .env --overwrite
  ` + s.Typed + ` import --from-dir ./keys
  ` + s.Typed + ` import --from-file gcp-key=key.json --from-file id_ed25519
  ` + s.Typed + ` import --from-apolo acme/research                       # what the Apolo platform keeps in this cluster
  ` + s.Typed + ` import --from-apolo secret://apolo/acme/research        # in another cluster of the kubeconfig`,
		Flags: []cli.Flag{
			list("from-secret", "the data keys of a Kubernetes Secret: its `SECRET` is NAME, secret:/NAMESPACE/NAME or secret://CLUSTER/NAMESPACE/NAME", &o.fromSecrets),
			list("from-env-file", "the variables of a `FILE`; - is standard input", &o.fromEnvFiles),
			list("from-dir", "the files of a `FOLDER`, a key each", &o.fromDirs),
			list("from-file", "a file as `[KEY=]PATH`, its name being the key; of a folder, all files", &o.fromFiles),
			list("from-apolo", "the secrets of a `PROJECT` of the Apolo platform, as ORG/PROJECT or secret://CLUSTER/ORG/PROJECT", &o.fromApolo),
			list("key", "only this `KEY` of what was found", &o.keys),
			&cli.StringFlag{Name: "prefix", Usage: "`TEXT` to put before each key", Destination: &o.prefix},
			overwriteFlag(&o.overwrite, "replace the values of existing keys; existing grants are kept"),
			dryRunFlag(&o.dryRun),
			o.output.Flag(),
			s.QuietFlag("print nothing when it worked"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *importOptions) complete(args []string) (err error) {
	if len(args) > 0 {
		return cmdline.Usagef("import takes no arguments; specify a source: --from-secret, --from-env-file, --from-dir, --from-file or --from-apolo")
	}
	if len(o.fromSecrets)+len(o.fromEnvFiles)+len(o.fromDirs)+len(o.fromFiles)+len(o.fromApolo) == 0 {
		return cmdline.Usagef("import needs --from-secret, --from-env-file, --from-dir, --from-file or --from-apolo")
	}
	if o.objects, err = cmdline.ParseAll(o.fromSecrets, parseObject); err != nil {
		return err
	}
	for _, arg := range o.fromApolo {
		cluster, project, err := parseProject(arg)
		if err != nil {
			return err
		}
		o.projects = append(o.projects, platformProject{cluster, project})
	}
	if o.prefix != "" && uri.ValidateKey(o.prefix+"x") != nil {
		return cmdline.Usagef("--prefix %q can't begin a key: use letters, digits, '_', '-' and '.'", o.prefix)
	}
	if err := cmdline.CheckDryRun(o.dryRun); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *importOptions) run(ctx context.Context) error {
	found, err := o.collect(ctx)
	if err != nil {
		return nothingDone(err)
	}
	store, err := open(o.Session, uri.Secret{})
	if err != nil {
		return err
	}
	changes, err := o.plan(ctx, store, found)
	if err != nil {
		return err
	}
	if refused := refusals(changes); o.dryRun == "" && len(refused) > 0 {
		return nothingDone(errors.Join(refused...))
	}
	if o.dryRun != "client" {
		o.store(ctx, store, changes)
	}
	if err := o.print(store, changes); err != nil {
		return err
	}
	return outcome(ctx, changes, o.dryRun)
}

func nothingDone(err error) error {
	return errors.Join(err, errors.New("nothing was imported"))
}

// collect reads everything that is to be imported: files first, which cost no request.
func (o *importOptions) collect(ctx context.Context) ([]entry, error) {
	found := &sources{session: o.Session, chosen: o.keys}
	for _, path := range o.fromEnvFiles {
		found.envFile(path, os.LookupEnv)
	}
	if keys := quoted(found.entries); len(keys) > 0 {
		o.Hint("the quotes around the value are part of it: %s", strings.Join(keys, ", "))
	}
	for _, path := range o.fromDirs {
		found.folder(path)
	}
	for _, arg := range o.fromFiles {
		found.file(arg)
	}
	for _, where := range o.objects {
		if err := found.object(ctx, where); err != nil {
			found.problems = append(found.problems, err)
		}
	}
	for _, project := range o.projects {
		if err := found.platform(ctx, project.cluster, project.PlatformProject); err != nil {
			found.problems = append(found.problems, err)
		}
	}
	return found.entries, found.check(o.prefix)
}

// What becomes of an entry. The words are part of the output for programs.
const (
	created   = "created"
	replaced  = "replaced"
	unchanged = "unchanged"
	refused   = "refused"
	stored    = "stored" // created or replaced, where one may not look
)

// change is what becomes of an entry.
type change struct {
	entry
	result string
	err    error // why it is refused, or has failed
	done   bool  // the result is no plan any more
}

// plan looks at what there is under each key.
func (o *importOptions) plan(ctx context.Context, store *place, entries []entry) ([]change, error) {
	changes := make([]change, len(entries))
	var requests errgroup.Group
	requests.SetLimit(parallel)
	for i, e := range entries {
		requests.Go(func() error {
			there, err := store.Read(ctx, e.key)
			changes[i] = change{entry: e}
			changes[i].result, changes[i].err, err = o.decide(store, e, there, err)
			return err
		})
	}
	return changes, requests.Wait()
}

// decide says what is to be done with an entry, given what reading its key has brought: its result, the reason where
// that is refused, and an error where nothing can be said.
func (o *importOptions) decide(store *place, e entry, there secrets.Value, err error) (result string, reason, failure error) {
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		return created, nil, nil
	case errors.Is(err, secrets.ErrMissingData) && o.overwrite:
		return replaced, nil, nil
	case errors.Is(err, secrets.ErrNotManaged), errors.Is(err, secrets.ErrMissingData):
		return refused, err, nil
	case apierrors.IsForbidden(err):
		return stored, nil, nil // anyone who can only write is told by the API server what is wrong
	case err != nil:
		return "", nil, err
	case there.BeingDeleted != nil:
		return refused, fmt.Errorf("%s: %w; choose another --prefix, or try again when it is gone", store.URI(e.key), there.BeingDeleted), nil
	case there.Owner != "":
		return refused, fmt.Errorf("%s: %w: its value belongs to %s; change it there, or choose another --prefix", store.URI(e.key), secrets.ErrAdopted, there.Owner), nil
	case string(there.Data) == string(e.value):
		return unchanged, nil, nil
	case !o.overwrite:
		return refused, fmt.Errorf("%s: %w with another value; --overwrite replaces it", store.URI(e.key), secrets.ErrExists), nil
	}
	return replaced, nil, nil
}

func refusals(changes []change) []error {
	var all []error
	for _, c := range changes {
		if c.result == refused {
			all = append(all, c.err)
		}
	}
	return all
}

// store does what is planned. With the first failure nothing more is begun: what made one fail will mostly make
// the others fail.
func (o *importOptions) store(ctx context.Context, store *place, changes []change) {
	var requests errgroup.Group
	requests.SetLimit(parallel)
	var failed atomic.Bool
	for i := range changes {
		c := &changes[i]
		if c.result == unchanged || c.result == refused {
			c.done = true
			continue
		}
		requests.Go(func() error {
			if failed.Load() || ctx.Err() != nil {
				return nil
			}
			isNew, err := store.Add(ctx, c.key, c.value, secrets.AddOptions{Overwrite: o.overwrite, DryRun: o.dryRun == "server"})
			switch {
			case err == nil && isNew:
				c.result, c.done = created, true
			case err == nil:
				c.result, c.done = replaced, true
			case errors.Is(err, secrets.ErrExists):
				c.result, c.err = refused, fmt.Errorf("%w; --overwrite replaces its value", err)
			default:
				c.err = err
			}
			if err != nil {
				failed.Store(true)
			}
			return nil
		})
	}
	_ = requests.Wait() // errors are with the changes
	for _, c := range changes {
		if c.done && c.result != unchanged {
			store.used()
			return
		}
	}
}

// outcome is the error of the whole.
func outcome(ctx context.Context, changes []change, dryRun string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed []error
	for _, c := range changes {
		if c.err != nil {
			failed = append(failed, c.err)
		}
	}
	if len(failed) > 0 && len(changes) > 1 && dryRun == "" {
		failed = append(failed, errors.New("import incomplete; fix the errors and run it again (existing secrets are unchanged)"))
	}
	return errors.Join(failed...)
}

// print shows what was done, or would be.
func (o *importOptions) print(store *place, changes []change) error {
	list := &objects.SecretImportList{TypeMeta: objects.Kind("SecretImportList"), Items: []objects.SecretImport{}}
	for _, c := range changes {
		if !c.done && o.dryRun != "client" {
			continue
		}
		object := secrets.ObjectName(c.key)
		list.Items = append(list.Items, objects.SecretImport{
			Key: c.key, Namespace: store.Namespace(), Name: object, From: c.from, Result: c.result,
			URI: uri.Secret{Cluster: store.client.Cluster, Namespace: store.Namespace(), Key: c.key}.String(),
		})
		switch {
		case o.output.IsObject() || c.result == refused:
		case o.output.Name == "name":
			o.Done("secret/%s", object)
		default:
			o.Done("secret/%s %s (%s)%s", c.key, c.result, cmdline.Bytes(len(c.value)), dryRunWords(o.dryRun))
		}
	}
	if o.output.IsObject() {
		return o.output.Print(o.Out, list)
	}
	return nil
}
