// Package run is the plugin kubectl-apolo_run: a container with secrets, run to its end.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// exitTerminated is the exit code after SIGTERM, as shells report it.
const exitTerminated = 128 + 15

// deleteTimeout bounds the request that deletes the job after Ctrl-C, so that a cluster that
// doesn't answer can't hold the user.
const deleteTimeout = 10 * time.Second

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// options is one call of run.
type options struct {
	*cmdline.Session
	lookup jobs.Lookup // the caller's environment

	spec       jobs.Spec
	env        cmdline.Strings
	envFiles   cmdline.Strings
	volumes    cmdline.Strings
	entrypoint *string // nil: not given
	detach     bool
	dryRun     string
	output     *cmdline.Output
	attached
}

// New builds the plugin's command.
func New(s *cmdline.Session) *cli.App {
	app, _ := newApp(s)
	return app
}

// newApp returns the options too, so that tests can look at them.
func newApp(s *cmdline.Session) (*cli.App, *options) {
	o := &options{Session: s, lookup: os.LookupEnv, spec: jobs.NewSpec(), output: cmdline.NewOutput("name", "json", "yaml")}
	app := &cli.App{
		Usage:     "Run a command in a container of the cluster, with secrets, and show its log",
		ArgsUsage: "IMAGE [-- COMMAND [ARGUMENT...]]",
		Description: `The exit code is the container's. Ctrl-C deletes the job; --detach leaves it running. A job that has
ended stays for a day, so that it can be looked at.

Everything behind "--" is the command, as it is. Without "--" flags behind IMAGE are those of run, so
a command with flags needs it. Where no command is given, the image's own runs.

A secret is SECRET = secret:KEY, secret:/NAMESPACE/KEY or secret://CLUSTER/NAMESPACE/KEY, one that
was shared with you included. All secrets are looked up before anything is created. The file of a
secret is read-only, and what else is in its directory stays visible; a running job keeps the value
that it started with. Whoever may create pods in a namespace can use all secrets of this namespace.

Examples:
  ` + s.Typed + ` busybox:1 -- echo hello
  ` + s.Typed + ` --env PASSWORD=secret:db-password --env STAGE=test ubuntu:24.04 -- bash -c 'echo $STAGE'
  ` + s.Typed + ` --volume secret:gcp-key:/etc/gcp/key.json --env GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp/key.json IMAGE
  ` + s.Typed + ` --env-file settings.env --name training --detach IMAGE`,
		Flags: append([]cli.Flag{
			list("env", "e", "variable `NAME=VALUE`, NAME=SECRET, or NAME with the value that it has here; may be given several times", &o.env),
			list("env-file", "", "`FILE` with a NAME=VALUE, NAME=SECRET or NAME a line, taken as it is: no quotes, no expansion; --env goes over it", &o.envFiles),
			list("volume", "", "secret as a file, `SECRET:/PATH/TO/FILE`; may be given several times", &o.volumes),
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the job (default: the image's, and five characters)", Destination: &o.spec.Name},
			&cli.StringFlag{Name: "workdir", Aliases: []string{"w"}, Usage: "`DIRECTORY` in the container to run in", Destination: &o.spec.WorkDir},
			&cli.StringFlag{Name: "entrypoint", Usage: "`COMMAND` in place of the image's entrypoint, split into words as a shell does",
				Action: func(_ *cli.Context, value string) error { o.entrypoint = &value; return nil }},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "print the job's name and return as soon as it is created",
				Destination: &o.detach, DisableDefaultText: true},
			&cli.StringFlag{Name: "dry-run", Usage: "create nothing: `client` only shows what would be sent, server has it checked",
				Destination: &o.dryRun},
			o.output.Flag(),
			s.QuietFlag("print nothing but the job's log, or its name with --detach"),
		}, o.attached.flags()...),
		Action: func(c *cli.Context) error {
			if err := o.complete(c.Args().Slice()); err != nil {
				return err
			}
			return o.run(c.Context)
		},
	}
	return app, o
}

func list(name, short, usage string, values *cmdline.Strings) cli.Flag {
	flag := &cli.GenericFlag{Name: name, Usage: usage, Value: values}
	if short != "" {
		flag.Aliases = []string{short}
	}
	return flag
}

// complete turns what was typed into a job. Its errors are all that needs no cluster to be known.
func (o *options) complete(args []string) (err error) {
	switch {
	case len(args) == 0 || o.Dash == 0:
		return cmdline.Usagef("run needs an IMAGE, before any \"--\"")
	case o.dryRun != "" && o.dryRun != "client" && o.dryRun != "server":
		return cmdline.Usagef("--dry-run %q is not one of client, server", o.dryRun)
	case o.output.Format != "" && o.dryRun == "" && !o.detach:
		return cmdline.Usagef("-o works with --dry-run or --detach: otherwise standard output is the job's log")
	}
	if err := o.output.Validate(); err != nil {
		return err
	}
	o.spec.Image, o.spec.Args = args[0], args[1:]
	if o.entrypoint != nil {
		if o.spec.Entrypoint, err = jobs.SplitEntrypoint(*o.entrypoint); err != nil {
			return usage(err)
		}
	}
	for _, name := range o.envFiles {
		variables, err := o.readEnvFile(name)
		if err != nil {
			return err
		}
		o.spec.Variables = append(o.spec.Variables, variables...)
	}
	for _, text := range o.env {
		variable, err := jobs.ParseVariable(text, o.lookup)
		if err != nil {
			return usage(err)
		}
		o.spec.Variables = append(o.spec.Variables, variable)
	}
	for _, text := range o.volumes {
		file, err := jobs.ParseSecretFile(text)
		if err != nil {
			return usage(err)
		}
		o.spec.Files = append(o.spec.Files, file)
	}
	if err := o.completeAttached(); err != nil {
		return err
	}
	return usage(o.spec.Validate())
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return cmdline.Usagef("%s", err)
}

