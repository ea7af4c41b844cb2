package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// EndSidecars ends the pod of a job in whose state, Finishing, other containers outlive the command. Its
// log and its exit code stay, and what comes after is as if these containers had ended well: a job
// that has done its work ends, and one that is to be tried again gets its next attempt.
func (c *Client) EndSidecars(ctx context.Context, job Ref, state jobstatus.State) error {
	pod, err := do[corev1.Pod](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(podsResource).Name(state.Pod))
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return c.explain(err, "get", podsResource, state.Pod)
	}
	end := jobstatus.CommandEndOf(pod)
	if end == nil {
		return nil
	}
	// The Job first: once the pod has failed it is too late to say how that is meant.
	if !end.Failed {
		if err := c.recordExitCode(ctx, job, end.ExitCode); err != nil {
			return err
		}
	}
	// A deadline in the past is the only end of a pod that keeps its log.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID, "annotations": map[string]string{wellknown.AnnotationEndedSidecars: strings.Join(end.Running, ",")}},
		"spec":     map[string]any{"activeDeadlineSeconds": 1},
	})
	if err != nil {
		return err
	}
	if err = c.patchPod(ctx, pod, patch); apierrors.IsNotFound(err) || kube.IsReplaced(err) {
		return nil
	}
	return c.explain(err, "patch", podsResource, pod.Name)
}

// recordExitCode writes down the exit code of a job that will have no further attempt, and sees to it that
// there is none though its pod fails.
func (c *Client) recordExitCode(ctx context.Context, ref Ref, code int) error {
	job, err := do[batchv1.Job](ctx, c, c.batch.Get().Namespace(ref.Namespace).Resource(jobsResource).Name(ref.Name))
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return c.explain(err, "get", jobsResource, ref.Name)
	case code == 0 && ptr.Deref(job.Spec.Completions, 1) > 1, code != 0 && job.Status.Failed < ptr.Deref(job.Spec.BackoffLimit, 0):
		return nil // another attempt follows
	}
	annotations := map[string]string{wellknown.AnnotationExitCode: strconv.Itoa(code)}
	changes := map[string]any{"metadata": map[string]any{"uid": ref.UID, "annotations": annotations}}
	if limit := ptr.Deref(job.Spec.BackoffLimit, 0); limit > job.Status.Failed {
		annotations[wellknown.AnnotationBackoffLimit] = strconv.Itoa(int(limit))
		// Less than the failures that there were would end the job now, and delete its pod.
		changes["spec"] = map[string]any{"backoffLimit": job.Status.Failed}
	}
	patch, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	if _, err = c.patchJob(ctx, ref, patch); apierrors.IsNotFound(err) || kube.IsReplaced(err) {
		return nil
	}
	return c.explain(err, "patch", jobsResource, ref.Name)
}

// What LastLines reads at most.
const (
	lastLines      = 10
	lastLinesBytes = 8 << 10
)

// LastLines returns the end of the log of the container that a state of a job names, where that is not the
// job's own: as in the job's log, the values of its secrets are hidden. There are none of a container
// that has not run.
func (c *Client) LastLines(ctx context.Context, ref Ref, state jobstatus.State) ([]string, error) {
	if state.Container == "" || state.Pod == "" {
		return nil, nil
	}
	job, err := do[batchv1.Job](ctx, c, c.batch.Get().Namespace(ref.Namespace).Resource(jobsResource).Name(ref.Name))
	if err != nil {
		return nil, c.explain(err, "get", jobsResource, ref.Name)
	}
	values, _, err := c.ReadValues(ctx, job)
	if err != nil {
		return nil, err
	}
	stream, err := c.core.Get().Namespace(ref.Namespace).Resource(podsResource).Name(state.Pod).SubResource("log").
		Param("container", state.Container).
		Param("tailLines", strconv.Itoa(lastLines)).
		Param("limitBytes", strconv.Itoa(lastLinesBytes)).
		Stream(ctx)
	if apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) { // it has not run
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", state.Container, c.explain(err, "get", "pods/log", state.Pod))
	}
	defer stream.Close()
	var text strings.Builder
	masked := mask.New(&text, mask.Options{Values: values})
	if _, err := io.Copy(masked, io.LimitReader(stream, lastLinesBytes)); err != nil {
		return nil, err
	}
	if err := masked.Flush(); err != nil || joblog.IsNodeMessage(text.String()) {
		return nil, err
	}
	return strings.FieldsFunc(text.String(), func(r rune) bool { return r == '\n' }), nil
}
