package kube

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestEachPage(t *testing.T) {
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		next  func(token string, n int) (string, error)
		pages int
		want  error
	}{
		"one page":     {func(string, int) (string, error) { return "", nil }, 1, nil},
		"three pages":  {func(_ string, n int) (string, error) { return []string{"a", "b", ""}[n], nil }, 3, nil},
		"an error":     {func(string, int) (string, error) { return "more", refused }, 1, refused},
		"the same":     {func(string, int) (string, error) { return "a", nil }, 2, ErrTooManyPages},
		"without end":  {func(_ string, n int) (string, error) { return fmt.Sprint(n), nil }, maxPages, ErrTooManyPages},
		"just as many": {func(_ string, n int) (string, error) { return []string{fmt.Sprint(n), ""}[(n+1)/maxPages], nil }, maxPages, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			err := EachPage(metav1.ListOptions{Limit: 5, LabelSelector: "a=b"}, func(o *metav1.ListOptions) (string, error) {
				if o.Limit != 5 || o.LabelSelector != "a=b" {
					t.Errorf("asked with %+v", o)
				}
				asked = append(asked, o.Continue)
				return test.next(o.Continue, len(asked)-1)
			})
			if !errors.Is(err, test.want) || len(asked) != test.pages || asked[0] != "" {
				t.Errorf("%d pages, error %v", len(asked), err)
			}
			if slices.Sort(asked); test.want == nil && len(slices.Compact(asked)) != test.pages {
				t.Errorf("asked for a page twice: %q", asked)
			}
		})
	}
}
