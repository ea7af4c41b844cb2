package job

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// bumpOptions is one call of job bump-life-span.
type bumpOptions struct {
	*cmdline.Session

	target uri.Job
	more   time.Duration
}

func newBump(s *cmdline.Session) *cli.Command {
	o := &bumpOptions{Session: s}
	return &cli.Command{
		Name:        "bump-life-span",
		Usage:       "Let a job run longer than it was given",
		ArgsUsage:   "JOB TIME",
		Description: naming + ` TIME is added to the life span that the job has.`,
		UsageText:   `  ` + s.Typed + ` bump-life-span training-1 1d2h`,
		Flags:       []cli.Flag{s.QuietFlag("print nothing when it worked")},
		Action:      cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *bumpOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB", "TIME"); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	if o.more, err = duration.Parse(args[1]); err != nil {
		return cmdline.Usagef("%s", err)
	}
	if o.more < time.Second {
		return cmdline.Usagef("%s is less than a second", args[1])
	}
	return nil
}

func (o *bumpOptions) run(ctx context.Context) error {
	client, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	job, err = client.BumpLifeSpan(ctx, job, o.more)
	if err != nil {
		return err
	}
	listed := jobstatus.Job{Job: job}
	text := duration.Format(listed.LifeSpan())
	if end := listed.Deadline(); !end.IsZero() {
		text += ", until " + end.UTC().Format(time.RFC3339)
	}
	o.Done("job/%s may run %s", job.Name, text)
	return nil
}