func (o *options) readEnvFile(name string) ([]jobs.Variable, error) {
	var reader io.Reader = o.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--env-file: %w", err)
		}
		defer file.Close()
		reader = file
	}
	variables, err := jobs.ParseVariables(reader, o.lookup)
	if err != nil {
		return nil, fmt.Errorf("--env-file %s: %w", name, err)
	}
	return variables, nil
}

func (o *options) run(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if errors.Is(err, kube.ErrNoKubeconfig) && o.dryRun == "client" {
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
	plan, err := api.Plan(&o.spec)
	if err != nil {
		return err
	}
	if o.dryRun == "client" {
		return o.print(plan.Job())
	}
	if err := api.Check(ctx, plan); err != nil {
		return err
	}
	if o.dryRun == "server" {
		job, err := api.CreateDryRun(ctx, plan)
		if err != nil {
			return err
		}
		return o.print(job)
	}
	if err := o.openPorts(); err != nil {
		return err
	}
	defer o.forwarder.Close()
	job, err := api.Create(ctx, plan)
	if err != nil {
		return o.interrupted(ctx, err)
	}
	if o.detach {
		return o.printDetached(plan, job)
	}
	return o.attend(ctx, api, job)
}

// attend shows the job until it ends, and deletes it where it has to be ended.
func (o *options) attend(ctx context.Context, api *jobs.Client, job jobs.Ref) error {
	show := newProgress(o.Session, job)
	show.created()
	state, err := o.follow(ctx, api, job, show)
	show.erase()
	switch {
	case isLeft(err):
		return o.left(err, job, show)
	case ctx.Err() != nil:
		if err := o.delete(ctx, api, job); err != nil {
			return o.interrupted(ctx, fmt.Errorf("job %s is still there: %w; remove it with: %s", job.Name, err, job.DeleteCommand()))
		}
		show.line("interrupted: job/%s deleted", job.Name)
		return o.interrupted(ctx, ctx.Err())
	case err != nil && !state.Phase.Final():
		return fmt.Errorf("%w; the job goes on, remove it with: %s", err, job.DeleteCommand())
	case isInputError(err):
		return failed(state.ExitCode, fmt.Errorf("job %s: %w", job.Name, err))
	case err != nil:
		show.line("%s", err)
	}

	switch {
	case state.Phase == jobs.Succeeded:
		return nil
	case state.Phase == jobs.Stuck:
		err := fmt.Errorf("job %s can't start: %s", job.Name, describe(state))
		// Nothing has run, and nothing is to be lost: with the job gone its name is free again.
		if deleteErr := o.delete(ctx, api, job); deleteErr != nil {
			return fmt.Errorf("%w; remove it with: %s", err, job.DeleteCommand())
		}
		return fmt.Errorf("%w; it was removed", err)
	case !state.Started:
		return failed(state.ExitCode, fmt.Errorf("job %s can't start: %s", job.Name, describe(state)))
	case isOwnExit(state):
		show.end(state)
		return &cmdline.ExitError{Code: state.ExitCode}
	}
	return failed(state.ExitCode, fmt.Errorf("job %s failed: %s", job.Name, describe(state)))
}

// isOwnExit tells whether the command ended by itself. All other ends are errors, which -q doesn't silence.
func isOwnExit(state jobs.State) bool {
	return state.ExitCode > 0 && (state.Reason == "Error" || state.Reason == "")
}

// failed is the end of a job that its command is not to blame for. It never counts as success, not even
// where a command that was told to end did so with code 0.
func failed(exitCode int, err error) error {
	if exitCode <= 0 {
		return err
	}
	return &cmdline.ExitError{Code: exitCode, Err: err}
}

func (o *options) delete(ctx context.Context, api *jobs.Client, job jobs.Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	return api.Delete(ctx, job)
}

// interrupted gives an error the exit code of the signal that ended the context.
func (o *options) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	code := cmdline.ExitInterrupted
	if cause := context.Cause(ctx); cause != nil && strings.HasPrefix(cause.Error(), syscall.SIGTERM.String()) {
		code = exitTerminated // the words of os/signal.NotifyContext
	}
	if errors.Is(err, context.Canceled) {
		return &cmdline.ExitError{Code: code}
	}
	return &cmdline.ExitError{Code: code, Err: err}
}

// printDetached prints the name, which is what a script that starts jobs needs.
func (o *options) printDetached(plan *jobs.Plan, job jobs.Ref) error {
	switch {
	case o.output.IsObject():
		manifest := plan.Job()
		manifest.Name, manifest.UID = job.Name, job.UID
		return o.print(manifest)
	case o.output.Format == "name":
		_, err := fmt.Fprintln(o.Out, "job/"+job.Name)
		return err
	}
	_, err := fmt.Fprintln(o.Out, job.Name)
	o.Hint("its log: kubectl logs -f -n %s job/%s", job.Namespace, job.Name)
	return err
}

// print shows a job that was not created.
func (o *options) print(job *batchv1.Job) error {
	switch {
	case o.output.Format == "name":
		o.Done("job/%s", job.Name)
		return nil
	case !o.output.IsObject():
		o.Done("job/%s created%s", job.Name, map[string]string{"client": " (dry run)", "server": " (server dry run)"}[o.dryRun])
		return nil
	}
	job.ManagedFields = nil // as kubectl does
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
	if err != nil {
		return err
	}
	delete(object, "status") // a job that was not created has none
	return o.PrintObject(o.output, object)
}
