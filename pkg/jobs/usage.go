package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// ErrNoMetrics says that the cluster does not measure what its pods use.
var ErrNoMetrics = errors.New("the cluster does not measure what jobs use: it has no metrics API; ask an administrator to install metrics-server")

// metricsVersion is the API of metrics-server (k8s.io/metrics). Its types are not imported, for the size
// of the binaries.
var metricsVersion = schema.GroupVersion{Group: "metrics.k8s.io", Version: "v1beta1"}

// Usage is what the container of a job's pod used lately, as the cluster has measured it.
type Usage struct {
	Pod       string
	Resources corev1.ResourceList
}

// podMetrics is what is used of a PodMetricsList.
type podMetrics struct {
	Items []struct {
		Metadata   metav1.ObjectMeta
		Containers []struct {
			Name  string
			Usage corev1.ResourceList
		}
	}
}

// Usages reads what the pods of the namespace's jobs use. Pods that have just started are not there:
// their first measurement takes up to a minute. It returns ErrNoMetrics where nothing is measured.
func (c *Client) Usages(ctx context.Context) ([]Usage, error) {
	api, err := c.kube.REST(metricsVersion, kube.NewScheme(metricsVersion))
	if err != nil {
		return nil, err
	}
	options := &metav1.ListOptions{LabelSelector: jobSelector}
	body, err := api.Get().Namespace(c.kube.Namespace).Resource(podsResource).VersionedParams(options, metav1.ParameterCodec).
		SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if apierrors.IsForbidden(err) {
		// Whether the user can read it is asked before whether it is there; the list of what is there is for everybody.
		if _, thereErr := api.Get().AbsPath("/apis/" + metricsVersion.String()).Do(ctx).Raw(); apierrors.IsNotFound(thereErr) {
			return nil, ErrNoMetrics
		}
		return nil, fmt.Errorf("forbidden: you lack permission to list pods.metrics.k8s.io in namespace %q; ask an administrator for that right", c.kube.Namespace)
	}
	if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
		return nil, ErrNoMetrics
	}
	if err != nil {
		return nil, c.explain(err, "list", "pods.metrics.k8s.io", "")
	}
	list, err := withDecodeTimeout(ctx, c.kube.RequestTimeout(), func() (list podMetrics, err error) {
		err = json.Unmarshal(body, &list)
		return list, err
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("the metrics API answers with what can't be read: %w", err)
	}
	usages := make([]Usage, 0, len(list.Items))
	for _, item := range list.Items {
		for _, container := range item.Containers {
			if container.Name == jobspec.ContainerName {
				usages = append(usages, Usage{Pod: item.Metadata.Name, Resources: container.Usage})
			}
		}
	}
	return usages, nil
}
