package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// abandonedAfter is how long a job that another call is preparing may stay so before a new call of
// the same name takes it for the remains of one that was killed. Preparing takes a few requests.
const abandonedAfter = 5 * time.Second

// generatedNames is how many generated names Create tries.
const generatedNames = 3

// ErrExists says that there is a job of the name already.
var ErrExists = errors.New("already exists")

// CreateDryRun has the API server check the job of a plan without storing it, and returns the Job
// as it would be. Secrets are not copied.
func (c *Client) CreateDryRun(ctx context.Context, plan *Plan) (*batchv1.Job, error) {
	job, err := c.post(ctx, plan.manifest.Job, metav1.DryRunAll)
	if !apierrors.IsAlreadyExists(err) {
		return job, err
	}
	existing, status, endedErr := c.ended(ctx, plan.manifest.Job.Name)
	switch {
	case endedErr != nil:
		return nil, endedErr
	case existing == nil, status != "":
		return c.dryRunBeside(ctx, plan)
	}
	return nil, fmt.Errorf("job %q %w; choose another name", plan.manifest.Job.Name, ErrExists)
}

// Create creates the job of a plan that Check has passed, with the copies that it needs, and
// shares it. Where a
// step after the first fails it deletes the job again, and says so.
//
// The end of ctx doesn't cut the requests short, so that a job that was created is never forgotten:
// once the job exists Create deletes it and returns the context's error.
func (c *Client) Create(ctx context.Context, plan *Plan) (Ref, error) {
	if err := ctx.Err(); err != nil {
		return Ref{}, err
	}
	detachedCtx := context.WithoutCancel(ctx)
	created, err := c.create(ctx, detachedCtx, plan)
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Namespace: created.Namespace, Name: created.Name, UID: created.UID}
	err = ctx.Err()
	if err == nil && ptr.Deref(plan.manifest.Job.Spec.Suspend, false) {
		if err = c.copySecrets(detachedCtx, ref, plan); err == nil {
			err = ctx.Err()
		}
		if err == nil && len(plan.shared) > 0 {
			if err = c.share(detachedCtx, ref, plan.shared); err == nil {
				err = ctx.Err()
			}
		}
		clear(plan.copied) // it is not needed for as long as the job may run
		if err == nil {
			err = c.resume(detachedCtx, ref, created.Labels[jobspec.LabelQueue] == "")
		}
	}
	if err != nil {
		if deleteErr := c.Delete(detachedCtx, ref); deleteErr != nil {
			if held := (*kube.BeingDeletedError)(nil); errors.As(deleteErr, &held) {
				return Ref{}, fmt.Errorf("%w; the job %w", err, deleteErr)
			}
			return Ref{}, fmt.Errorf("%w; the job is left behind, remove it with: %s", err, ref.DeleteCommand())
		}
		if ctx.Err() != nil {
			return Ref{}, ctx.Err()
		}
		return Ref{}, fmt.Errorf("%w; the job was rolled back", err)
	}
	return ref, nil
}

func (c *Client) create(ctx, detachedCtx context.Context, plan *Plan) (*batchv1.Job, error) {
	for attempt := 1; ; attempt++ {
		if plan.manifest.Named {
			if err := c.removeOldShares(detachedCtx, plan.manifest.Job.Namespace, plan.manifest.Job.Name); err != nil {
				return nil, err
			}
		}
		created, err := c.post(detachedCtx, plan.manifest.Job)
		if errors.As(err, &unknownError{}) {
			return nil, c.deleteIfCreated(detachedCtx, plan, err)
		}
		if !apierrors.IsAlreadyExists(err) {
			return created, err
		}
		switch {
		case plan.manifest.Named:
			free, err := c.freeName(ctx, plan, attempt)
			if err != nil {
				return nil, err
			}
			if !free {
				return nil, fmt.Errorf("job %q %w; choose another name, or remove it with: %s",
					plan.manifest.Job.Name, ErrExists, Ref{Namespace: plan.manifest.Job.Namespace, Name: plan.manifest.Job.Name}.DeleteCommand())
			}
		case attempt == generatedNames:
			return nil, err
		default:
			plan.manifest.Rename()
		}
	}
}

func (c *Client) post(ctx context.Context, job *batchv1.Job, dryRun ...string) (*batchv1.Job, error) {
	created, err := do[batchv1.Job](ctx, c, c.batch.Post().
		Namespace(job.Namespace).
		Resource(jobsResource).
		VersionedParams(&metav1.CreateOptions{DryRun: dryRun}, metav1.ParameterCodec).
		Body(job))
	if err == nil {
		created.TypeMeta = job.TypeMeta
		return created, nil
	}
	if apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	explained := c.explain(err, "create", jobsResource, "")
	if isTransportError(explained) && !neverSent(err) && len(dryRun) == 0 {
		return nil, unknownError{explained}
	}
	return nil, explained
}

