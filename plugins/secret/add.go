package secret

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// addOptions is one call of secret add.
type addOptions struct {
	*cmdline.Session

	where     uri.Secret
	value     *string // as typed; nil: to be asked for
	overwrite bool
	dryRun    string
	expires   string
	end       timers.End // none where it is zero
	output    *output.Format
}

func newAdd(s *cmdline.Session) *cli.Command {
	o := &addOptions{Session: s, output: output.New("name")}
	return &cli.Command{
		Name:      "add",
		Usage:     "Store a value under a key",
		ArgsUsage: "KEY [VALUE]",
		Description: `VALUE is the text itself, or
  @path    the bytes of a file
  @-       the bytes of standard input
  -        standard input as typed: a single line loses its line end
  \@text   a text that begins with @
Without VALUE you are asked for it, and it is not shown.`,
		UsageText: `  ` + s.Typed + ` add wandb-token                     # asks; nothing stays in the shell's history
  ` + s.Typed + ` add secret-password 'p@$$w0rd123'   # single quotes, or the shell changes it
  ` + s.Typed + ` add gcp-key @~/gcp.json --expires 30d
  pass show db | ` + s.Typed + ` add db-password - --overwrite`,
		Flags: []cli.Flag{
			overwriteFlag(&o.overwrite, "replace the value of an existing key; existing grants are kept"),
			&cli.StringFlag{Name: "expires", Usage: "let the cluster remove the secret at `END`: after a duration such as 30d, or at a time such as 2026-12-31",
				Destination: &o.expires},
			dryRunFlag(&o.dryRun),
			o.output.Flag(),
			s.QuietFlag("print nothing when it worked"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *addOptions) complete(args []string) (err error) {
	switch len(args) {
	case 0:
		return cmdline.CheckArgs(args, "KEY", "[VALUE]")
	case 1:
		if !cmdline.IsTerminal(o.In) {
			return cmdline.Usagef(`the VALUE is missing, and there is no terminal to ask for it: use "-" or "@-" for standard input, "@path" for a file`)
		}
	case 2:
		o.value = &args[1]
	default:
		return cmdline.Usagef("%s; a value with spaces needs quotes", cmdline.CheckArgs(args, "KEY", "[VALUE]"))
	}
	if err := cmdline.CheckDryRun(o.dryRun); err != nil {
		return err
	}
	if o.where, err = parse(args[0]); err != nil {
		return err
	}
	if o.expires != "" {
		if o.end, err = parseEnd(o.expires); err != nil {
			return err
		}
	}
	return o.output.Validate()
}

func (o *addOptions) run(ctx context.Context) error {
	value, err := o.read(ctx)
	if err != nil {
		return err
	}
	if err := secrets.Validate(o.where.Key, value); err != nil {
		return err
	}
	store, err := open(o.Session, o.where)
	if errors.Is(err, kube.ErrNoKubeconfig) && o.dryRun == "client" {
		return o.print(o.Kube.Overrides.Context.Namespace, value, "created", time.Time{})
	}
	if err != nil {
		return err
	}
	if o.dryRun == "client" {
		return o.print(store.Namespace(), value, "created", time.Time{})
	}
	options := secrets.AddOptions{Overwrite: o.overwrite, DryRun: o.dryRun == "server"}
	var (
		created bool
		ends    time.Time
	)
	if o.end == (timers.End{}) || options.DryRun {
		created, err = store.Add(ctx, o.where.Key, value, options)
	} else {
		created, ends, err = store.AddUntil(ctx, o.where.Key, value, options, o.end)
	}
	if errors.Is(err, secrets.ErrExists) {
		return &cmdline.ExitError{Code: cmdline.ExitFailed, Err: errors.New(err.Error() + "; --overwrite replaces its value")}
	}
	if err != nil {
		return err
	}
	store.used()
	what := "replaced"
	if created {
		what = "created"
	}
	if o.value != nil && string(value) == *o.value && cmdline.IsTerminal(os.Stdin) {
		o.Hint("the value is in your shell's history now; leave it out to be asked for it, or use @file")
	}
	return o.print(store.Namespace(), value, what, ends)
}

func (o *addOptions) read(ctx context.Context) ([]byte, error) {
	if o.value == nil {
		return askValue(ctx, o.Session, o.where.String())
	}
	return readValue(o.Session, *o.value)
}

// print says what was stored. Only a dry run shows the value, because showing the whole manifest
// is what it is for.
func (o *addOptions) print(namespace string, value []byte, what string, ends time.Time) error {
	manifest := secrets.Manifest(namespace, o.where.Key, value)
	if namespace == "" {
		manifest.SetNamespace("")
	}
	switch {
	case o.output.Name == "name":
		o.Done("secret/%s", manifest.GetName())
		return nil
	case o.output.IsObject():
		if o.dryRun == "" {
			delete(manifest.Object, "data")
		}
		return o.output.Print(o.Out, manifest.Object)
	}
	details := cmdline.Bytes(len(value))
	if !ends.IsZero() {
		details += ", expires " + objects.Time(ends)
	}
	o.Done("secret/%s %s (%s)%s", o.where.Key, what, details, dryRunWords(o.dryRun))
	return nil
}
