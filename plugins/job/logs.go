package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
)

// logsOptions is one call of job logs.
type logsOptions struct {
	*cmdline.Session
	now func() time.Time

	target     uri.Job
	follow     bool
	since      string
	earliest   time.Time
	timestamps bool
	noMask     bool

	said string // the last line about a job that waits
}

func newLogs(s *cmdline.Session) *cli.Command {
	o := &logsOptions{Session: s, now: time.Now}
	return &cli.Command{
		Name:      "logs",
		Usage:     "Print what a job has printed, in all its attempts",
		ArgsUsage: "JOB",
		Description: naming + `
The values of the secrets that the job uses are shown as ` + mask.Replacement + `, where you may read them.`,
		UsageText: `  ` + s.Typed + ` logs training-1
  ` + s.Typed + ` logs -f training-1                 # and continues until the job ends
  ` + s.Typed + ` logs --since 10m --timestamps training-1
  ` + s.Typed + ` logs --since 2026-01-31T12:00:00Z --no-mask training-1`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "wait for more until the job ends", Destination: &o.follow, DisableDefaultText: true},
			&cli.StringFlag{Name: "since", Usage: "only what was printed since `TIME`, such as 10m (ago), 2026-01-31 or 2026-01-31T12:00:00Z", Destination: &o.since},
			&cli.BoolFlag{Name: "timestamps", Usage: "put before each line when it was printed", Destination: &o.timestamps, DisableDefaultText: true},
			&cli.BoolFlag{Name: "no-mask", Usage: "show the values of secrets, in place of " + mask.Replacement, Destination: &o.noMask, DisableDefaultText: true},
			s.QuietFlag("print nothing but the log"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *logsOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB"); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	o.earliest, err = parseMoment("since", o.since, o.now())
	return err
}

func (o *logsOptions) run(ctx context.Context) error {
	client, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	if o.earliest, err = parseMoment("since", o.since, client.Now()); err != nil { // the log has the cluster's times
		return err
	}
	output := logview.Direct
	if o.follow {
		output = logview.Following
	}
	out, values, err := masked(ctx, o.Session, client, job, o.noMask, o.timestamps, output)
	if err != nil {
		return err
	}
	defer out.Close()
	o.SetLongRunning()
	options := joblog.Options{Since: o.earliest, Timestamps: o.timestamps}
	observer := out.InOrder(jobs.Observer{
		Values: values, Trouble: o.trouble, Notice: o.notice,
		Attempt: func(number int) { o.line(fmt.Sprintf("attempt %d", number)) },
	})
	if o.follow {
		var state jobstatus.State
		following, stop := out.Context(ctx)
		defer stop()
		view := viewCommand(following)
		defer view.end(nil)
		observer.State = func(state jobstatus.State) {
			out.After(func() { o.state(state) })
			view.saw(state)
		}
		state, err = client.FollowJob(view.ctx, jobs.RefOf(job), observer, out, options)
		switch {
		case view.ended():
			out.After(func() { o.line(view.note()) })
			err = nil
		case err == nil && !state.Started:
			return o.notStarted(state)
		}
	} else {
		var pods []*corev1.Pod
		if pods, err = client.PodsOf(ctx, job); err != nil {
			return err
		}
		if err = client.Logs(ctx, pods, observer, out, options); errors.Is(err, jobs.ErrNotStarted) {
			events, _ := client.Events(ctx, job, pods) // they only say more
			return o.notStarted(jobstatus.StateOf(job, pods, events))
		}
	}
	if ctx.Err() != nil {
		return &cmdline.ExitError{Code: cmdline.ExitInterrupted} // what may be held back is not worth a wait
	}
	if err = out.End(ctx, err); joblog.IsIncomplete(err) {
		return fmt.Errorf("the log of job %s is not complete: %w", o.target.Name, err)
	}
	return err
}

// notStarted is the error for a job without a log.
func (o *logsOptions) notStarted(state jobstatus.State) error {
	text := "has not started"
	if state.Phase.Final() {
		text = "never started"
	}
	if why := reason(state); why != "" {
		text += ": " + why
	}
	if !state.Phase.Final() && !o.follow {
		text += "; -f waits for it"
	}
	return fmt.Errorf("job %s %s", o.target.Name, text)
}

func reason(state jobstatus.State) string {
	if state.Message != "" {
		return strings.Join(strings.Fields(state.Message), " ")
	}
	return state.Reason
}

// state is an Observer's: while there is no log, or no more, it says why.
func (o *logsOptions) state(state jobstatus.State) {
	if state.Phase.Final() || state.Phase == jobstatus.Finishing || state.Phase == jobstatus.Running && state.Reason == "" {
		return
	}
	text := string(state.Phase)
	switch why := reason(state); {
	case state.Phase == jobstatus.Restarting && state.ExitCode > 0:
		text = fmt.Sprintf("attempt %d failed with exit code %d, and the next one follows", state.Attempt, state.ExitCode)
	case state.Phase == jobstatus.Restarting:
		text = fmt.Sprintf("attempt %d ended, and the next one follows", state.Attempt)
	case why != "":
		text += ": " + why
	case state.Attempt > 1:
		return // the attempt itself will be told
	}
	o.line(text)
}

func (o *logsOptions) trouble(err error) {
	if err != nil {
		o.line(err.Error() + "; waiting for it")
	}
}

// notice says what is missing in the log, also where nothing else is to be said.
func (o *logsOptions) notice(text string) {
	fmt.Fprintln(o.ErrOut, sanitize.Line(fmt.Sprintf("job/%s: %s", o.target.Name, text)))
}

// line says something besides the log, once.
func (o *logsOptions) line(text string) {
	if !o.Quiet && text != o.said {
		o.said = text
		fmt.Fprintln(o.ErrOut, sanitize.Line(fmt.Sprintf("job/%s: %s", o.target.Name, text)))
	}
}
