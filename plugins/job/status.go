package job

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	humanize "k8s.io/apimachinery/pkg/util/duration"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/runflags"
)

// statusOptions is one call of job status.
type statusOptions struct {
	*cmdline.Session
	now func() time.Time

	target uri.Job
	output *output.Format
	shared []grantee.Grantee
}

func newStatus(s *cmdline.Session) *cli.Command {
	o := &statusOptions{Session: s, now: time.Now, output: output.New("name")}
	return &cli.Command{
		Name:        "status",
		Usage:       "Show a job's details, including why it has not started",
		ArgsUsage:   "JOB",
		Description: naming + ` Secrets are shown by their names only.`,
		UsageText: `  ` + s.Typed + ` status training-1
  ` + s.Typed + ` status job:/team/training-1 -o yaml   # the Job of Kubernetes`,
		Flags:  []cli.Flag{o.output.Flag()},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *statusOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB"); err != nil {
		return err
	}
	if o.target, err = parse(args[0]); err != nil {
		return err
	}
	return o.output.Validate()
}

func (o *statusOptions) run(ctx context.Context) error {
	client, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	o.now = client.Now // a job has the cluster's times
	if o.output.Name == "name" {
		return o.Lines("job/" + job.Name)
	}
	if o.output.IsObject() {
		job.ManagedFields = nil // as kubectl does
		job.APIVersion, job.Kind = "batch/v1", "Job"
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
		if err != nil {
			return err
		}
		return o.output.Print(o.Out, object)
	}
	pods, err := client.PodsOf(ctx, job)
	if err != nil {
		return err
	}
	// Anyone who can't read events, as somebody with whom the job was shared, learns the rest.
	events, eventsErr := client.Events(ctx, job, pods)
	listed := &jobstatus.Job{Job: job, State: jobstatus.StateOf(job, pods, events)}
	// The log says more, but its absence is no reason to say nothing.
	lastLines, _ := client.LastLines(ctx, jobs.RefOf(job), listed.State)
	if o.shared, err = client.SharedWith(ctx, job); err != nil {
		return err
	}
	if err := o.print(listed, jobstatus.Attempts(pods), lastLines, events); err != nil {
		return err
	}
	if eventsErr != nil {
		o.Hint("its events can't be read: %s", eventsErr)
	}
	o.hintNext(listed)
	return nil
}

func (o *statusOptions) print(j *jobstatus.Job, attempts []jobstatus.Attempt, lastLines []string, events []*corev1.Event) error {
	out := tabwriter.NewWriter(o.Out, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%s:\t%s\n", name, sanitize.Line(value))
		}
	}
	paint := output.PaintFor(o.Out)
	line("Name", j.Name)
	line("Namespace", j.Namespace)
	line("ID", string(j.UID))
	fmt.Fprintf(out, "Status:\t%s\n", paint(style(j.Status()), sanitize.Line(o.status(j))))
	if j.State.ExitCode >= 0 && (j.Status().Ended() || j.State.Phase == jobstatus.Finishing) {
		line("Exit code", exitCode(j.State))
	}
	line("Image", jobspec.Image(j.Job))
	line("Command", runflags.Quote(jobspec.Command(j.Job)...))
	line("Preset", j.Annotations[wellknown.AnnotationPreset])
	line("Resources", resources(jobspec.ResourcesOf(j.Job).Limits))
	line("Tags", strings.Join(jobspec.TagsOf(j.Job), ", "))
	line("Description", j.Annotations[wellknown.AnnotationDescription])
	line("Secrets", strings.Join(jobspec.SecretsOf(j.Job), ", "))
	line("Shared with", grantees(o.shared))
	line("Created", o.moment(j.CreationTimestamp.Time))
	line("Started", o.moment(j.Started()))
	line("Finished", o.moment(j.Finished()))
	line("Life span", o.lifeSpan(j))
	o.printAttempts(out, attempts)
	o.printContainers(out, j, attempts, lastLines)
	o.printEvents(out, events)
	return out.Flush()
}

// status is the word, and why it is so.
func (o *statusOptions) status(j *jobstatus.Job) string {
	text := string(j.Status())
	if j.State.Phase == jobstatus.Suspended {
		return j.State.Message
	}
	if text != string(j.State.Phase) && !j.Ended() && j.Status() != jobstatus.StatusSuspended {
		text += ", " + string(j.State.Phase)
	}
	switch {
	case j.State.Message != "":
		text += ": " + strings.Join(strings.Fields(j.State.Message), " ")
	case j.State.Reason != "" && j.State.Reason != "Error":
		text += ": " + j.State.Reason
	}
	return text
}

func exitCode(state jobstatus.State) string {
	text := strconv.Itoa(state.ExitCode)
	if signal := state.Signal(); signal != "" {
		text += " (" + signal + ")"
	}
	return text
}

func resources(limits corev1.ResourceList) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		quantity := limits[name]
		all = append(all, string(name)+" "+quantity.String())
	}
	return strings.Join(all, ", ")
}

