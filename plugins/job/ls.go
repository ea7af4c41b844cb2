package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/util/duration"

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

// lsOptions is one call of job ls.
type lsOptions struct {
	*cmdline.Session
	now func() time.Time

	all           bool
	allNamespaces bool
	statuses      cmdline.Strings
	names         cmdline.Strings
	tags          cmdline.Strings
	filters       filters
	since         string
	watch         bool
	format        string
	output        *output.Format

	columns  []column
	earliest time.Time // zero: no limit
	latest   time.Time // zero: no limit
	terminal bool
}

// column is one column of the table.
type column struct {
	name    string // in --format
	heading string
	cell    func(*lsOptions, *jobstatus.Job) string
}

// defaultFormat is what is shown where --format isn't given, and wideFormat with -o wide.
const (
	defaultFormat = "id,name,status,when,image,command"
	wideFormat    = "id,name,status,reason,when,created,image,command,tags,secrets"
)

// longestCell is how many characters of a command are shown, so that a row stays one.
const longestCell = 60

func columns() []column {
	moment := func(when func(*jobstatus.Job) time.Time) func(*lsOptions, *jobstatus.Job) string {
		return func(o *lsOptions, j *jobstatus.Job) string { return o.moment(when(j)) }
	}
	return []column{
		// As much of the UID as tells jobs apart that had the same name one after the other.
		{"id", "ID", func(_ *lsOptions, j *jobstatus.Job) string { id, _, _ := strings.Cut(string(j.UID), "-"); return id }},
		{"uid", "UID", func(_ *lsOptions, j *jobstatus.Job) string { return string(j.UID) }},
		{"namespace", "NAMESPACE", func(_ *lsOptions, j *jobstatus.Job) string { return j.Namespace }},
		{"name", "NAME", func(_ *lsOptions, j *jobstatus.Job) string { return j.Name }},
		{"status", "STATUS", func(_ *lsOptions, j *jobstatus.Job) string { return statusCell(j) }},
		{"reason", "REASON", func(_ *lsOptions, j *jobstatus.Job) string { return j.State.Reason }},
		{"when", "WHEN", moment((*jobstatus.Job).LastTransition)},
		{"created", "CREATED", moment(func(j *jobstatus.Job) time.Time { return j.CreationTimestamp.Time })},
		{"started", "STARTED", moment((*jobstatus.Job).Started)},
		{"finished", "FINISHED", moment((*jobstatus.Job).Finished)},
		{"image", "IMAGE", func(_ *lsOptions, j *jobstatus.Job) string { return jobspec.Image(j.Job) }},
		{"command", "COMMAND", func(o *lsOptions, j *jobstatus.Job) string {
			return o.shorten(runflags.Quote(jobspec.Command(j.Job)...))
		}},
		{"owner", "OWNER", func(_ *lsOptions, j *jobstatus.Job) string { return jobspec.OwnerOf(j.Job) }},
		{"tags", "TAGS", func(_ *lsOptions, j *jobstatus.Job) string { return strings.Join(jobspec.TagsOf(j.Job), ", ") }},
		{"description", "DESCRIPTION", func(o *lsOptions, j *jobstatus.Job) string {
			return o.shorten(j.Annotations[wellknown.AnnotationDescription])
		}},
		{"preset", "PRESET", func(_ *lsOptions, j *jobstatus.Job) string { return j.Annotations[wellknown.AnnotationPreset] }},
		{"secrets", "SECRETS", func(_ *lsOptions, j *jobstatus.Job) string { return strings.Join(jobspec.SecretsOf(j.Job), ", ") }},
	}
}

func columnNames() []string {
	var all []string
	for _, c := range columns() {
		all = append(all, c.name)
	}
	return all
}

