package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// killOptions is one call of job kill.
type killOptions struct {
	*cmdline.Session

	targets []uri.Job
	tags    cmdline.Strings

	ignoreNotFound bool
	wait           cmdline.Wait
}

func newKill(s *cmdline.Session) *cli.Command {
	o := &killOptions{Session: s}
	return &cli.Command{
		Name:      "kill",
		Aliases:   []string{"rm"},
		Usage:     "End jobs and remove them, with their logs",
		ArgsUsage: "JOB...",
		Description: naming + ` Processes get their grace period (30 s) to end.

A job that a finalizer holds, or whose pod one holds, is still there after it was deleted: its processes are ended, and the
error names the finalizer. With --wait, kill waits until the job and its pods are gone.`,
		UsageText: `  ` + s.Typed + ` kill training-1 training-2
  ` + s.Typed + ` kill nightly --ignore-not-found -q
  ` + s.Typed + ` kill training-1 --wait --timeout 1m
  ` + s.Typed + ` kill --tag sweep --tag broken   # those that have both tags and still run`,
		Flags: append(o.wait.Flags("wait until the jobs and their pods are gone"), []cli.Flag{
			&cli.GenericFlag{Name: "tag", Aliases: []string{"t"}, Value: &o.tags,
				Usage: "end all jobs with this `TAG` that have not ended; of several tags, a job must have all"},
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "count a job that does not exist as ended",
				Destination: &o.ignoreNotFound, DisableDefaultText: true},
			s.QuietFlag("print nothing when it worked"),
		}...),
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *killOptions) complete(args []string) (err error) {
	switch {
	case len(args) == 0 && len(o.tags) == 0:
		return cmdline.Usagef("kill needs at least one JOB, or --tag")
	case len(args) > 0 && len(o.tags) > 0:
		return cmdline.Usagef("kill takes JOBs or --tag, not both")
	}
	if err := o.wait.Complete(); err != nil {
		return err
	}
	o.targets, err = cmdline.ParseAll(args, parse)
	return err
}

// run removes all it can; one job that is missing must not keep the others.
func (o *killOptions) run(ctx context.Context) error {
	if len(o.tags) > 0 {
		return o.byTags(ctx)
	}
	var failed []error
	for _, target := range o.targets {
		err := o.killNamed(ctx, target)
		if ctx.Err() != nil {
			return errors.Join(append(failed, ctx.Err())...)
		}
		if notFound := (*jobs.NotFoundError)(nil); err != nil && !(o.ignoreNotFound && errors.As(err, &notFound)) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// killNamed removes a job, or what is left of one that is gone.
func (o *killOptions) killNamed(ctx context.Context, target uri.Job) error {
	client, job, err := find(ctx, o.Session, target)
	if err == nil {
		return o.kill(ctx, client, jobs.RefOf(job))
	}
	if notFound := (*jobs.NotFoundError)(nil); client == nil || !errors.As(err, &notFound) {
		return err
	}
	left, leftErr := client.Leftovers(ctx, target.Name)
	if leftErr != nil {
		return leftErr
	}
	if len(left) == 0 {
		return err
	}
	if err := client.RemoveLeftovers(ctx, left); err != nil {
		return fmt.Errorf("what is left of job %s: %w", target.Name, err)
	}
	for _, object := range left {
		o.Done("%s deleted, which was left of job/%s", object.What(), target.Name)
	}
	return nil
}

func (o *killOptions) byTags(ctx context.Context) error {
	client, err := open(o.Session, uri.Job{})
	if err != nil {
		return err
	}
	found, err := client.List(ctx, jobs.ListOptions{Tags: o.tags})
	if err != nil {
		return err
	}
	var failed []error
	killed := 0
	for _, job := range found {
		if job.Ended() {
			continue
		}
		killed++
		if err := o.kill(ctx, client, jobs.RefOf(job.Job)); err != nil {
			failed = append(failed, err)
		}
	}
	if killed == 0 {
		o.Hint("no job with these tags is pending or running")
	}
	return errors.Join(failed...)
}

func (o *killOptions) kill(ctx context.Context, client *jobs.Client, job jobs.Ref) error {
	err := client.Delete(ctx, job)
	held := (*kube.BeingDeletedError)(nil)
	switch {
	case errors.As(err, &held):
		err = fmt.Errorf("job %s %w", job.Name, err)
	case err != nil:
		return fmt.Errorf("job %s: %w", job.Name, err)
	}
	if err := o.wait.Until(ctx, o.Session, err, func(ctx context.Context) error { return client.WaitUntilGone(ctx, job) }); err != nil {
		return err
	}
	o.Done("job/%s deleted", job.Name)
	return nil
}
