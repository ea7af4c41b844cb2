package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// running is a job that a verb reaches into.
type running struct {
	api   *jobs.Client
	job   *batchv1.Job
	state jobstatus.State
}

// findRunning looks up a job that has not ended.
func findRunning(ctx context.Context, s *cmdline.Session, target uri.Job) (*running, error) {
	s.SetLongRunning()
	api, job, err := find(ctx, s, target)
	if err != nil {
		return nil, err
	}
	r := &running{api: api, job: job}
	pods, err := r.api.PodsOf(ctx, r.job)
	if err != nil {
		return nil, err
	}
	r.state = jobstatus.StateOf(r.job, pods, nil)
	if err := kube.CheckNotBeingDeleted(job); err != nil {
		return nil, fmt.Errorf("job %s %w", job.Name, err)
	}
	if r.state.Phase.Final() {
		return nil, r.endedError()
	}
	return r, nil
}

func (r *running) ref() jobs.Ref { return jobs.RefOf(r.job) }

// container is the job's own, as it was ordered.
func (r *running) container() *corev1.Container {
	for i := range r.job.Spec.Template.Spec.Containers {
		if container := &r.job.Spec.Template.Spec.Containers[i]; container.Name == jobspec.ContainerName {
			return container
		}
	}
	return &corev1.Container{}
}

func (r *running) endedError() error {
	return fmt.Errorf("job %s has ended; its log: kubectl apolo logs %s -n %s", r.job.Name, r.job.Name, r.job.Namespace)
}

// startedError says that a job has not started, and why as far as it is known.
func (r *running) startedError() error {
	text := string(r.state.Phase)
	if why := cmp.Or(r.state.Message, r.state.Reason); why != "" {
		text += ": " + why
	}
	return fmt.Errorf("job %s does not run (%s); look at it with: kubectl apolo job status %s -n %s", r.job.Name, text, r.job.Name, r.job.Namespace)
}

// explain says what an error of a stream means for the job.
func (r *running) explain(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, remote.ErrNotRunning):
		return r.endedError()
	}
	return fmt.Errorf("job %s: %w", r.job.Name, err)
}

// tell prints a line beside what is asked for, unless -q was given.
func tell(s *cmdline.Session) func(format string, args ...any) {
	return func(format string, args ...any) {
		if !s.Quiet {
			fmt.Fprintln(s.ErrOut, sanitize.Line(fmt.Sprintf(format, args...)))
		}
	}
}
