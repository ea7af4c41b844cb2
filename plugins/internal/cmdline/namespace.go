package cmdline

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// NoNamespaceError is the error where the namespace of -n does not exist. Apolo's -n is a job's name.
func (s *Session) NoNamespaceError() error {
	name := s.Kube.Overrides.Context.Namespace
	return fmt.Errorf("namespace %q does not exist; -n is the namespace, and the name of a job is --name %s", name, name)
}

// OrName adds to an error of the namespace that was given with -n what Apolo's -n is here: those who may not look for a
// namespace are not told whether it exists.
func (s *Session) OrName(err error) error {
	name := s.Kube.Overrides.Context.Namespace
	if name == "" || !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w; -n is the namespace, and the name of a job is --name %s", err, name)
}
