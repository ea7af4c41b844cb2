package secrets

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
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
		if !strings.HasPrefix(got, slug) || len(got) != len(slug)+hashLength {
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
