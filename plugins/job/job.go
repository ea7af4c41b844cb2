// Package job is the plugin kubectl-apolo_job: what becomes of the jobs that run started.
package job

import (
	"context"

	"github.com/urfave/cli/v2"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/candidates"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// naming says in help how a job is named on the command line.
const naming = `JOB is its name or ID, or job:/NAMESPACE/NAME or job://CLUSTER/NAMESPACE/NAME.`

// Main runs the plugin as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// New builds the plugin's commands.
func New(s *cmdline.Session) *cli.App {
	s.Completers = completers()
	s.Instead = map[string]string{
		"run":  "use " + s.SiblingCommand("run"),
		"save": "Kubernetes can't make an image of a container; build one, or keep results on a disk",
	}
	return &cli.App{
		Usage: "Look at jobs, their logs and processes, and end them",
		Commands: []*cli.Command{
			newLs(s),
			newStatus(s),
			newExec(s),
			newAttach(s),
			newPortForward(s),
			newBrowse(s),
			newLogs(s),
			newKill(s),
			newShare(s),
			newUnshare(s),
			newTop(s),
			newBump(s),
			newGenerate(s),
		},
	}
}

func completers() completion.Completers {
	var statuses []string
	for _, status := range jobstatus.Statuses() {
		statuses = append(statuses, string(status))
	}
	return completion.Completers{
		"JOB": offerJobs, "--name": candidates.Jobs, "USER": candidates.Users, "TAG": candidates.Tags(wellknown.AnnotationTags),
		"STATUS": completion.Words(statuses...), "COLUMNS": completion.WordList(columnNames()...),
	}
}

// offerJobs completes the name of a job: one that has not ended, where a verb is of no use otherwise.
func offerJobs(ctx context.Context, c *completion.Word) {
	switch c.Command {
	case "exec", "attach", "port-forward", "browse", "kill", "top", "bump-life-span", "share":
		candidates.RunningJobs(ctx, c)
	default:
		candidates.Jobs(ctx, c)
	}
}

// parse reads a JOB from the command line.
func parse(arg string) (uri.Job, error) {
	parsed, err := uri.ParseJob(arg)
	if err != nil {
		return uri.Job{}, cmdline.Usagef("%s", err)
	}
	return parsed, nil
}

// open connects to the cluster and namespace that a URI names.
func open(s *cmdline.Session, where uri.Job) (*jobs.Client, error) {
	options := s.Kube
	if where.Namespace != "" {
		options.Overrides.Context.Namespace = where.Namespace
	}
	client, err := kube.NewClientFor(&options, where.Cluster)
	if err != nil {
		return nil, err
	}
	return jobs.NewClient(client)
}

// find connects and reads the job.
func find(ctx context.Context, s *cmdline.Session, where uri.Job) (*jobs.Client, *batchv1.Job, error) {
	client, err := open(s, where)
	if err != nil {
		return nil, nil, err
	}
	job, err := client.Find(ctx, where.Name)
	return client, job, err
}
