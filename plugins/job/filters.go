package job

import (
	"context"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// filters are those flags of job ls that Apolo's has and kubectl's get has not, and the order.
type filters struct {
	untilText               string
	owners                  cmdline.Strings
	description             *string // nil: any
	recentFirst, recentLast bool
}

// ownerMe is the word for the user's own jobs; it is Apolo's.
const ownerMe = "ME"

func (f *filters) until() cli.Flag {
	return &cli.StringFlag{Name: "until", Usage: "those that were made until `TIME`, such as 1d12h (ago), 2026-01-31 or 2026-01-31T12:00:00Z", Destination: &f.untilText}
}

func (f *filters) owner() cli.Flag {
	return &cli.GenericFlag{Name: "owner", Value: &f.owners,
		Usage: "those that `USER` made, or you as ME, as run noted in the job: anyone who can change a job can change the note; may be given several times"}
}

func (f *filters) descriptionFlag() cli.Flag {
	return &cli.StringFlag{Name: "description", Aliases: []string{"d"}, Usage: "those with exactly this description, as `TEXT`",
		Action: func(_ *cli.Context, value string) error { f.description = &value; return nil }}
}

func (f *filters) first() cli.Flag {
	return &cli.BoolFlag{Name: "recent-first", Usage: "show the newest first", Destination: &f.recentFirst, DisableDefaultText: true}
}

func (f *filters) last() cli.Flag {
	return &cli.BoolFlag{Name: "recent-last", Usage: "show the newest last (the default)", Destination: &f.recentLast, DisableDefaultText: true}
}

func (f *filters) complete() error {
	if f.recentFirst && f.recentLast {
		return cmdline.Usagef("--recent-first and --recent-last exclude each other")
	}
	return nil
}

// me puts the user's name in the place of ME.
func (f *filters) me(ctx context.Context, client *jobs.Client) error {
	for i, owner := range f.owners {
		if owner != ownerMe {
			continue
		}
		name, err := client.WhoAmI(ctx)
		if err != nil {
			return err
		}
		f.owners[i] = name
	}
	return nil
}

func (f *filters) wants(j *jobstatus.Job) bool {
	return (len(f.owners) == 0 || slices.Contains(f.owners, jobspec.OwnerOf(j.Job))) &&
		(f.description == nil || *f.description == j.Annotations[wellknown.AnnotationDescription])
}

// readTimes reads --since and --until, which may be relative to now.
func (o *lsOptions) readTimes() (err error) {
	if o.earliest, err = parseMoment("since", o.since, o.now()); err != nil {
		return err
	}
	o.latest, err = parseMoment("until", o.filters.untilText, o.now())
	return err
}

// parseMoment reads a date, a time or how long ago.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := duration.ParseTime(text, now.Location()); err == nil {
		return at, nil
	}
	ago, err := duration.Parse(text)
	if err != nil {
		return time.Time{}, cmdline.Usagef("--%s %q is neither a time such as 2026-01-31 or 2026-01-31T12:00:00Z, nor how long ago, such as 1d12h", flag, text)
	}
	return now.Add(-ago), nil
}
