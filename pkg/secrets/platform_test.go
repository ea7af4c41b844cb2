package secrets

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The namespaces are what the platform's own function gives for these names.
func TestPlatformProject(t *testing.T) {
	for text, want := range map[string]struct{ namespace, object string }{
		"acme/research": {"platform--acme--research--675658fb9de01a0c65837311", "project--acme--research--secrets"},
		"alice":         {"platform--no-org--alice--6153dd7c2e5a462ae658f2af", "project--no-org--alice--secrets"},
		"NO_ORG/alice":  {"platform--no-org--alice--6153dd7c2e5a462ae658f2af", "project--no-org--alice--secrets"},
		"my-very-long-organization/my-also-very-long-project-name": {
			"platform--my-very-lon--my-also-very-l--00ceb52f81144021cd1b29d7",
			"project--my-very-long-organization--my-also-very-long-project-name--secrets"},
		"twelve-chars/twelve-charx": {"platform--twelve-chars--twelve-charx--4537a69719f05947d58a776b", "project--twelve-chars--twelve-charx--secrets"},
		"aaaaaaaaaaaaa/bbbbbbbbbbbb": {
			"platform--aaaaaaaaaaaaa--bbbbbbbbbbbb--edfcad3813f48a928155487f", "project--aaaaaaaaaaaaa--bbbbbbbbbbbb--secrets"},
		strings.Repeat("a", 37) + "/" + strings.Repeat("b", 14): {
			"platform--aaaaaaaaaaaaaaaaaa--bbbbbbb--2b4e32ddb719ef40dd43af70",
			"project--" + strings.Repeat("a", 37) + "--" + strings.Repeat("b", 14) + "--secrets"},
		"org/" + strings.Repeat("p", 60): {
			"platform--o--pppppppppppppppppppppppp--069c851d6fe9c5f989d11af2", "project--org--" + strings.Repeat("p", 60) + "--secrets"},
	} {
		got, err := ParsePlatformProject(text)
		if err != nil || got.Namespace() != want.namespace || got.Object() != want.object {
			t.Errorf("%q: %q in %q, %v; want %q in %q", text, got.Object(), got.Namespace(), err, want.object, want.namespace)
		}
	}
	for _, text := range []string{"", "/", "acme/", "/research", "Acme/research", "acme/research team", "a/../b", "acme/re%2fsearch", "o/" + strings.Repeat("p", 50)} {
		if got, err := ParsePlatformProject(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func FuzzPlatformProject(f *testing.F) {
	f.Add("acme/research")
	f.Add("a/b/c")
	f.Fuzz(func(t *testing.T, text string) {
		project, err := ParsePlatformProject(text)
		if err != nil {
			return
		}
		if namespace := project.Namespace(); len(validation.IsDNS1123Label(namespace)) > 0 {
			t.Errorf("%q is kept in the namespace %q", text, namespace)
		}
		if len(validation.IsDNS1123Subdomain(project.Object())) > 0 {
			t.Errorf("%q is kept in the Secret %q", text, project.Object())
		}
	})
}
