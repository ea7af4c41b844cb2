package job

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// topOptions is one call of job top.
type topOptions struct {
	*cmdline.Session

	names []string
}

func newTop(s *cmdline.Session) *cli.Command {
	o := &topOptions{Session: s}
	return &cli.Command{
		Name:      "top",
		Usage:     "Show what running jobs use",
		ArgsUsage: "[JOB...]",
		Description: `JOB is a job's name; without any, all jobs are shown. CPU is in thousandths of a core (m), and beside what a job uses
stands how much it may. The cluster must have metrics-server or something like it.`,
		UsageText: `  ` + s.Typed + ` top
  ` + s.Typed + ` top training-1 training-2`,
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *topOptions) complete(args []string) error {
	for _, arg := range args {
		target, err := parse(arg)
		if err != nil {
			return err
		}
		if target.Namespace != "" {
			return cmdline.Usagef("top shows one namespace: choose it with -n, and name the job %s", target.Name)
		}
		o.names = append(o.names, target.Name)
	}
	return nil
}

func (o *topOptions) run(ctx context.Context) error {
	client, err := open(o.Session, uri.Job{})
	if err != nil {
		return err
	}
	found, err := client.List(ctx, jobs.ListOptions{})
	switch {
	case err != nil:
		return o.OrName(err)
	case len(found) == 0 && o.Kube.Overrides.Context.Namespace != "" && client.NoNamespace(ctx):
		return o.NoNamespaceError()
	}
	for i, name := range o.names {
		if slices.ContainsFunc(found, func(j jobstatus.Job) bool { return j.Name == name }) {
			continue
		}
		job, err := client.Find(ctx, name)
		if err != nil {
			return err
		}
		o.names[i] = job.Name
	}
	usages, err := client.Usages(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for i := range found {
		j := &found[i]
		if j.Status() != jobstatus.StatusRunning || len(o.names) > 0 && !slices.Contains(o.names, j.Name) {
			continue
		}
		limits := jobspec.ResourcesOf(j.Job).Limits
		row := []string{j.Name, "", cpu(limits), "", memory(limits)}
		if k := slices.IndexFunc(usages, func(u jobs.Usage) bool { return u.Pod == j.State.Pod }); k >= 0 {
			row[1], row[3] = cpu(usages[k].Resources), memory(usages[k].Resources)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		o.Hint("no such job is running")
	}
	return output.Table(o.Out, []string{"NAME", "CPU", "CPU LIMIT", "MEMORY", "MEMORY LIMIT"}, rows)
}

func cpu(list corev1.ResourceList) string {
	return show(list, corev1.ResourceCPU, func(q resource.Quantity) string { return fmt.Sprintf("%dm", q.MilliValue()) })
}

func memory(list corev1.ResourceList) string {
	return show(list, corev1.ResourceMemory, func(q resource.Quantity) string { return fmt.Sprintf("%dMi", q.Value()>>20) })
}

// show is empty for what is not known.
func show(list corev1.ResourceList, name corev1.ResourceName, text func(resource.Quantity) string) string {
	quantity, ok := list[name]
	if !ok {
		return ""
	}
	return text(quantity)
}
