package cmdline

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NoNamespaceError is the error where the namespace of -n does not exist. Apolo's -n is a job's name.
func (s *Session) NoNamespaceError() error {
	name := s.Kube.Overrides.Context.Namespace
	return fmt.Errorf("namespace %q does not exist; -n is the namespace, and the name of a job is --name %s", name, name)
}

// namespaceTerminating is the API server's cause of a refusal to create something in a namespace that is being deleted.
const namespaceTerminating metav1.CauseType = "NamespaceTerminating"

// OrName adds to the error of a user who has no rights on jobs in the namespace of -n what Apolo's -n is here: the API
// server does not tell them whether the namespace exists.
func (s *Session) OrName(err error) error {
	name := s.Kube.Overrides.Context.Namespace
	var status apierrors.APIStatus
	if name == "" || !apierrors.IsForbidden(err) || apierrors.HasStatusCause(err, namespaceTerminating) || !errors.As(err, &status) || status.Status().Details == nil || status.Status().Details.Kind != "jobs" {
		return err
	}
	return fmt.Errorf("%w; -n is the namespace, and the name of a job is --name %s", err, name)
}
