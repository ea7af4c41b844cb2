package job

import (
	"context"
	"io"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/logview"
)

// masked is the output for a job's log, made by output, without the values of the job's secrets unless all
// is to be shown. The values are for what the cluster says of the job.
func masked(ctx context.Context, s *cmdline.Session, client *jobs.Client, job *batchv1.Job, all, timestamps bool,
	output func(io.Writer, mask.Options) *logview.Output) (log *logview.Output, values [][]byte, err error) {
	if all {
		return output(s.Out, mask.Options{}), nil, nil
	}
	values, unread, err := client.ReadValues(ctx, job)
	if err != nil {
		return nil, nil, err
	}
	if unread > 0 {
		s.Warn("values of secrets that you can't read, or that are gone, are not hidden in this log")
	}
	return output(s.Out, mask.Options{Values: values, Timestamps: timestamps}), values, nil
}