// unknownError says that the request to create a job got no answer, so that there may be one.
type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

// deleteIfCreated sees to it that a job that may have been created is not there. That can be done where nobody else can have
// made one of its name.
func (c *Client) deleteIfCreated(ctx context.Context, plan *Plan, err error) error {
	if !plan.manifest.Named && c.delete(ctx, plan.manifest.Job.Namespace, plan.manifest.Job.Name, metav1.Preconditions{}) == nil {
		return fmt.Errorf("%w; the job was rolled back", err)
	}
	return fmt.Errorf("%w; whether the job %s was created is unknown; if it was, remove it with: %s",
		err, plan.manifest.Job.Name, Ref{Namespace: plan.manifest.Job.Namespace, Name: plan.manifest.Job.Name}.DeleteCommand())
}

// copySecrets creates the copies, each owned by the job from its first moment on.
func (c *Client) copySecrets(ctx context.Context, job Ref, plan *Plan) error {
	problems := make([]error, len(plan.manifest.Copies))
	var group sync.WaitGroup
	for i, shared := range plan.manifest.Copies {
		value := plan.copied[i]
		group.Go(func() {
			err := c.core.Post().
				Namespace(job.Namespace).
				Resource(secretsResource).
				Body(&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{
						Name:   shared.Object,
						Labels: map[string]string{wellknown.LabelJobCopy: wellknown.LabelTrue},
						OwnerReferences: []metav1.OwnerReference{{
							APIVersion: batchv1.SchemeGroupVersion.String(),
							Kind:       "Job",
							Name:       job.Name,
							UID:        job.UID,
							// Where an admission rule guards finalizers, true would need another right.
							BlockOwnerDeletion: ptr.To(false),
						}},
					},
					Type:      corev1.SecretTypeOpaque,
					Immutable: ptr.To(true), // what the job was given can't change under it
					Data:      map[string][]byte{shared.From.Key: value},
				}).
				Do(kube.MaskWarnings(ctx, value)).
				Error()
			if err != nil {
				err = kube.Mask(err, value) // an admission rule may quote it
				problems[i] = fmt.Errorf("%s can't be copied for the job: %w", shared.From, c.explain(err, "create", secretsResource, ""))
			}
		})
	}
	group.Wait()
	return joinErrors(ctx, problems)
}

// resume lets the job start, at once or when the queue that it is in says so. A job that was deleted and
// created again meanwhile is not touched.
func (c *Client) resume(ctx context.Context, job Ref, atOnce bool) error {
	changes := map[string]any{"metadata": map[string]any{
		"uid":         job.UID,
		"annotations": map[string]any{wellknown.AnnotationPreparing: nil},
	}}
	if atOnce {
		changes["spec"] = map[string]any{"suspend": false}
	}
	patch, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	resumed, err := c.patchJob(ctx, job, patch)
	if apierrors.IsNotFound(err) || kube.IsReplaced(err) || err == nil && resumed.DeletionTimestamp != nil {
		return fmt.Errorf("job %q was deleted by someone else before it could start", job.Name)
	}
	return c.explain(err, "patch", jobsResource, job.Name)
}

// clearAbandoned deletes a job that a killed call left unprepared, and reports whether it did. It
// watches the job for a while, because it may also be that another call is just preparing it, or that it is
// being deleted in the foreground. A job that something else holds is a *kube.BeingDeletedError.
func (c *Client) clearAbandoned(ctx context.Context, name string) (cleared bool, held error) {
	var found *batchv1.Job
	ctx, cancel := context.WithTimeout(ctx, abandonedAfter)
	defer cancel()
	err := c.observeJob(ctx, Ref{Namespace: c.kube.Namespace, Name: name}, func(job *batchv1.Job) (done bool) {
		found = job
		if job != nil && job.DeletionTimestamp != nil {
			return kube.CheckDeleted(job) != nil
		}
		return job == nil || job.Annotations[wellknown.AnnotationPreparing] == "" || !ptr.Deref(job.Spec.Suspend, false)
	})
	if found != nil && found.DeletionTimestamp != nil {
		return false, kube.CheckNotBeingDeleted(found)
	}
	if err == nil { // it is done: gone, or not abandoned
		return found == nil, nil
	}
	if found == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false, nil
	}
	err = c.delete(context.WithoutCancel(ctx), c.kube.Namespace, name, metav1.Preconditions{
		UID: &found.UID, ResourceVersion: &found.ResourceVersion,
	})
	return err == nil, nil
}
