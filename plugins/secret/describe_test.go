package secret

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/verbtest"
)

// storedBy has one entry of managedFields for each program, an hour after the other.
func storedBy(fields ...string) func(metav1.Object) {
	return func(object metav1.Object) {
		object.SetUID("0123abcd-0000")
		object.SetCreationTimestamp(metav1.NewTime(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)))
		var entries []metav1.ManagedFieldsEntry
		for i, field := range fields {
			at := metav1.NewTime(time.Date(2026, 1, 31, 12+i, 0, 0, 0, time.UTC))
			entries = append(entries, metav1.ManagedFieldsEntry{Manager: "program-" + string(rune('a'+i)), Operation: "Update", APIVersion: "v1", Time: &at,
				FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(field)})
		}
		object.SetManagedFields(entries)
	}
}

func TestDescribeVerb(t *testing.T) {
	const value, other = `{"f:data":{".":{},"f:key":{}}}`, `{"f:metadata":{"f:ownerReferences":{}}}`
	shared := []runtime.Object{
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "apolo:secret:key:read:0123abcd"},
			Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"key"}}}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "apolo:secret:key:read:0123abcd"}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "bob"}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "apolo:secret:key:read:0123abcd"}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "reader"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "busybox:1",
			EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "key"}}}}}}}},
	}
	with := func(more []runtime.Object, object runtime.Object) []runtime.Object {
		return append([]runtime.Object{object}, more...)
	}
	const jsonpath = "describe key -o jsonpath='{.stored} {.storedBy} {.ends} {.sharedWith[*].grantee} {.usedBy} {.unseen}'"
	verbs().Run(t, []verbtest.Case{
		{Name: "for programs", Command: jsonpath, Objects: with(shared, own("key", "value", storedBy(value, other))), Stdout: `2026-01-31T12:00:00Z program-a  bob ["pod/reader"] `},
		{Name: "stored again", Command: jsonpath, Objects: []runtime.Object{own("key", "value", storedBy(other, value, other))}, Stdout: `2026-01-31T13:00:00Z program-b   [] `},
		{Name: "expires", Command: "describe key -o jsonpath='{.key} {.ends}'", Objects: []runtime.Object{own("key", "value", timed), timer()}, Stdout: "key 2050-01-31T13:00:00Z"},
		{Command: "describe key -o name", Objects: []runtime.Object{own("key", "value")}, Stdout: "secret/key"},
		{Command: "describe none", Code: 1, Stderr: `error: secret:none: does not exist in namespace "default"`},
		{Name: "unseen", Command: "describe key -o jsonpath='{.unseen[0]}'", Objects: []runtime.Object{own("key", "value", storedBy(value))},
			Server: func(s *kubetest.Server) { s.Forbid("list", "pods") },
			Stdout: `what uses it: forbidden: you lack permission to list pods in namespace "default"; ask an administrator for that right`},
	})
}
