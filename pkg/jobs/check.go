package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// CheckAndRead reads every secret of a plan, all at once. It also looks whether the namespace takes only restricted pods,
// and makes the plan such a one. Its error names each secret that is missing or that the user may not use, and each whose
// value can't be the variable that it is to be. The values are for package mask; their order has no meaning.
//
// A secret of the job's own namespace that the user may not read passes, and is one of Plan.Unread: the job's pod may use
// it nevertheless, and accounts that may only start jobs are such users.
func (c *Client) CheckAndRead(ctx context.Context, plan *Plan) (values [][]byte, err error) {
	values = make([][]byte, len(plan.manifest.Own)+len(plan.manifest.Copies))
	problems := make([]error, len(values)+1)
	found := make([]secrets.Secret, len(plan.manifest.Own))
	unread := make([]bool, len(plan.manifest.Own))
	var group sync.WaitGroup
	for i, secret := range plan.manifest.Own {
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
	for i := range plan.manifest.Copies {
		group.Go(func() {
			from := plan.manifest.Copies[i].From
			store, err := secrets.NewStore(c.kube, from)
			var value secrets.Value
			if err == nil {
				value, err = store.Read(ctx, from.Key)
			}
			if err == nil && value.BeingDeleted != nil {
				err = fmt.Errorf("%s: %w", from, value.BeingDeleted)
			}
			plan.copied[i] = value.Data
			values[len(plan.manifest.Own)+i], problems[len(plan.manifest.Own)+i] = value.Data, err
		})
	}
	group.Go(func() { problems[len(values)] = c.asNamespaceEnforces(ctx, plan) })
	group.Wait()
	plan.unread = nil
	for i, secret := range plan.manifest.Own {
		if unread[i] {
			plan.unread = append(plan.unread, secret.String())
		}
		if problems[i] == nil {
			problems[i] = plan.manifest.CheckValue(secret, secrets.ObjectName(secret.Key), values[i])
		}
		plan.manifest.UseDataKey(found[i])
	}
	for i, shared := range plan.manifest.Copies {
		if at := len(plan.manifest.Own) + i; problems[at] == nil {
			problems[at] = plan.manifest.CheckValue(shared.From, shared.Object, values[at])
		}
	}
	return slices.DeleteFunc(values, func(value []byte) bool { return value == nil }), joinErrors(ctx, problems)
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
			secret, err := do[corev1.Secret](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(secretsResource).Name(place.object))
			if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
				problems[i] = c.explain(err, "get", secretsResource, place.object)
			}
			values[i] = secret.Data[place.key]
		})
	}
	group.Wait()
	values = slices.DeleteFunc(values, func(value []byte) bool { return value == nil })
	return values, len(places) - len(values), joinErrors(ctx, problems)
}

// joinErrors joins errors into one. Where the cluster gave no answer it says so once.
func joinErrors(ctx context.Context, problems []error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(problems) == 0 {
		return nil
	}
	if i := slices.IndexFunc(problems, isTransportError); i >= 0 {
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
