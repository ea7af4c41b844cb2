package kube

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCheckNotBeingDeleted(t *testing.T) {
	now := metav1.Now()
	for name, test := range map[string]struct {
		object metav1.ObjectMeta
		want   string // empty for no error
	}{
		"alive":               {metav1.ObjectMeta{Finalizers: []string{"example.com/hold"}}, ""},
		"in its grace period": {metav1.ObjectMeta{DeletionTimestamp: &now}, "is being deleted"},
		"held by one":         {metav1.ObjectMeta{DeletionTimestamp: &now, Finalizers: []string{"a/b"}}, "is being deleted; held by finalizer a/b"},
		"held by more than one": {metav1.ObjectMeta{DeletionTimestamp: &now, Finalizers: []string{"a/b", "c/d"}},
			"is being deleted; held by finalizers a/b, c/d"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := CheckNotBeingDeleted(&test.object); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
