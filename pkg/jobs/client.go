package jobs

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// The resources, as RBAC calls them.
const (
	jobsResource    = "jobs"
	podsResource    = "pods"
	eventsResource  = "events"
	secretsResource = "secrets"
)

// abandonedAfter is how long a job that another call is preparing may stay so before a new call of
// the same name takes it for the remains of one that was killed. Preparing takes a few requests.
const abandonedAfter = 5 * time.Second

// generatedNames is how many generated names Create tries.
const generatedNames = 3

// Client creates, watches and deletes jobs in the current namespace of a cluster. It is safe for
// use by several goroutines.
type Client struct {
	kube *kube.Client

	batch, core                   rest.Interface // for single requests, with a time limit
	streamingBatch, streamingCore rest.Interface // for watches and logs, without
}

// NewClient prepares a Client. It makes no request.
func NewClient(client *kube.Client) (*Client, error) {
	batchScheme := kube.NewScheme(batchv1.SchemeGroupVersion, &batchv1.Job{}, &batchv1.JobList{})
	coreScheme := kube.NewScheme(corev1.SchemeGroupVersion,
		&corev1.Pod{}, &corev1.PodList{}, &corev1.Event{}, &corev1.EventList{}, &corev1.Secret{}, &corev1.ConfigMap{})
	c := &Client{kube: client}
	for _, part := range []struct {
		api  *rest.Interface
		make func() (*rest.RESTClient, error)
	}{
		{&c.batch, func() (*rest.RESTClient, error) { return client.REST(batchv1.SchemeGroupVersion, batchScheme) }},
		{&c.core, func() (*rest.RESTClient, error) { return client.REST(corev1.SchemeGroupVersion, coreScheme) }},
		{&c.streamingBatch, func() (*rest.RESTClient, error) {
			return client.StreamingREST(batchv1.SchemeGroupVersion, batchScheme)
		}},
		{&c.streamingCore, func() (*rest.RESTClient, error) {
			return client.StreamingREST(corev1.SchemeGroupVersion, coreScheme)
		}},
	} {
		api, err := part.make()
		if err != nil {
			return nil, err
		}
		*part.api = api
	}
	return c, nil
}

// Now is the time by the API server's clock, as kube.Client.Now has it.
func (c *Client) Now() time.Time { return c.kube.Now() }

// ErrExists says that there is a job of the name already.
var ErrExists = errors.New("already exists")

// Ref names one job that exists or existed.
type Ref struct {
	Namespace string
	Name      string
	UID       types.UID
}

// Plan lays out a job in the client's namespace. It makes no request, and returns an error for all
// that can be known to be wrong without one.
func (c *Client) Plan(spec *Spec) (*Plan, error) {
	return newPlan(spec, c.kube.Cluster, c.kube.Namespace)
}

// NewPlan is Client.Plan where there is no cluster to connect to; secrets of a named one are
// errors then.
func NewPlan(spec *Spec, namespace string) (*Plan, error) { return newPlan(spec, "", namespace) }

// CheckAndRead reads every secret of a plan, all at once. It also looks whether the namespace takes only restricted pods,
// and makes the plan such a one. Its error names each secret that is missing or that the user may not use, and each whose
// value can't be the variable that it is to be. The values are for package mask; their order has no meaning.
//
// A secret of the job's own namespace that the user may not read passes, and is one of Plan.Unread: the job's pod may use
// it nevertheless, and accounts that may only start jobs are such users.
func (c *Client) CheckAndRead(ctx context.Context, plan *Plan) (values [][]byte, err error) {
	values = make([][]byte, len(plan.own)+len(plan.copies))
	problems := make([]error, len(values)+1)
	found := make([]secrets.Secret, len(plan.own))
	unread := make([]bool, len(plan.own))
	var group sync.WaitGroup
	for i, secret := range plan.own {
		group.Go(func() {
			store, err := secrets.NewStore(c.kube, secret)
			if err == nil {
				var value secrets.Value
				value, err = store.Read(ctx, secret.Key)
				values[i], found[i] = value.Data, value.Secret
			}
			if err == nil && found[i].BeingDeleted != nil { // it may be gone before a pod starts
				err = fmt.Errorf("%s: %w", secret, found[i].BeingDeleted)
			}
			if unread[i] = apierrors.IsForbidden(err); !unread[i] {
				problems[i] = err
			}
		})
	}
	for i := range plan.copies {
		group.Go(func() {
			shared := &plan.copies[i]
			store, err := secrets.NewStore(c.kube, shared.from)
			var value secrets.Value
			if err == nil {
				value, err = store.Read(ctx, shared.from.Key)
			}
			if err == nil && value.BeingDeleted != nil {
				err = fmt.Errorf("%s: %w", shared.from, value.BeingDeleted)
			}
			shared.value = value.Data
			values[len(plan.own)+i], problems[len(plan.own)+i] = shared.value, err
		})
	}
	group.Go(func() { problems[len(values)] = c.asNamespaceEnforces(ctx, plan) })
	group.Wait()
	plan.unread = nil
	for i, secret := range plan.own {
		if unread[i] {
			plan.unread = append(plan.unread, secret.String())
		}
		if problems[i] == nil {
			problems[i] = plan.fits(secret, secrets.ObjectName(secret.Key), values[i])
		}
		plan.useDataKey(found[i])
	}
	for i, shared := range plan.copies {
		if at := len(plan.own) + i; problems[at] == nil {
			problems[at] = plan.fits(shared.from, shared.object, values[at])
		}
	}
	return slices.DeleteFunc(values, func(value []byte) bool { return value == nil }), inOneLine(ctx, problems)
}

