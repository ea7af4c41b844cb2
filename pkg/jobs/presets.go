package jobs

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

const configMapsResource = "configmaps"

// Presets reads the presets of the client's namespace: those of its own ConfigMap, else of that in
// jobspec.PresetsNamespace, else the built-in ones. Anyone who can't read a ConfigMap is treated as if there
// were none.
func (c *Client) Presets(ctx context.Context) (jobspec.Presets, error) {
	namespaces := slices.Compact([]string{c.kube.Namespace, jobspec.PresetsNamespace})
	found := make([]*corev1.ConfigMap, len(namespaces))
	problems := make([]error, len(namespaces))
	var group sync.WaitGroup
	for i, namespace := range namespaces {
		group.Go(func() { found[i], problems[i] = c.configMap(ctx, namespace, jobspec.PresetsConfigMap) })
	}
	group.Wait()
	for i, configMap := range found {
		if problems[i] != nil {
			return jobspec.Presets{}, problems[i]
		}
		if configMap != nil {
			return jobspec.ReadPresets(configMap, c.kube.Namespace), nil
		}
	}
	return jobspec.BuiltinPresets(), nil
}

// configMap returns nil where there is none that the user may read.
func (c *Client) configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	found, err := do[corev1.ConfigMap](ctx, c, c.core.Get().
		Namespace(namespace).
		Resource(configMapsResource).
		Name(name).
		VersionedParams(&metav1.GetOptions{}, metav1.ParameterCodec))
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, c.explain(err, "get", configMapsResource, name)
	}
	return found, nil
}

// Actions reads the actions of the client's namespace: the built-in ones, and after them, sorted by
// name, those of a ConfigMap. One of this namespace that has the name of a built-in action takes its place. faulty says
// what is wrong with those that can't be used. Anyone who can't read a ConfigMap is treated as if there
// were none.
func (c *Client) Actions(ctx context.Context) (actions []jobspec.Action, faulty []error, err error) {
	namespaces := slices.Compact([]string{c.kube.Namespace, jobspec.PresetsNamespace})
	found := make([]*corev1.ConfigMap, len(namespaces))
	problems := make([]error, len(namespaces))
	var group sync.WaitGroup
	for i, namespace := range namespaces {
		group.Go(func() { found[i], problems[i] = c.configMap(ctx, namespace, jobspec.ActionsConfigMap) })
	}
	group.Wait()
	for i, configMap := range found {
		if problems[i] != nil {
			return nil, nil, problems[i]
		}
		if configMap != nil {
			actions, faulty = jobspec.ReadActions(configMap, c.kube.Namespace)
			return actions, faulty, nil
		}
	}
	return jobspec.BuiltinActions(), nil, nil
}
