package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestEachErrorGetsALine(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"one":                          {a, []string{"a"}},
		"joined":                       {errors.Join(a, b), []string{"a", "b"}},
		"joined twice":                 {errors.Join(a, errors.Join(b, c)), []string{"a", "b", "c"}},
		"a sentence about two":         {fmt.Errorf("%w; its pods may run on: %w", a, b), []string{"a; its pods may run on: b"}},
		"a sentence among joined ones": {errors.Join(a, fmt.Errorf("%w: %w", b, c)), []string{"a", "b: c"}},
		"a sentence about joined ones": {fmt.Errorf("both failed: %w", errors.Join(a, b)), []string{"both failed: a\nb"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range each(test.err) {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
