// Package doctor is the plugin kubectl-apolo_doctor: whether all that the other plugins need is there, and
// what to ask an administrator for.
package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/neuro-inc/kubectl-apolo/pkg/doctor"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// options is one call.
type options struct {
	*cmdline.Session

	names  cmdline.Strings // of tasks, as typed
	rbac   bool
	output *output.Format

	tasks []doctor.Task
}

// New builds the command.
func New(s *cmdline.Session) *cli.App {
	o := &options{Session: s, output: output.New()}
	s.Completers = completion.Completers{"TASK": completion.Words(names()...)}
	return &cli.App{
		Usage: "Check that your cluster and your rights are fit for secrets and jobs",
		Description: `The kubeconfig, the cluster, who you are there, what you may do in your namespace, and what is known of the
encryption of secrets. Nothing is changed. Where a right is missing, the Role that gives it is printed, to send to
an administrator, and the exit code is 1.

Tasks are ` + strings.Join(names(), ", ") + `.`,
		UsageText: `  ` + s.Typed + `
  ` + s.Typed + ` --for add                       # what a pipeline needs that only writes secrets
  ` + s.Typed + ` --for run --rbac | kubectl --context admin apply -f -
  ` + s.Typed + ` --as system:serviceaccount:ci:deployer -n ci   # another's rights, if you may impersonate`,
		Flags: []cli.Flag{
			&cli.GenericFlag{Name: "for", Usage: "look at this `TASK` only; may be given several times", Value: &o.names},
			&cli.BoolFlag{Name: "rbac", Usage: "print, as YAML, the Role with all rights that the tasks need, and its binding to you", Destination: &o.rbac, DisableDefaultText: true},
			o.output.Flag(),
			s.QuietFlag("print only what is not ok"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func names() []string {
	var names []string
	for _, task := range doctor.Tasks() {
		names = append(names, string(task))
	}
	return names
}

func (o *options) complete(args []string) error {
	if err := cmdline.CheckArgs(args); err != nil {
		return err
	}
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.rbac && o.output.Name != "" {
		return cmdline.Usagef("--rbac prints YAML: it can't be used with -o")
	}
	for _, name := range o.names {
		if err := cmdline.CheckOneOf("--for", name, names()...); err != nil {
			return err
		}
	}
	for _, task := range doctor.Tasks() { // in this order, however they were typed
		if len(o.names) == 0 || slices.Contains(o.names, string(task)) {
			o.tasks = append(o.tasks, task)
		}
	}
	return nil
}

func (o *options) run(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if o.rbac {
		if err != nil {
			return err
		}
		user, err := doctor.User(ctx, client)
		if err != nil {
			return err
		}
		return printRole(o.Concealed(), o.tasks, client.Namespace, user)
	}
	report := &doctor.Report{}
	if err != nil {
		report.Checks = []doctor.Check{{Name: "kubeconfig", Status: doctor.Missing, Details: strings.TrimPrefix(err.Error(), "kubeconfig: ")}}
	} else {
		report = doctor.Examine(ctx, client, o.tasks)
	}
	report.Checks = append(report.Checks, installed(ctx, os.Getenv("PATH")))
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.print(report); err != nil {
		return err
	}
	if !report.Healthy() {
		return &cmdline.ExitError{Code: cmdline.ExitFailed}
	}
	return nil
}

func (o *options) print(report *doctor.Report) error {
	if o.output.IsObject() {
		object := &objects.DoctorReport{TypeMeta: objects.Kind("DoctorReport"), Healthy: report.Healthy(), User: report.User, Namespace: report.Namespace}
		for _, check := range report.Checks {
			object.Checks = append(object.Checks, objects.DoctorCheck{Name: check.Name, Status: string(check.Status), Details: check.Details})
		}
		return o.output.Print(o.Out, object)
	}
	paint := output.PaintFor(o.Out)
	styles := map[doctor.Status]output.Style{
		doctor.OK: output.Good, doctor.Warning: output.Waiting, doctor.Missing: output.Bad, doctor.Unknown: output.Faint,
	}
	for _, check := range report.Checks {
		if o.Quiet && check.Status == doctor.OK {
			continue
		}
		// No table: details are sentences, and a terminal folds them.
		status := paint(styles[check.Status], fmt.Sprintf("%-7s", check.Status))
		if _, err := fmt.Fprintf(o.Concealed(), "%s  %-10s  %s\n", status, check.Name, sanitize.Line(check.Details)); err != nil {
			return err
		}
	}
	if len(report.Lacking) == 0 || report.User == "" {
		return nil
	}
	fmt.Fprint(o.Concealed(), "\n# Ask an administrator of the namespace for what is missing:\n")
	return printRole(o.Concealed(), report.Lacking, report.Namespace, report.User)
}

// printRole writes a Role and its binding as YAML.
func printRole(w io.Writer, tasks []doctor.Task, namespace, user string) error {
	printer := &printers.YAMLPrinter{}
	for _, object := range doctor.RoleFor(tasks, namespace, user) {
		var text bytes.Buffer
		if err := printer.PrintObj(object, &text); err != nil {
			return err
		}
		// The types have a field for when it was created, and print it though it is empty.
		if _, err := io.WriteString(w, strings.Replace(text.String(), "  creationTimestamp: null\n", "", 1)); err != nil {
			return err
		}
	}
	return nil
}
