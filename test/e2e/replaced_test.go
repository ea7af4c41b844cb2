package e2e

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
)

// TestReplaced: where the API server refuses a request because of a UID, the object that was meant is gone. A conflict
// with another writer says nothing of the kind.
func TestReplaced(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
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

// TestNewerRoleRemains: a Role that was made again since it was seen is not removed, and neither is its binding; it is named
// as one that still gives access.
func TestNewerRoleRemains(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	if _, err := p.granter.Grant(t.Context(), bystander, grantee.Grantee{Kind: grantee.User, Name: "bob"}, grants.Read); err != nil {
		t.Fatal(err)
	}
	secret := p.find(t, secretResource, p.namespace, bystander)
	name := secretroles.NewName(bystander, secret.GetUID(), "read").String()
	seen := secretroles.Role{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "another"}}
	client, err := kube.NewClient(&kube.Options{Kubeconfig: p.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := secretroles.NewClient(client, p.namespace)
	if err != nil {
		t.Fatal(err)
	}
	remaining, err := roles.Remove(t.Context(), []secretroles.Role{seen})
	if err != nil || len(remaining) != 1 {
		t.Fatalf("remaining: %v (%v)", remaining, err)
	}
	if text := secretroles.RemainingWarning("secret:"+bystander, remaining); !strings.Contains(text, name+" (was made again by somebody else in the meantime)") {
		t.Error(text)
	}
	if p.find(t, roleResource, p.namespace, name) == nil || p.find(t, bindingResource, p.namespace, name) == nil {
		t.Error("the newer Role, or its binding, is gone")
	}
}
