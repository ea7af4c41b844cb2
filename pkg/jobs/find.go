package jobs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// RefOf names a Job that was read.
func RefOf(job *batchv1.Job) Ref {
	return Ref{Namespace: job.Namespace, Name: job.Name, UID: job.UID}
}

// Get reads a job of the client's namespace. It is an error where there is none, and where the Job was
// made by another tool.
func (c *Client) Get(ctx context.Context, name string) (*batchv1.Job, error) {
	job, err := do[batchv1.Job](ctx, c, c.batch.Get().Namespace(c.kube.Namespace).Resource(jobsResource).Name(name))
	switch {
	case apierrors.IsNotFound(err):
		return nil, &NotFoundError{Namespace: c.kube.Namespace, Name: name}
	case err != nil:
		return nil, fmt.Errorf("job %s: %w", name, c.explain(err, "get", jobsResource, name))
	case job.Labels[wellknown.LabelJob] != wellknown.LabelTrue:
		return nil, fmt.Errorf("the Job %s in namespace %s is another tool's; look at it with: kubectl describe job %s -n %s",
			name, c.kube.Namespace, name, c.kube.Namespace)
	}
	return job, nil
}

// NotFoundError says that there is no job of a name.
type NotFoundError struct{ Namespace, Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no job %q in namespace %s; 'apolo job ls -a' lists all that there are", e.Name, e.Namespace)
}

// idPattern matches the ID of a job: its UID or the first part of it, as job ls shows it. Apolo's IDs begin with job-.
var idPattern = regexp.MustCompile(`^(job-)?([0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?)$`)

// Find is Get for a name or an ID. A name comes first; to find an ID takes the right to list jobs.
func (c *Client) Find(ctx context.Context, nameOrID string) (*batchv1.Job, error) {
	job, err := c.Get(ctx, nameOrID)
	match := idPattern.FindStringSubmatch(nameOrID)
	var notFound *NotFoundError
	if match == nil || !errors.As(err, &notFound) && !apierrors.IsForbidden(err) {
		return job, err
	}
	var found []*batchv1.Job
	listErr := kube.EachPage(metav1.ListOptions{Limit: listPage, LabelSelector: jobSelector}, func(page *metav1.ListOptions) (string, error) {
		list, err := do[batchv1.JobList](ctx, c, c.batch.Get().Namespace(c.kube.Namespace).Resource(jobsResource).VersionedParams(page, metav1.ParameterCodec))
		for i := range list.Items {
			if strings.HasPrefix(string(list.Items[i].UID), match[2]) {
				found = append(found, &list.Items[i])
			}
		}
		return list.Continue, err
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case listErr != nil || len(found) == 0:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("%d jobs have an ID that begins with %s: use a name, or the whole ID as 'apolo job ls --format uid,name' shows it", len(found), match[2])
	}
	return found[0], nil
}

// NoNamespace reports whether it is certain that the client's namespace does not exist. Only those who can read it
// are told.
func (c *Client) NoNamespace(ctx context.Context) bool {
	err := c.core.Get().Resource("namespaces").Name(c.kube.Namespace).Do(ctx).Error()
	return apierrors.IsNotFound(err)
}
