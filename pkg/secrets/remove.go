package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// Remove deletes a key, and before it the grants that share it, so that access ends with the first
// request that succeeds. It returns what it has removed, and ErrNotFound or ErrNotManaged where there is none.
//
// A Secret that a finalizer holds is still there after it was deleted: the error is a *kube.BeingDeletedError then, and
// WaitUntilGone waits for its end. An adopted Secret stays, and loses Apolo's marks and grants alone.
func (s *Store) Remove(ctx context.Context, key string) (Secret, error) {
	if err := uri.ValidateKey(key); err != nil {
		return Secret{}, s.wrap(key, err)
	}
	ended, err := s.endGrants(ctx, key)
	if err != nil {
		return Secret{}, s.wrap(key, err)
	}
	removed, err := s.deleteOwn(ctx, key)
	if errors.Is(err, ErrNotFound) || apierrors.IsForbidden(err) {
		// None of ours is there, or the user may not delete by a condition: a second look tells more.
		removed, err = s.removeFound(ctx, key)
	}
	if err == nil && removed.Owner != "" && ended.held == nil {
		s.warnOfGrants(key, ended.left) // the Kubernetes Secret stays, and they give access to it
	}
	if err == nil && removed.Owner == "" {
		s.discard(ctx, removed.Timer)
	}
	return removed, s.wrap(key, s.whatIsLeft(ended, err))
}

// removeFound is deleteOwn for an adopted Secret, and in two requests.
func (s *Store) removeFound(ctx context.Context, key string) (Secret, error) {
	found, err := s.lookup(ctx, key)
	switch {
	case err != nil:
		return found, err
	case found.Owner != "":
		return found, s.release(ctx, found)
	}
	err = kube.Delete(withholdWarnings(ctx, found.Object), s.request(found.Object), &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(found.UID))})
	err = s.explainDeletion(ctx, err, found.Object)
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w (no grant includes removing a secret: that is for its owner)", err)
	}
	return found, err
}

// request is one that deletes the Kubernetes Secret of a name.
func (s *Store) request(name string) *rest.Request {
	return s.core.Delete().Namespace(s.Namespace()).Resource(secretsResource.Resource).Name(name)
}

// explainDeletion words the error of kube.Delete.
func (s *Store) explainDeletion(ctx context.Context, err error, name string) error {
	if held := (*kube.BeingDeletedError)(nil); errors.As(err, &held) {
		return held
	}
	return s.explainObject(s.maskStored(ctx, err, name), "delete", name)
}

// whatIsLeft adds to the error of a deletion what is still there, and for whom.
func (s *Store) whatIsLeft(ended endedGrants, err error) error {
	held := (*kube.BeingDeletedError)(nil)
	if !errors.As(err, &held) {
		if err == nil && ended.held != nil {
			err = fmt.Errorf("is deleted, but its %v; it would share a new secret of this name", ended.held) // not what Remove promises
		}
		return err
	}
	err = fmt.Errorf("%w; until it is gone, anyone who can read secrets in namespace %q can read its value", err, s.Namespace())
	switch {
	case ended.held != nil:
		return fmt.Errorf("%w, and so can those it was shared with: its %v", err, ended.held)
	case ended.forbidden:
		return fmt.Errorf("%w, and so can those it was shared with, if any: you lack permission to delete roles", err)
	case ended.shared:
		return fmt.Errorf("%w; those it was shared with have no access any more", err)
	}
	return err
}

// WaitUntilGone waits until a secret that was removed, and that a finalizer holds, is gone.
func (s *Store) WaitUntilGone(ctx context.Context, removed Secret) error {
	err := s.client.WaitUntilGone(ctx, secretsResource, s.Namespace(), removed.Object, removed.UID)
	if err != nil {
		return s.wrap(removed.Key, err)
	}
	left, err := s.roles.Find(ctx, removed.Object)
	if err != nil {
		return nil // nothing more is known than Remove has said
	}
	for i := range left.Roles {
		if held := kube.CheckNotBeingDeleted(&left.Roles[i]); held != nil {
			return s.wrap(removed.Key, fmt.Errorf("is deleted, but its Role %s %v; it would share a new secret of this name", left.Roles[i].Name, held))
		}
	}
	return nil
}

// deleteOwn deletes the Secret of a key in one request, which the API server carries out only on one that Apolo made
// (docs/decisions/0011). It returns ErrNotFound where there is no such, and a *kube.BeingDeletedError where it is still
// there.
func (s *Store) deleteOwn(ctx context.Context, key string) (Secret, error) {
	deleted, err := s.deleteCollection(withholdWarnings(ctx, ObjectName(key)), secretsResource, metav1.ListOptions{
		FieldSelector: "metadata.name=" + ObjectName(key),
		LabelSelector: wellknown.LabelSecret + "=" + wellknown.LabelTrue,
	})
	switch {
	case err != nil:
		return Secret{}, s.explain(s.maskStored(ctx, err, ObjectName(key)), "deletecollection", key)
	case len(deleted) == 0:
		return Secret{}, ErrNotFound
	}
	return describe(&deleted[0]), kube.CheckDeleted(&deleted[0])
}

// deleteCollection deletes all objects that are selected, and returns their metadata.
func (s *Store) deleteCollection(ctx context.Context, of schema.GroupVersionResource, which metav1.ListOptions) ([]metav1.PartialObjectMetadata, error) {
	prefix := "/apis/" + of.Group
	if of.Group == "" {
		prefix = "/api"
	}
	body, err := kube.Body(s.core.Delete().
		AbsPath(prefix, of.Version, "namespaces", s.Namespace(), of.Resource).
		VersionedParams(&which, metav1.ParameterCodec).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"). // values need not come back
		Do(ctx))
	if err != nil {
		return nil, err
	}
	var deleted metav1.PartialObjectMetadataList
	if json.Unmarshal(body, &deleted) != nil {
		return nil, fmt.Errorf("unexpected response from %s (not a list); is a proxy intercepting requests?", s.client.Host())
	}
	return deleted.Items, nil
}

// RemoveUnchanged deletes a secret that was read, if nobody has changed it since: it returns ErrChanged otherwise,
// and everything is as it was. Its grants, which were looked for before, go after it; those that were made in the
// meantime are left to the garbage collector. Where the Secret is still there, the error is that of Remove. It reports
// whether the Secret is gone, which it can be although there is an error: about its grants.
func (s *Store) RemoveUnchanged(ctx context.Context, read Value, grants secretroles.Found) (gone bool, err error) {
	if read.Owner != "" {
		return false, s.wrap(read.Key, adoptedError(read.Secret))
	}
	deleteErr := kube.Delete(kube.MaskWarnings(ctx, read.Data), s.request(read.Object),
		&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &read.UID, ResourceVersion: &read.resourceVersion}})
	if apierrors.IsConflict(deleteErr) {
		return false, s.wrap(read.Key, ErrChanged)
	}
	deleteErr = s.explainDeletion(ctx, deleteErr, read.Object)
	if held := (*kube.BeingDeletedError)(nil); deleteErr != nil && !errors.As(deleteErr, &held) {
		return false, s.wrap(read.Key, deleteErr)
	}
	if gone = deleteErr == nil; gone {
		s.discard(ctx, read.Timer)
	}
	ended, err := s.end(ctx, grants)
	switch {
	case err != nil && gone:
		err = fmt.Errorf("is deleted, but what shared it may be left: %w", err)
	case err == nil:
		err = s.whatIsLeft(ended, deleteErr)
	}
	return gone, s.wrap(read.Key, err)
}
