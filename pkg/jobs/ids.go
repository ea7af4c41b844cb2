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
)

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
	listErr := pages(metav1.ListOptions{LabelSelector: jobSelector}, func(page *metav1.ListOptions) (string, error) {
		list, err := ask[batchv1.JobList](ctx, c, c.batch.Get().Namespace(c.kube.Namespace).Resource(jobsResource).VersionedParams(page, metav1.ParameterCodec))
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

// OwnerOf is who made a job, as run noted it; "" where that is not known.
func OwnerOf(job *batchv1.Job) string { return job.Annotations[AnnotationOwner] }

// NoNamespace reports whether it is certain that the client's namespace does not exist. Only those who can read it
// are told.
func (c *Client) NoNamespace(ctx context.Context) bool {
	err := c.core.Get().Resource("namespaces").Name(c.kube.Namespace).Do(ctx).Error()
	return apierrors.IsNotFound(err)
}
