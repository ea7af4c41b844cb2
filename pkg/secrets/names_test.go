package secrets

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

func TestObjectName(t *testing.T) {
	for key, want := range map[string]string{
		"wandb-token":            "wandb-token",
		"a.b":                    "a.b",
		strings.Repeat("k", 253): strings.Repeat("k", 253),
	} {
		if got := ObjectName(key); got != want {
			t.Errorf("ObjectName(%q) = %q, want the key itself", key, got)
		}
	}
	for key, slug := range map[string]string{
		"MY_KEY":                 "my-key-",
		".netrc":                 "netrc-",
		"a..b":                   "a--b-",
		"_":                      "key-",
		strings.Repeat("K", 253): strings.Repeat("k", 220) + "-",
	} {
		got := ObjectName(key)
		if !strings.HasPrefix(got, slug) || len(got) != len(slug)+wellknown.HashLength {
			t.Errorf("ObjectName(%q) = %q, want %s and a hash", key, got, slug)
		}
	}
}

func TestObjectNameTellsKeysApart(t *testing.T) {
	keys := []string{"my_key", "MY_KEY", "My_Key", "my-key", "my.key", "my..key", "_", "-", "--", "__", "_.", ".netrc", "netrc", strings.Repeat("K", 252) + "a", strings.Repeat("K", 252) + "b"}
	seen := map[string]string{}
	for _, key := range keys {
		name := ObjectName(key)
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %q", key, other, name)
		}
		seen[name] = key
	}
}

func FuzzObjectName(f *testing.F) {
	f.Add("MY_KEY")
	f.Add(".a..b-")
	f.Fuzz(func(t *testing.T, key string) {
		if Validate(key, nil) != nil {
			return
		}
		if name := ObjectName(key); len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Errorf("ObjectName(%q) = %q, which Kubernetes refuses", key, name)
		}
	})
}

func TestKeyOf(t *testing.T) {
	for name, test := range map[string]struct{ object, annotation, want string }{
		"as it was stored":              {"key", "key", "key"},
		"a key that is no name":         {ObjectName("MY_KEY"), "MY_KEY", "MY_KEY"},
		"without an annotation":         {"key", "", "key"},
		"pretending to be another":      {"key", "db-password", "key"},
		"pretending to be a hashed one": {"key", "MY_KEY", "key"},
		"with a line end":               {ObjectName("a\nb"), "a\nb", ObjectName("a\nb")},
		"with an escape sequence":       {ObjectName("\x1b[31m"), "\x1b[31m", ObjectName("\x1b[31m")},
	} {
		t.Run(name, func(t *testing.T) {
			object := &metav1.ObjectMeta{Name: test.object, Annotations: map[string]string{wellknown.AnnotationKey: test.annotation}}
			if got := keyOf(object); got != test.want {
				t.Errorf("keyOf = %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzKeyOf(f *testing.F) {
	f.Add("key", "other")
	f.Add("my-key-1", "MY_KEY")
	f.Fuzz(func(t *testing.T, object, annotation string) {
		for _, name := range []string{object, ObjectName(annotation)} {
			key := keyOf(&metav1.ObjectMeta{Name: name, Annotations: map[string]string{wellknown.AnnotationKey: annotation}})
			if key != name && (Validate(key, nil) != nil || ObjectName(key) != name) {
				t.Errorf("the Secret %q with the annotation %q passes for %q", name, annotation, key)
			}
		}
	})
}