// ReadValues reads the values that a job's pods got from Secrets, for package mask: of another's
// secret that is the copy. How many could not be read, because the user may not, or because they are
// gone, is the other result.
func (c *Client) ReadValues(ctx context.Context, job *batchv1.Job) (values [][]byte, unread int, err error) {
	type place struct{ object, key string }
	var places []place
	add := func(object, key string) {
		if p := (place{object, key}); !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	for _, container := range job.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
				add(from.SecretKeyRef.Name, from.SecretKeyRef.Key)
			}
		}
	}
	for _, volume := range job.Spec.Template.Spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		for _, item := range volume.Secret.Items {
			add(volume.Secret.SecretName, item.Key)
		}
	}

	values = make([][]byte, len(places))
	problems := make([]error, len(places))
	var group sync.WaitGroup
	for i, place := range places {
		group.Go(func() {
			secret, err := ask[corev1.Secret](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(secretsResource).Name(place.object))
			if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
				problems[i] = c.explain(err, "get", secretsResource, place.object)
			}
			values[i] = secret.Data[place.key]
		})
	}
	group.Wait()
	values = slices.DeleteFunc(values, func(value []byte) bool { return value == nil })
	return values, len(places) - len(values), inOneLine(ctx, problems)
}

// inOneLine joins errors into one. Where the cluster gave no answer it says so once.
func inOneLine(ctx context.Context, problems []error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(problems) == 0 {
		return nil
	}
	if i := slices.IndexFunc(problems, unanswered); i >= 0 {
		return problems[i]
	}
	if len(problems) == 1 {
		return problems[0]
	}
	text := problems[0].Error()
	for _, err := range problems[1:] {
		text += "; " + err.Error()
	}
	return errors.New(text)
}

// unanswered reports whether an error is of a request to which no API server gave an answer.
func unanswered(err error) bool {
	var (
		request *kube.Error
		status  apierrors.APIStatus
	)
	return errors.As(err, &request) && !errors.As(err, &status)
}

// neverSent reports whether an unanswered request certainly did not reach the API server.
func neverSent(err error) bool {
	var (
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &certificate)
}

