package secret

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
	"github.com/neuro-inc/kubectl-apolo/pkg/privatefile"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// exportOptions is one call of secret export.
type exportOptions struct {
	*cmdline.Session

	targets   []uri.Secret // empty: all of the namespace
	toDir     string
	toEnvFile string
	toSecret  string
	overwrite bool
	output    *output.Format
}

// exported is a secret with its value.
type exported struct {
	where uri.Secret
	value []byte
}

func newExport(s *cmdline.Session) *cli.Command {
	o := &exportOptions{Session: s, output: output.New()}
	return &cli.Command{
		Name:      "export",
		Usage:     "Write secrets with their values to files, or as Kubernetes manifests",
		ArgsUsage: "[KEY...]",
		Description: `Without a KEY all secrets of the namespace are meant. The values are in the clear then, or in base64, which is the
same: whoever reads the files has them.

Nothing is written unless all of it can be. import reads each of these forms, and gives the same bytes. Without
--server-side, kubectl apply would leave the values in an annotation too.`,
		UsageText: `  ` + s.Typed + ` export --to-dir ./keys                  # a file each, that you alone can read
  ` + s.Typed + ` export db-user db-password --to-env-file .env
  ` + s.Typed + ` export -o yaml | kubectl apply --server-side --context production -f -
  ` + s.Typed + ` export db-user db-password --to-secret db-credentials | kubectl apply --server-side -f -`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to-dir", Usage: "write a file for each key into `FOLDER`, which is made if need be", Destination: &o.toDir, TakesFile: true},
			&cli.StringFlag{Name: "to-env-file", Usage: "write a KEY=VALUE a line to `FILE`; - is standard output", Destination: &o.toEnvFile, TakesFile: true},
			&cli.StringFlag{Name: "to-secret", Usage: "print the manifest of one Kubernetes Secret called `NAME`, with all keys", Destination: &o.toSecret},
			overwriteFlag(&o.overwrite, "replace files that exist"),
			o.output.Flag(),
			s.QuietFlag("print nothing but what is exported"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *exportOptions) complete(args []string) error {
	seen := map[string]uri.Secret{}
	for _, arg := range args {
		target, err := parse(arg)
		if err != nil {
			return err
		}
		if other, ok := seen[target.Key]; ok {
			return cmdline.Usagef("%s and %s would both be %q", other, target, target.Key)
		}
		seen[target.Key] = target
		o.targets = append(o.targets, target)
	}
	chosen := 0
	for _, target := range []string{o.toDir, o.toEnvFile, o.toSecret} {
		if target != "" {
			chosen++
		}
	}
	switch {
	case chosen == 0 && !o.output.Given():
		return cmdline.Usagef("export needs --to-dir, --to-env-file, --to-secret or -o yaml")
	case o.toDir == "-":
		return cmdline.Usagef("--to-dir needs a folder; --to-env-file - writes to standard output")
	case chosen > 1:
		return cmdline.Usagef("--to-dir, --to-env-file and --to-secret exclude each other")
	case o.output.Given() && chosen > 0 && o.toSecret == "":
		return cmdline.Usagef("-o prints manifests, and goes with --to-secret only")
	case o.toSecret != "" && len(validation.IsDNS1123Subdomain(o.toSecret)) > 0:
		return cmdline.Usagef("%q can't be the name of a Kubernetes Secret", o.toSecret)
	case o.toSecret != "" && !o.output.Given():
		o.output.Choose("yaml")
	}
	return o.output.Validate()
}

func (o *exportOptions) run(ctx context.Context) error {
	if err := cmdline.HomePaths(&o.toDir, &o.toEnvFile); err != nil {
		return err
	}
	// What stands in the way is known before any value is read, as far as that is possible.
	if err := o.checkTarget(); err != nil {
		return err
	}
	targets, err := o.find(ctx)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("there are no secrets to export; 'apolo secret ls' lists them")
	}
	found, err := o.read(ctx, targets)
	if err != nil {
		return err
	}
	switch {
	case o.toDir != "":
		err = o.writeFolder(found)
	case o.toEnvFile != "":
		err = o.writeEnvFile(found)
	default:
		err = o.writeManifest(found)
	}
	if err == nil && !o.Quiet && cmdline.IsTerminal(o.ErrOut) {
		o.Warn("the values have left the cluster: whoever reads this has them; remove it when you need it no more")
	}
	return err
}

func (o *exportOptions) checkTarget() error {
	switch {
	case o.toDir != "":
		info, err := os.Lstat(o.toDir)
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder", o.toDir)
		}
	case o.toEnvFile != "" && o.toEnvFile != "-":
		return o.checkFile(o.toEnvFile)
	}
	return nil
}

