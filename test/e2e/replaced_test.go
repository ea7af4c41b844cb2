package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// TestReplaced: where the API server refuses a request because of a UID, the object that was meant is gone. A conflict
// with another writer says nothing of the kind.
func TestReplaced(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, c := range map[string]struct {
		change func() error
		want   bool
	}{
		"delete with another UID": {func() error {
			return p.admin.Resource(secretResource).Namespace(p.namespace).Delete(t.Context(), bystander,
				metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("another"))}})
		}, true},
		"patch with another UID": {func() error {
			_, err := p.admin.Resource(secretResource).Namespace(p.namespace).Patch(t.Context(), bystander, types.MergePatchType,
				[]byte(`{"metadata": {"uid": "another", "labels": {"a": "b"}}}`), metav1.PatchOptions{})
			return err
		}, true},
		"delete with an old version": {func() error {
			return p.admin.Resource(secretResource).Namespace(p.namespace).Delete(t.Context(), bystander,
				metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: ptr.To("1")}})
		}, false},
		"patch with an old version": {func() error {
			_, err := p.admin.Resource(secretResource).Namespace(p.namespace).Patch(t.Context(), bystander, types.MergePatchType,
				[]byte(`{"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}`), metav1.PatchOptions{})
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.change(); err == nil || kube.IsReplaced(err) != c.want {
				t.Errorf("is replaced: %v, of %v", !c.want, err)
			}
		})
	}
}