func newLs(s *cmdline.Session) *cli.Command {
	o := &lsOptions{Session: s, now: time.Now, output: output.New("wide", "name")}
	return &cli.Command{
		Name:    "ls",
		Aliases: []string{"list", "ps"},
		Usage:   "List jobs (active ones by default)",
		Description: `Statuses are pending, suspended, running, succeeded, failed, cancelled (being deleted) and orphaned (the job
is gone, and something of it is left). A job that has ended stays for a day, where run was not told otherwise with --ttl.`,
		UsageText: `  ` + s.Typed + ` ls
  ` + s.Typed + ` ls --all --since 2d
  ` + s.Typed + ` ls --status failed --tag nightly
  ` + s.Typed + ` ls --format name,status,when,tags
  ` + s.Typed + ` kill $(` + s.Typed + ` ls -q --status pending)`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "those that have ended too", Destination: &o.all, DisableDefaultText: true},
			&cli.GenericFlag{Name: "status", Aliases: []string{"s"}, Value: &o.statuses, Usage: "those with this `STATUS`; may be given several times"},
			&cli.GenericFlag{Name: "name", Value: &o.names, Usage: "those whose `NAME` is or begins so; may be given several times"},
			&cli.GenericFlag{Name: "tag", Aliases: []string{"t"}, Value: &o.tags, Usage: "those with this `TAG`; of several tags, a job must have all"},
			&cli.StringFlag{Name: "since", Usage: "those that were made since `TIME`, such as 1d12h (ago), 2026-01-31 or 2026-01-31T12:00:00Z", Destination: &o.since},
			o.filters.until(), o.filters.owner(), o.filters.descriptionFlag(), o.filters.first(), o.filters.last(),
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "keep showing what changes, until Ctrl-C", Destination: &o.watch, DisableDefaultText: true},
			&cli.BoolFlag{Name: "all-namespaces", Aliases: []string{"A", "all-projects"}, Usage: "the jobs of all namespaces", Destination: &o.allNamespaces, DisableDefaultText: true},
			&cli.StringFlag{Name: "format", Usage: "`COLUMNS` to show, such as id,name,status; there are " + strings.Join(columnNames(), ", "), Destination: &o.format},
			o.output.Flag(),
			s.QuietFlag("print names only, a line each"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *lsOptions) complete(args []string) error {
	if len(args) > 0 {
		return cmdline.Usagef("ls takes no arguments; choose jobs with --name, --status and --tag, a namespace with -n")
	}
	if err := o.output.Validate(); err != nil {
		return cmdline.Usagef("%s; for the jobs of a user, use --owner USER", err)
	}
	if o.watch && o.output.IsObject() {
		return cmdline.Usagef("--watch prints a table or names, not -o %s", o.output.Name)
	}
	for _, status := range o.statuses {
		if err := cmdline.CheckOneOf("--status", jobstatus.Status(status), jobstatus.Statuses()...); err != nil {
			return err
		}
	}
	if err := o.readTimes(); err != nil {
		return err
	}
	if err := o.filters.complete(); err != nil {
		return err
	}
	o.terminal = cmdline.IsTerminal(o.Out)
	return o.chooseColumns()
}

func (o *lsOptions) chooseColumns() error {
	format := defaultFormat
	switch {
	case o.format != "":
		format = o.format
	case o.output.Name == "wide":
		format = wideFormat
	}
	if o.allNamespaces && o.format == "" {
		format = "namespace," + format
	}
	known := columns()
	for name := range strings.SplitSeq(format, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		if i < 0 {
			return cmdline.Usagef("--format: there is no column %q, only %s", name, strings.Join(columnNames(), ", "))
		}
		o.columns = append(o.columns, known[i])
	}
	return nil
}

func (o *lsOptions) run(ctx context.Context) error {
	client, err := open(o.Session, uri.Job{})
	if err != nil {
		return err
	}
	options := jobs.ListOptions{AllNamespaces: o.allNamespaces, Tags: o.tags, Orphans: true, Leftovers: o.all || slices.Contains(o.statuses, string(jobstatus.StatusOrphaned))}
	if o.watch {
		if err := o.filters.me(ctx, client); err != nil {
			return err
		}
		o.SetLongRunning()
		o.now = client.Now
		return o.follow(ctx, client, options)
	}
	if err := o.filters.me(ctx, client); err != nil {
		return err
	}
	found, err := client.List(ctx, options)
	if err != nil {
		return o.OrName(err)
	}
	o.now = client.Now // jobs have the cluster's times
	if err := o.readTimes(); err != nil {
		return err
	}
	found = o.choose(found)
	if len(found) == 0 {
		if o.Kube.Overrides.Context.Namespace != "" && !o.allNamespaces && client.NoNamespace(ctx) {
			return o.NoNamespaceError()
		}
		o.Hint("there are no such jobs%s", map[bool]string{false: "; --all lists those that have ended too"}[o.all || len(o.statuses) > 0])
	}
	switch {
	case o.output.IsObject():
		return o.output.Print(o.Out, objectList(found))
	case o.output.Name == "name":
		return o.lines(found, "job/")
	case o.Quiet:
		return o.lines(found, "")
	}
	return o.table(found)
}

func (o *lsOptions) table(found []jobstatus.Job) error {
	paint := output.PaintFor(o.Out)
	return output.PaintedTable(o.Out, o.headings(), o.rows(found), func(i int, cell string) string {
		if o.columns[i].name == "status" {
			status, _, _ := strings.Cut(cell, " ")
			return paint(style(jobstatus.Status(status)), cell)
		}
		return cell
	})
}

// statusCell is the status, and what keeps a job running whose command has ended.
func statusCell(j *jobstatus.Job) string {
	if j.State.Reason == jobstatus.ReasonSidecarRunning {
		return string(j.Status()) + " (sidecar " + j.State.Container + ")"
	}
	return string(j.Status())
}

