package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// partialObjectMetadata asks for the metadata of an object that is still there, and for a Status where it is gone.
const partialObjectMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// Delete sends a request that deletes one object, and reads the answer: an object that is still there is a
// *BeingDeletedError. Other errors are those of client-go.
func Delete(ctx context.Context, request *rest.Request, options *metav1.DeleteOptions) error {
	body, err := Body(request.Body(options).SetHeader("Accept", partialObjectMetadata).Do(ctx))
	if err != nil {
		return err
	}
	var deleted metav1.PartialObjectMetadata
	if json.Unmarshal(body, &deleted) != nil {
		return errors.New("the answer is not that of an API server; is a proxy intercepting requests?")
	}
	return CheckNotBeingDeleted(&deleted)
}

// CheckDeleted reads the metadata of an object that a deletion of a collection has answered with, which is from before
// it. It returns a *BeingDeletedError if the object is still there.
func CheckDeleted(before metav1.Object) error {
	held := slices.DeleteFunc(slices.Clone(before.GetFinalizers()), func(finalizer string) bool {
		// The API server removes those that another kind of deletion has set.
		return finalizer == metav1.FinalizerOrphanDependents || finalizer == metav1.FinalizerDeleteDependents
	})
	if len(held) == 0 {
		return nil
	}
	return &BeingDeletedError{Finalizers: held}
}

// IsReplaced reports whether a request with a UID did nothing, because the object that has the name now has another UID.
// Every other conflict is one with somebody else's change of the same object, which is still there.
//
// A deletion that is refused for its UID has the same reason and code as one that is refused for its version, so the words
// decide: those of rest.BeforeDelete and of storage.Preconditions.Check in k8s.io/apiserver. A patch is invalid then.
func IsReplaced(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return false
	}
	status := answer.Status()
	switch status.Reason {
	case metav1.StatusReasonConflict:
		return strings.Contains(status.Message, "UID in the precondition") || strings.Contains(status.Message, "UID in precondition")
	case metav1.StatusReasonInvalid:
		return status.Details != nil &&
			slices.ContainsFunc(status.Details.Causes, func(cause metav1.StatusCause) bool { return cause.Field == "metadata.uid" })
	}
	return false
}

// pollInterval is how often WaitUntilGone asks, at first and at most.
const (
	firstPollInterval = 100 * time.Millisecond
	lastPollInterval  = 2 * time.Second
)

// WaitUntilGone waits until an object that is being deleted is gone. An object of the name with another UID is a new
// one.
func (c *Client) WaitUntilGone(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, uid types.UID) error {
	md, err := c.Metadata()
	if err != nil {
		return err
	}
	for interval := firstPollInterval; ; interval = min(2*interval, lastPollInterval) {
		object, err := md.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err), err == nil && object.UID != uid:
			return nil
		case err != nil && ctx.Err() == nil:
			return c.Explain(err, Request{Verb: "get", Resource: resource.Resource, Namespace: namespace, Name: name})
		case err == nil:
			if CheckNotBeingDeleted(object) == nil {
				return fmt.Errorf("%s %q is not being deleted", resource.Resource, name)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
