package kube

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
)

// Mask returns the error of a request without the values that the request carried, or that the object has which it was
// about: an admission rule may quote the whole object in its refusal.
func Mask(err error, values ...[]byte) error {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		return err
	}
	status := known.Status()
	status.Message = mask.Text(status.Message, values)
	if status.Details != nil {
		status.Details = status.Details.DeepCopy()
		for i := range status.Details.Causes {
			status.Details.Causes[i].Message = mask.Text(status.Details.Causes[i].Message, values)
		}
	}
	return &apierrors.StatusError{ErrStatus: status}
}