func style(status jobstatus.Status) output.Style {
	switch status {
	case jobstatus.StatusRunning, jobstatus.StatusSucceeded:
		return output.Good
	case jobstatus.StatusFailed, jobstatus.StatusOrphaned:
		return output.Bad
	case jobstatus.StatusPending, jobstatus.StatusSuspended:
		return output.Waiting
	}
	return output.Faint
}

func (o *lsOptions) choose(found []jobstatus.Job) []jobstatus.Job {
	found = slices.DeleteFunc(found, func(j jobstatus.Job) bool { return !o.wants(&j) })
	if o.filters.recentFirst {
		slices.Reverse(found)
	}
	return found
}

func (o *lsOptions) wants(j *jobstatus.Job) bool {
	status := j.Status()
	switch {
	case len(o.statuses) > 0 && !slices.Contains(o.statuses, string(status)),
		len(o.statuses) == 0 && !o.all && j.Ended(),
		len(o.names) > 0 && !slices.ContainsFunc(o.names, func(name string) bool { return strings.HasPrefix(j.Name, name) }),
		j.CreationTimestamp.Time.Before(o.earliest),
		!o.latest.IsZero() && j.CreationTimestamp.Time.After(o.latest),
		!o.filters.wants(j):
		return false
	}
	return true
}

func (o *lsOptions) lines(found []jobstatus.Job, prefix string) error {
	texts := make([]string, 0, len(found))
	for _, j := range found {
		texts = append(texts, prefix+o.label(&j))
	}
	return o.Lines(texts...)
}

// label is the job as other commands take it.
func (o *lsOptions) label(j *jobstatus.Job) string {
	if o.allNamespaces && o.output.Name != "name" {
		return uri.Job{Namespace: j.Namespace, Name: j.Name}.String()
	}
	return j.Name
}

func (o *lsOptions) headings() []string {
	var all []string
	for _, c := range o.columns {
		all = append(all, c.heading)
	}
	return all
}

func (o *lsOptions) rows(found []jobstatus.Job) [][]string {
	rows := make([][]string, 0, len(found))
	for i := range found {
		var row []string
		for _, c := range o.columns {
			row = append(row, c.cell(o, &found[i]))
		}
		rows = append(rows, row)
	}
	return rows
}

// moment is how long ago something was for a person, and the time itself for a program.
func (o *lsOptions) moment(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case o.terminal:
		return duration.HumanDuration(o.now().Sub(t)) + " ago"
	}
	return t.UTC().Format(time.RFC3339)
}

// shorten cuts what is for reading only; programs get all.
func (o *lsOptions) shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); o.terminal && len(runes) > longestCell {
		return string(runes[:longestCell-1]) + "…"
	}
	return text
}

// follow shows the list again whenever it changes: on a terminal in place of the old one, elsewhere
// the lines of the jobs that have changed, their end included.
func (o *lsOptions) follow(ctx context.Context, client *jobs.Client, options jobs.ListOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shown := map[string]string{}
	err := client.Follow(ctx, options, func(found []jobstatus.Job) {
		show := o.printChanged
		if o.terminal && !o.Quiet {
			show = o.redraw
		}
		if err := show(found, shown); err != nil {
			cancel(err)
		}
	})
	if errors.Is(err, context.Canceled) {
		return &cmdline.ExitError{Code: cmdline.ExitInterrupted}
	}
	return err
}

// clearScreen puts the cursor into the first corner and clears what is after it.
const clearScreen = "\x1b[H\x1b[2J"

func (o *lsOptions) redraw(found []jobstatus.Job, _ map[string]string) error {
	if _, err := fmt.Fprint(o.Out, clearScreen); err != nil {
		return err
	}
	return o.table(o.choose(found))
}

func (o *lsOptions) printChanged(found []jobstatus.Job, shown map[string]string) error {
	for i := range found {
		j := &found[i]
		id := cmp.Or(string(j.UID), j.Namespace+"/"+j.Name) // what is left of a job has no UID
		before, known := shown[id]
		if !known && !o.wants(j) {
			continue
		}
		row := o.rows(found[i : i+1])[0]
		for k := range row {
			row[k] = sanitize.Line(row[k]) // a tab in one must not make it two
		}
		line := strings.Join(row, "\t")
		if o.Quiet {
			line = sanitize.Line(o.label(j))
		}
		if line == before {
			continue
		}
		shown[id] = line
		if _, err := fmt.Fprintln(o.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// objectList is what is printed for programs.
func objectList(found []jobstatus.Job) *objects.JobList {
	list := &objects.JobList{TypeMeta: objects.Kind("JobList"), Items: make([]objects.Job, 0, len(found))}
	for i := range found {
		list.Items = append(list.Items, object(&found[i]))
	}
	return list
}