// CreateDryRun has the API server check the job of a plan without storing it, and returns the Job
// as it would be. Secrets are not copied.
func (c *Client) CreateDryRun(ctx context.Context, plan *Plan) (*batchv1.Job, error) {
	job, err := c.post(ctx, plan.job, metav1.DryRunAll)
	if !apierrors.IsAlreadyExists(err) {
		return job, err
	}
	existing, status, endedErr := c.ended(ctx, plan.job.Name)
	switch {
	case endedErr != nil:
		return nil, endedErr
	case existing == nil, status != "":
		return c.dryRunBeside(ctx, plan)
	}
	return nil, fmt.Errorf("job %q %w; choose another name", plan.job.Name, ErrExists)
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
	uncut := context.WithoutCancel(ctx)
	created, err := c.create(ctx, uncut, plan)
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Namespace: created.Namespace, Name: created.Name, UID: created.UID}
	err = ctx.Err()
	if err == nil && ptr.Deref(plan.job.Spec.Suspend, false) {
		if err = c.copySecrets(uncut, ref, plan.copies); err == nil {
			err = ctx.Err()
		}
		if err == nil && len(plan.shared) > 0 {
			if err = c.share(uncut, ref, plan.shared); err == nil {
				err = ctx.Err()
			}
		}
		for i := range plan.copies {
			plan.copies[i].value = nil // it is not needed for as long as the job may run
		}
		if err == nil {
			err = c.resume(uncut, ref, created.Labels[labelQueue] == "")
		}
	}
	if err != nil {
		if deleteErr := c.Delete(uncut, ref); deleteErr != nil {
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

// DeleteCommand is how to delete the job with kubectl.
func (r Ref) DeleteCommand() string {
	return fmt.Sprintf("kubectl delete job %s -n %s", r.Name, r.Namespace)
}

func (c *Client) create(ctx, uncut context.Context, plan *Plan) (*batchv1.Job, error) {
	for attempt := 1; ; attempt++ {
		if plan.named {
			if err := c.removeOldShares(uncut, plan.job.Namespace, plan.job.Name); err != nil {
				return nil, err
			}
		}
		created, err := c.post(uncut, plan.job)
		if errors.As(err, &unknownError{}) {
			return nil, c.settle(uncut, plan, err)
		}
		if !apierrors.IsAlreadyExists(err) {
			return created, err
		}
		switch {
		case plan.named:
			free, err := c.freeName(ctx, plan, attempt)
			if err != nil {
				return nil, err
			}
			if !free {
				return nil, fmt.Errorf("job %q %w; choose another name, or remove it with: %s",
					plan.job.Name, ErrExists, Ref{Namespace: plan.job.Namespace, Name: plan.job.Name}.DeleteCommand())
			}
		case attempt == generatedNames:
			return nil, err
		default:
			plan.rename()
		}
	}
}

func (c *Client) post(ctx context.Context, job *batchv1.Job, dryRun ...string) (*batchv1.Job, error) {
	created, err := ask[batchv1.Job](ctx, c, c.batch.Post().
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
	if unanswered(explained) && !neverSent(err) && len(dryRun) == 0 {
		return nil, unknownError{explained}
	}
	return nil, explained
}

// unknownError says that the request to create a job got no answer, so that there may be one.
type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

// settle sees to it that a job that may have been created is not there. That can be done where nobody else can have
// made one of its name.
func (c *Client) settle(ctx context.Context, plan *Plan, err error) error {
	if !plan.named && c.delete(ctx, plan.job.Namespace, plan.job.Name, metav1.Preconditions{}) == nil {
		return fmt.Errorf("%w; the job was rolled back", err)
	}
	return fmt.Errorf("%w; whether the job %s was created is unknown; if it was, remove it with: %s",
		err, plan.job.Name, Ref{Namespace: plan.job.Namespace, Name: plan.job.Name}.DeleteCommand())
}

// copySecrets creates the copies, each owned by the job from its first moment on.
func (c *Client) copySecrets(ctx context.Context, job Ref, copies []secretCopy) error {
	problems := make([]error, len(copies))
	var group sync.WaitGroup
	for i, shared := range copies {
		group.Go(func() {
			err := c.core.Post().
				Namespace(job.Namespace).
				Resource(secretsResource).
				Body(&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{
						Name:   shared.object,
						Labels: map[string]string{LabelJobCopy: labelTrue},
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
					Data:      map[string][]byte{shared.from.Key: shared.value},
				}).
				Do(kube.MaskWarnings(ctx, shared.value)).
				Error()
			if err != nil {
				err = kube.Mask(err, shared.value) // an admission rule may quote it
				problems[i] = fmt.Errorf("%s can't be copied for the job: %w", shared.from, c.explain(err, "create", secretsResource, ""))
			}
		})
	}
	group.Wait()
	return inOneLine(ctx, problems)
}

// resume lets the job start, at once or when the queue that it is in says so. A job that was deleted and
// created again meanwhile is not touched.
func (c *Client) resume(ctx context.Context, job Ref, atOnce bool) error {
	changes := map[string]any{"metadata": map[string]any{
		"uid":         job.UID,
		"annotations": map[string]any{annotationPreparing: nil},
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
		return job == nil || job.Annotations[annotationPreparing] == "" || !ptr.Deref(job.Spec.Suspend, false)
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

func (c *Client) explain(err error, verb, resource, name string) error {
	return c.kube.Explain(err, kube.Request{Verb: verb, Resource: resource, Namespace: c.kube.Namespace, Name: name})
}
