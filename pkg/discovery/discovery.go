// Package discovery lets everybody list the namespaces of a cluster, where its administrator wants that.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// name is that of both objects that let everybody list namespaces.
const name = "apolo:discovery"

// Role lets who has it list namespaces, and nothing else.
func Role() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list"}}},
	}
}

// Binding gives it to every user and service account that the cluster knows.
func Binding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
}

// Enable creates both objects and reports whether anything was missing.
func Enable(ctx context.Context, client *kube.Client) (changed bool, err error) {
	version := rbacv1.SchemeGroupVersion
	api, err := client.REST(version, kube.NewScheme(version, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}))
	if err != nil {
		return false, err
	}
	created := func(err error, resource string) error {
		if err == nil {
			changed = true
		}
		if apierrors.IsAlreadyExists(err) && !strings.HasPrefix(err.Error(), "object is being deleted: ") {
			return nil
		}
		return client.Explain(err, kube.Request{Verb: "create", Resource: resource})
	}
	if err := created(api.Post().Resource("clusterroles").Body(Role()).Do(ctx).Error(), "clusterroles"); err != nil {
		return changed, err
	}
	err = created(api.Post().Resource("clusterrolebindings").Body(Binding()).Do(ctx).Error(), "clusterrolebindings")
	return changed, err
}

// Disable removes both objects, the binding first, and reports whether any was there.
func Disable(ctx context.Context, client *kube.Client) (changed bool, err error) {
	api, err := client.REST(rbacv1.SchemeGroupVersion, kube.NewScheme(rbacv1.SchemeGroupVersion))
	if err != nil {
		return false, err
	}
	for _, resource := range []string{"clusterrolebindings", "clusterroles"} {
		err := kube.Delete(ctx, api.Delete().Resource(resource).Name(name), &metav1.DeleteOptions{})
		if err == nil {
			changed = true
		}
		if held := (*kube.BeingDeletedError)(nil); errors.As(err, &held) {
			return changed, fmt.Errorf("%s %s %w", resource, name, held)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return changed, client.Explain(err, kube.Request{Verb: "delete", Resource: resource, Name: name})
		}
	}
	return changed, nil
}