func (o *statusOptions) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.UTC().Format(time.RFC3339)
	if cmdline.IsTerminal(o.Out) {
		text += " (" + humanize.HumanDuration(o.now().Sub(t)) + " ago)"
	}
	return text
}

func (o *statusOptions) lifeSpan(j *jobstatus.Job) string {
	if j.LifeSpan() == 0 {
		return "no limit"
	}
	text := duration.Format(j.LifeSpan())
	if end := j.Deadline(); !end.IsZero() && !j.Status().Ended() {
		text += ", until " + end.UTC().Format(time.RFC3339)
	}
	return text
}

func (o *statusOptions) printAttempts(out io.Writer, attempts []jobstatus.Attempt) {
	if len(attempts) == 1 {
		fmt.Fprintf(out, "Pod:\t%s\n", sanitize.Line(attempts[0].Name))
		if node := attempts[0].Spec.NodeName; node != "" {
			fmt.Fprintf(out, "Node:\t%s\n", sanitize.Line(node))
		}
	}
	if len(attempts) < 2 {
		return
	}
	fmt.Fprintf(out, "Attempts:\t%d\n", len(attempts))
	for _, a := range attempts {
		text := string(a.State.Phase)
		if a.State.ExitCode >= 0 {
			text += ", exit code " + exitCode(a.State)
		}
		fmt.Fprintf(out, "  %d\t%s  %s  %s\n", a.State.Attempt, a.CreationTimestamp.UTC().Format(time.RFC3339), sanitize.Line(a.Name), sanitize.Line(text))
	}
}

// printContainers shows what else is in the pod of the last attempt, and the end of the log of the container that
// the status names.
func (o *statusOptions) printContainers(out io.Writer, j *jobstatus.Job, attempts []jobstatus.Attempt, lastLines []string) {
	if len(attempts) == 0 {
		return
	}
	others := jobstatus.OtherContainers(attempts[len(attempts)-1].Pod)
	if len(others) > 0 {
		fmt.Fprintln(out, "Other containers:")
	}
	for _, c := range others {
		role := "sidecar"
		if c.Init {
			role = "init container"
		}
		fmt.Fprintf(out, "  %s\t%s\n", sanitize.Line(c.Name), sanitize.Line(role+", "+c.State))
	}
	if len(lastLines) > 0 {
		fmt.Fprintf(out, "Log of %s, its end:\n", sanitize.Line(j.State.Container))
	}
	for _, line := range lastLines {
		fmt.Fprintf(out, "  %s\n", sanitize.Line(line))
	}
}

// mostEvents is how many events are shown; the last ones say most.
const mostEvents = 20

func (o *statusOptions) printEvents(out io.Writer, events []*corev1.Event) {
	if len(events) == 0 {
		return
	}
	fmt.Fprintln(out, "Events:")
	for _, event := range events[max(0, len(events)-mostEvents):] {
		times := ""
		if event.Count > 1 {
			times = fmt.Sprintf(" (%d times)", event.Count)
		}
		message := strings.Join(strings.Fields(event.Message), " ")
		fmt.Fprintf(out, "  %s\t%s\n", jobstatus.EventTime(event).UTC().Format(time.RFC3339), sanitize.Line(event.Reason+": "+message+times))
	}
}

// hintNext names the next command that somebody may want to type.
func (o *statusOptions) hintNext(j *jobstatus.Job) {
	switch {
	case j.Status() == jobstatus.StatusFailed:
		o.Hint("what it printed: %s logs %s", o.Typed, o.target)
	case j.Status() == jobstatus.StatusRunning:
		o.Hint("what it prints: %s logs -f %s", o.Typed, o.target)
	}
}

// object is one job as ls prints it for programs.
func object(j *jobstatus.Job) objects.Job {
	moment := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format(time.RFC3339)
	}
	object := objects.Job{
		Name:              j.Name,
		Namespace:         j.Namespace,
		UID:               string(j.UID),
		Status:            string(j.Status()),
		Reason:            j.State.Reason,
		Message:           j.State.Message,
		Pod:               j.State.Pod,
		Image:             jobspec.Image(j.Job),
		Command:           append([]string{}, jobspec.Command(j.Job)...), // an empty list, not null
		Tags:              append([]string{}, jobspec.TagsOf(j.Job)...),
		Secrets:           append([]string{}, jobspec.SecretsOf(j.Job)...),
		Preset:            j.Annotations[wellknown.AnnotationPreset],
		Owner:             jobspec.OwnerOf(j.Job),
		Description:       j.Annotations[wellknown.AnnotationDescription],
		CreationTimestamp: moment(j.CreationTimestamp.Time),
		StartTime:         moment(j.Started()),
		FinishTime:        moment(j.Finished()),
	}
	if code := int64(j.State.ExitCode); code >= 0 {
		object.ExitCode = &code
	}
	return object
}
