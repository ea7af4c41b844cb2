package jobs

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// LabelEnforce says, on a namespace, which pods it takes.
const LabelEnforce = "pod-security.kubernetes.io/enforce"

// asNamespaceEnforces makes the job of a plan restricted where its namespace takes only such pods, and where the user
// did not ask for something else. A namespace that the user may not read changes nothing.
func (c *Client) asNamespaceEnforces(ctx context.Context, plan *Plan) error {
	if !plan.manifest.CanRestrict() {
		return nil
	}
	level, err := c.enforced(ctx, plan.manifest.Job.Namespace)
	if err == nil && level == jobspec.SecurityRestricted {
		plan.manifest.Restrict()
	}
	return err
}

// enforced is the level that a namespace enforces; empty where the user may not read it.
func (c *Client) enforced(ctx context.Context, namespace string) (jobspec.SecurityLevel, error) {
	metadata, err := c.kube.Metadata()
	if err != nil {
		return "", err
	}
	found, err := metadata.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).Get(ctx, namespace, metav1.GetOptions{})
	if explained := c.kube.Explain(err, kube.Request{Verb: "get", Resource: "namespaces", Name: namespace}); isTransportError(explained) {
		return "", explained
	}
	if err != nil {
		var status apierrors.APIStatus
		if errors.As(err, &status) {
			return "", nil // the Job's own request tells what is wrong
		}
		return "", err
	}
	return jobspec.SecurityLevel(found.Labels[LabelEnforce]), nil
}
