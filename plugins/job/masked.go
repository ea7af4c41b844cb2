package job

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// masked is the output for a job's log, without the values of the job's secrets unless all is to be
// shown.
func masked(ctx context.Context, s *cmdline.Session, client *jobs.Client, job *batchv1.Job, all, timestamps bool) (*mask.Writer, error) {
	if all {
		return mask.New(s.Out, mask.Options{}), nil
	}
	values, unread, err := client.ReadValues(ctx, job)
	if unread > 0 {
		s.Hint("values of secrets that you may not read, or that are gone, are not hidden in this log")
	}
	return mask.New(s.Out, mask.Options{Values: values, Timestamps: timestamps}), err
}