// checkFile refuses a file that must not be written.
func (o *exportOptions) checkFile(path string) error {
	if err := checkTarget(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil && !o.overwrite {
		return fmt.Errorf("%s already exists; --overwrite replaces it", path)
	}
	return nil
}

// find names what is to be exported.
func (o *exportOptions) find(ctx context.Context) ([]uri.Secret, error) {
	if len(o.targets) > 0 {
		return o.targets, nil
	}
	store, err := open(o.Session, uri.Secret{})
	if err != nil {
		return nil, err
	}
	found, err := store.list(ctx, o.Session)
	if err != nil {
		return nil, err
	}
	var all []uri.Secret
	for _, secret := range found {
		all = append(all, uri.Secret{Key: secret.Key})
	}
	return all, nil
}

// read gets the values, all of them or none.
func (o *exportOptions) read(ctx context.Context, targets []uri.Secret) ([]exported, error) {
	found, failed, read := make([]exported, len(targets)), make([]error, len(targets)), make([]secrets.Value, len(targets))
	stores := map[uri.Secret]*place{}
	for _, target := range targets {
		target.Key = ""
		if _, ok := stores[target]; ok {
			continue
		}
		store, err := open(o.Session, target)
		if err != nil {
			return nil, err
		}
		stores[target] = store
	}
	var requests errgroup.Group
	requests.SetLimit(parallel)
	for i, target := range targets {
		where := target
		where.Key = ""
		requests.Go(func() error {
			value, err := stores[where].Read(ctx, target.Key)
			found[i], failed[i], read[i] = exported{target, value.Data}, err, value
			return nil
		})
	}
	_ = requests.Wait() // errors are in failed
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	for _, store := range stores {
		store.used()
	}
	for i, value := range read {
		warnOfDeletion(o.Session, targets[i], value)
	}
	slices.SortFunc(found, func(a, b exported) int { return cmp.Compare(a.where.Key, b.where.Key) })
	return found, nil
}

// writeFolder writes all files into their own folder first, so that a failure leaves none of them.
func (o *exportOptions) writeFolder(found []exported) (err error) {
	_, statErr := os.Lstat(o.toDir)
	isNew := os.IsNotExist(statErr)
	var problems []error
	for _, e := range found {
		switch path := filepath.Join(o.toDir, e.where.Key); {
		case !filepath.IsLocal(e.where.Key):
			problems = append(problems, fmt.Errorf("%s: %q can't be the name of a file on this machine", e.where, e.where.Key))
		case !isNew:
			problems = append(problems, o.checkFile(path))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	beside := o.toDir
	if isNew {
		beside = filepath.Dir(filepath.Clean(o.toDir))
	}
	stage, err := os.MkdirTemp(beside, ".apolo-*") // made with mode 0700
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", beside, withoutPath(err))
	}
	defer func() {
		if removeErr := os.RemoveAll(stage); err == nil && removeErr != nil {
			err = removeErr
		}
	}()
	total := 0
	for _, e := range found {
		if err := writeNew(filepath.Join(stage, e.where.Key), e.value); err != nil {
			if os.IsExist(err) {
				err = errors.New("this file system does not tell it from another key")
			}
			return fmt.Errorf("%s: cannot write the file: %w", e.where, withoutPath(err))
		}
		total += len(e.value)
	}
	if isNew {
		err = os.Rename(stage, o.toDir)
	} else {
		keys := make([]string, 0, len(found))
		for _, e := range found {
			keys = append(keys, e.where.Key)
		}
		err = moveAll(stage, o.toDir, keys)
	}
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", o.toDir, err)
	}
	o.Done("%s written (%s, %s)", o.toDir, count(len(found)), cmdline.Bytes(total))
	return nil
}

// writeNew writes a file that must not be there, for its owner alone.
func writeNew(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- where the user wants it, and new
	if err != nil {
		return err
	}
	if _, err = file.Write(data); err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (o *exportOptions) writeEnvFile(found []exported) error {
	var content bytes.Buffer
	var problems []error
	for _, e := range found {
		line, err := envfile.Format(e.where.Key, string(e.value))
		if envErr := envValue(string(e.value)); envErr != nil {
			err = fmt.Errorf("the value %w", envErr)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s can't be in a file of variables: %w", e.where, err))
		}
		content.WriteString(line)
	}
	if err := errors.Join(problems...); err != nil {
		return errors.Join(err, errors.New("nothing was written; --to-dir takes every key and value"))
	}
	if o.toEnvFile == "-" {
		_, err := o.Out.Write(content.Bytes())
		return err
	}
	if err := privatefile.Write(o.toEnvFile, content.Bytes()); err != nil {
		return fmt.Errorf("cannot write to %s: %w", o.toEnvFile, withoutPath(err))
	}
	o.Done("%s written (%s, %s)", o.toEnvFile, count(len(found)), cmdline.Bytes(content.Len()))
	return nil
}

// writeManifest prints what kubectl apply makes the same secrets of, in whatever namespace.
func (o *exportOptions) writeManifest(found []exported) error {
	if o.toSecret == "" {
		items := make([]any, 0, len(found))
		for _, e := range found {
			manifest := secrets.Manifest("", e.where.Key, e.value)
			manifest.SetNamespace("")
			items = append(items, manifest.Object)
		}
		return o.output.Print(o.Out, map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	total, data := 0, map[string]any{}
	for _, e := range found {
		total += len(e.value)
		data[e.where.Key] = base64.StdEncoding.EncodeToString(e.value)
	}
	if total > secrets.MaxValueSize {
		return fmt.Errorf("the values have %d bytes together, and a Kubernetes Secret holds at most %d; choose fewer keys", total, secrets.MaxValueSize)
	}
	return o.output.Print(o.Out, map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": map[string]any{"name": o.toSecret},
		"data":     data,
	})
}

func count(secrets int) string {
	if secrets == 1 {
		return "1 secret"
	}
	return fmt.Sprintf("%d secrets", secrets)
}
