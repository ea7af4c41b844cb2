package secrets

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// explain words a failed request about one key.
func (s *Store) explain(err error, verb, key string) error {
	name := ""
	if verb != "create" {
		name = ObjectName(key)
	}
	return s.explainObject(err, verb, name)
}

// explainObject is explain for the name of a Kubernetes Secret.
func (s *Store) explainObject(err error, verb, name string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsAlreadyExists(err):
		return err
	}
	explained := s.client.Explain(err, kube.Request{Verb: verb, Resource: secretsResource.Resource, Namespace: s.Namespace(), Name: name})
	var status apierrors.APIStatus
	if apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == secretsResource.Resource {
		return fmt.Errorf("%w in namespace %q", ErrNotFound, s.Namespace())
	}
	return explained
}

// wrap names the secret that an error is about.
func (s *Store) wrap(key string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", s.URI(key), err)
}

// wrapObject names the Kubernetes Secret that an error is about.
func (s *Store) wrapObject(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("the Kubernetes Secret %s: %w", name, err)
}
