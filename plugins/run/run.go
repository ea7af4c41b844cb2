// Package run is the plugin kubectl-apolo_run: a container with secrets, run to its end.
package run

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/runflags"
)

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// options is one call of run.
type options struct {
	*cmdline.Session
	lookup jobspec.Lookup // the caller's environment

	flags       runflags.Flags
	spec        jobspec.Spec
	listPresets bool
	noMask      bool
	dryRun      string
	output      *output.Format
	start       startLimit
	share       sharing
	sidecars    sidecars
	values      [][]byte        // of the secrets that the user may read
	log         *logview.Output // out, without the values of secrets
	attached
}

// New builds the plugin's command.
func New(s *cmdline.Session) *cli.App {
	app, _ := newApp(s)
	return app
}

// newApp returns the options too, so that tests can look at them.
func newApp(s *cmdline.Session) (*cli.App, *options) {
	o := &options{Session: s, lookup: os.LookupEnv, output: output.New("name")}
	s.Completers = completers()
	s.Volume = o.flags.AddVolume
	app := &cli.App{
		Usage:     "Run a command in a container of the cluster, with secrets, and show its log",
		ArgsUsage: "IMAGE [-- COMMAND [ARGUMENT...]]",
		Description: `The exit code is the container's. Ctrl-C deletes the job; --detach waits until the job has started and
leaves it running, --no-wait-start does not wait. A job ends after a day at the latest (--life-span), and
stays for another day, so that it can be looked at (--ttl, --rm).

Everything after "--" is the command, as it is. Without "--" flags after IMAGE are those of run, so
a command with flags needs it. A command of one word with blanks in it is split as a shell does, unless
there is an --entrypoint. Where no command is given, the image's own runs.

A secret is SECRET = secret:KEY, secret:/NAMESPACE/KEY or secret://CLUSTER/NAMESPACE/KEY, one that
was shared with you included. All secrets are looked up before anything is created. The file of a
secret is read-only, and what else is in its directory stays visible; a running job keeps the value
that it started with. Whoever may create pods in a namespace can use all secrets of this namespace.

disk:CLAIM is a PersistentVolumeClaim of the namespace, storage:SUBPATH a directory in the claim that
the ConfigMap apolo-config names there (storage-claim), else in the claim "storage".`,
		UsageText: `  ` + s.Typed + ` busybox:1 -- echo hello
  ` + s.Typed + ` --env PASSWORD=secret:db-password --env STAGE=test ubuntu:24.04 -- bash -c 'echo $STAGE'
  ` + s.Typed + ` --volume secret:gcp-key:/etc/gcp/key.json --env GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp/key.json IMAGE
  ` + s.Typed + ` --env-file settings.env --name training --detach IMAGE
  ` + s.Typed + ` --preset cpu-medium --memory 12Gi --volume storage:datasets/mnist:/data:ro --restart on-failure IMAGE -- python train.py
  ` + s.Typed + ` --gpu 1 --life-span 2d12h --schedule-timeout 30m --tag nightly --description 'night run' IMAGE
  ` + s.Typed + ` -t ubuntu:24.04 -- bash
  ` + s.Typed + ` -v secret:gcp-key:/etc/gcp/key.json ubuntu:24.04 -- "bash -c 'wc -c </etc/gcp/key.json'"
  tar c . | ` + s.Typed + ` -i -T busybox:1 -- tar t
  ` + s.Typed + ` --http-port 8888 --browse --port-forward 2222:22 --rm IMAGE
  ` + s.Typed + ` -q --no-mask --extshm --pull always --privileged ubuntu:24.04 -- mount
  ` + s.Typed + ` --detach --no-extshm --wait-start IMAGE
  ` + s.Typed + ` --no-wait-start -o json IMAGE
  ` + s.Typed + ` --security restricted --run-as-user 1000 IMAGE
  ` + s.Typed + ` --share bob --share group:research IMAGE
  ` + s.Typed + ` --dry-run=client -o yaml IMAGE
  ` + s.Typed + ` --list-presets`,
		Flags: slices.Concat(o.flags.CLI(), o.attached.flags(), []cli.Flag{
			o.share.flag(),
			&cli.BoolFlag{Name: "list-presets", Usage: "list presets and exit", Destination: &o.listPresets, DisableDefaultText: true},
			&cli.BoolFlag{Name: "no-mask", Usage: "show the values of secrets where the job prints them, in place of " + mask.Replacement,
				Destination: &o.noMask, DisableDefaultText: true},
			&cli.StringFlag{Name: "dry-run", Usage: "create nothing: `client` only shows what would be sent, server has it checked",
				Destination: &o.dryRun},
			o.output.Flag(),
			s.QuietFlag("print nothing but the job's log, or its name with --detach"),
		}),
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
	return app, o
}

// complete turns what was typed into a job. Its errors are all that needs no cluster to be known.
func (o *options) complete(args []string) (err error) {
	switch {
	case o.listPresets && len(args) > 0:
		return cmdline.Usagef("--list-presets runs nothing: leave out %q", args[0])
	case o.listPresets:
		return o.output.Validate()
	case len(args) == 0 || o.Dash == 0:
		return cmdline.Usagef("run needs an IMAGE, before any \"--\"")
	}
	if err := cmdline.CheckDryRun(o.dryRun); err != nil {
		return err
	}
	if o.output.Given() && o.dryRun == "" && !o.flags.Detach() {
		return cmdline.Usagef("-o works with --dry-run, --detach or --list-presets: otherwise standard output is the job's log")
	}
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.spec, err = o.flags.Spec(args, runflags.Caller{Lookup: o.lookup, ReadFile: o.ReadFile}); err != nil {
		return err
	}
	if strings.HasPrefix(o.spec.Description, "-") && !strings.Contains(o.spec.Description, " ") { // a -d meant as docker's
		return cmdline.Usagef("-d is --description, and what follows it is hardly one; to let the job run by itself, use --detach")
	}
	if err := o.share.complete(); err != nil {
		return err
	}
	return o.completeAttached()
}

func (o *options) run(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if errors.Is(err, kube.ErrNoKubeconfig) && o.dryRun == "client" {
		if err := jobspec.CompleteOffline(&o.spec); err != nil {
			return unknownPreset(err)
		}
		plan, err := jobs.NewPlan(&o.spec, o.Kube.Overrides.Context.Namespace)
		if err != nil {
			return err
		}
		return o.print(plan.Job())
	}
	if err != nil {
		return err
	}
	api, err := jobs.NewClient(client)
	if err != nil {
		return err
	}
	if o.listPresets {
		return o.printPresets(ctx, api)
	}
	if err := api.Complete(ctx, &o.spec); err != nil {
		return unknownPreset(err)
	}
	plan, err := api.Plan(&o.spec)
	if err != nil {
		return err
	}
	plan.Share(o.share.with)
	if o.dryRun == "client" {
		return o.print(plan.Job())
	}
	if err := o.check(ctx, api, plan); err != nil {
		return o.namespaceError(ctx, api, err)
	}
	if o.dryRun == "server" {
		job, err := api.CreateDryRun(ctx, plan)
		if err != nil {
			return o.namespaceError(ctx, api, err)
		}
		return o.print(job)
	}
	if err := o.openPorts(); err != nil {
		return err
	}
	defer o.forwarder.Close()
	job, err := api.Create(ctx, plan)
	if err != nil {
		return o.interrupted(ctx, o.namespaceError(ctx, api, err))
	}
	if status := plan.Replaced(); status != "" {
		progress.New(o.Session, job).Line("job/%s had ended (%s): it was deleted with its log, and makes room for this one", job.Name, status)
	}
	if !o.flags.Detach() {
		return o.attend(ctx, api, job)
	}
	if o.flags.WaitStart() {
		if err := o.awaitStart(ctx, api, job); err != nil {
			return err
		}
	}
	o.shareDetached(ctx, api, job)
	return o.printDetached(plan, job)
}

// namespaceError is err, in other words where the namespace of -n does not exist.
func (o *options) namespaceError(ctx context.Context, api *jobs.Client, err error) error {
	if o.Kube.Overrides.Context.Namespace != "" && apierrors.IsNotFound(err) && api.NoNamespace(ctx) {
		return o.NoNamespaceError()
	}
	return o.OrName(err)
}
