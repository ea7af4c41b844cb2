package forward

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

func TestParsePairs(t *testing.T) {
	pairs, err := ParsePairs([]string{"8080:80", "0:80", ":81"})
	if err != nil || !slices.Equal(pairs, []remote.PortPair{{Local: 8080, Remote: 80}, {Remote: 80}, {Remote: 81}}) {
		t.Errorf("%v, %v", pairs, err)
	}
	for _, texts := range [][]string{{"x"}, {"8080:80", "8080:81"}} {
		var usage *cmdline.UsageError
		if _, err := ParsePairs(texts); !errors.As(err, &usage) {
			t.Errorf("of %v: %v", texts, err)
		}
	}
}

func TestBrowserCommand(t *testing.T) {
	const url = "http://localhost:1"
	for command, want := range map[string][]string{
		"firefox":                       {"firefox", url},
		"'/opt/my browser' --new %s -x": {"/opt/my browser", "--new", url, "-x"},
		"open --url=%s":                 {"open", "--url=" + url},
	} {
		if got, err := browserCommand(command, url); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s becomes %q, %v", command, got, err)
		}
	}
	for _, command := range []string{"  ", "'x"} {
		if got, err := browserCommand(command, url); err == nil || !strings.Contains(err.Error(), "BROWSER") {
			t.Errorf("%q becomes %q, %v", command, got, err)
		}
	}
}

func FuzzParsePairs(f *testing.F) {
	f.Add("8080:80", ":81")
	f.Fuzz(func(t *testing.T, a, b string) {
		pairs, err := ParsePairs([]string{a, b})
		if err == nil && (pairs[0].Remote == 0 || pairs[1].Remote == 0 || pairs[0].Local != 0 && pairs[0].Local == pairs[1].Local) {
			t.Errorf("%q and %q are %v", a, b, pairs)
		}
	})
}
