package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// shareOptions is one call of job share or job unshare.
type shareOptions struct {
	*cmdline.Session
	verb string

	target uri.Job
	who    []grantee.Grantee
}

func newShare(s *cmdline.Session) *cli.Command {
	o := &shareOptions{Session: s, verb: "share"}
	return &cli.Command{
		Name:      o.verb,
		Usage:     "Let others see a job and its log, run commands in it, and end it",
		ArgsUsage: "JOB USER...",
		Description: naming + ` USER is the name of a user, group:NAME or sa:NAMESPACE:NAME. A command in a job sees
what the job has, its secrets included.

Only the pods that the job has now are shared; share it again after a restart. They get the job's life span as
their own deadline, so the job can't be given more time later.`,
		UsageText: `  ` + s.Typed + ` share training-1 bob group:research`,
		Flags:     []cli.Flag{s.QuietFlag("print nothing when it worked")},
		Action:    cmdline.CompleteAndRun(o.complete, o.share),
	}
}

func newUnshare(s *cmdline.Session) *cli.Command {
	o := &shareOptions{Session: s, verb: "unshare"}
	return &cli.Command{
		Name:      o.verb,
		Usage:     "Take a job back from those with whom it is shared",
		ArgsUsage: "JOB USER...",
		Description: naming + ` USER is as job share takes it; job status shows with whom a job is shared. What they
have read they know, and a command that they have started in the job continues.`,
		UsageText: `  ` + s.Typed + ` unshare training-1 bob`,
		Flags:     []cli.Flag{s.QuietFlag("print nothing when it worked")},
		Action:    cmdline.CompleteAndRun(o.complete, o.unshare),
	}
}

func (o *shareOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB", "USER..."); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	for _, name := range args[1:] {
		who, err := grantee.Parse(name)
		if err != nil {
			return cmdline.Usagef("%s", err)
		}
		if !slices.Contains(o.who, who) {
			o.who = append(o.who, who)
		}
	}
	return nil
}

func (o *shareOptions) share(ctx context.Context) error {
	client, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	added, hasPod, err := client.ShareJob(ctx, job, o.who)
	if err != nil {
		return err
	}
	if len(added) > 0 {
		o.Done("job/%s shared with %s", job.Name, grantees(added))
	} else {
		o.Done("job/%s unchanged (shared with %s already)", job.Name, grantees(o.who))
	}
	if !hasPod {
		o.Warn("job/%s has no pod yet: they can see and end the job, but not see its log; share it again once it runs", job.Name)
	}
	return nil
}

func (o *shareOptions) unshare(ctx context.Context) error {
	client, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	left, err := client.UnshareJob(ctx, job, o.who)
	if err != nil {
		return err
	}
	o.Done("job/%s no longer shared with %s", job.Name, grantees(o.who))
	groups := slices.DeleteFunc(left, func(g grantee.Grantee) bool { return g.Kind != grantee.Group })
	if len(groups) > 0 {
		o.Warn("job/%s is still shared with %s; whoever is in it still has the job", job.Name, grantees(groups))
	}
	return nil
}

func grantees(all []grantee.Grantee) string {
	var words []string
	for _, g := range all {
		words = append(words, fmt.Sprint(g))
	}
	return strings.Join(words, ", ")
}
