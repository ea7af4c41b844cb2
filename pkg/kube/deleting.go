package kube

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BeingDeletedError reports that the deletion of an object was accepted, and that the object is still there. It stays,
// with all that it holds and gives, until its finalizers are removed
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/).
type BeingDeletedError struct {
	Finalizers []string // what holds the object; empty where only a grace period does
}

func (e *BeingDeletedError) Error() string {
	switch len(e.Finalizers) {
	case 0:
		return "is being deleted"
	case 1:
		return "is being deleted; held by finalizer " + e.Finalizers[0]
	}
	return "is being deleted; held by finalizers " + strings.Join(e.Finalizers, ", ")
}

// CheckNotBeingDeleted returns a *BeingDeletedError if the object has a deletion timestamp. What is written to such an
// object is lost later.
func CheckNotBeingDeleted(object metav1.Object) error {
	if object.GetDeletionTimestamp() == nil {
		return nil
	}
	return &BeingDeletedError{Finalizers: object.GetFinalizers()}
}
