package uri

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Secret{
		"secret:wandb-token":                     {Key: "wandb-token"},
		"secret:MY_KEY":                          {Key: "MY_KEY"},
		"secret:.netrc":                          {Key: ".netrc"},
		"secret:a..b":                            {Key: "a..b"},
		"secret:" + strings.Repeat("k", 253):     {Key: strings.Repeat("k", 253)},
		"secret:/alice/wandb-token":              {Namespace: "alice", Key: "wandb-token"},
		"secret://default/alice/secret-password": {Cluster: "default", Namespace: "alice", Key: "secret-password"},
		"secret://arn:aws:eks:eu-west-1:1:cluster/prod/alice/k": {
			Cluster: "arn:aws:eks:eu-west-1:1:cluster/prod", Namespace: "alice", Key: "k"},
		// A path that climbs names a cluster that no kubeconfig has; it is never resolved.
		"secret://other/x/../alice/k": {Cluster: "other/x/..", Namespace: "alice", Key: "k"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if err == nil && got.String() != text {
			t.Errorf("Parse(%q).String() = %q", text, got.String())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                                   "must begin with",
		"wandb-token":                        "must begin with",
		"disk:data":                          "must begin with",
		"Secret:key":                         "must begin with",
		"secret:":                            "empty",
		"secret:.":                           "can't be a key",
		"secret:..":                          "can't be a key",
		"secret:..data":                      "can't be a key",
		"secret:a b":                         "can't be a key",
		"secret:ключ":                        "can't be a key",
		"secret:a%2Fb":                       "can't be a key",
		"secret:key:/path":                   "can't be a key",
		"secret:a/b":                         "can't be a key",
		"secret:/alice":                      "not complete",
		"secret:/alice/":                     "not complete",
		"secret:/a/b/c":                      "not the name of a namespace",
		"secret:/Alice/key":                  "not the name of a namespace",
		"secret:/../key":                     "not the name of a namespace",
		"secret:/аlice/key":                  "not the name of a namespace", // a Cyrillic а
		"secret://alice/key":                 "not complete",
		"secret:///alice/key":                "not complete",
		"secret://default/alice/":            "not complete",
		"secret://default/a\x00ce/key":       "not the name of a namespace",
		"secret://default/alice/..":          "can't be a key",
		"secret:" + strings.Repeat("k", 254): "254 characters",
	} {
		got, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Parse(%q) = %+v, %v; want an error with %q", text, got, err, why)
		}
	}
}

func TestParseKeyOrURI(t *testing.T) {
	for text, want := range map[string]Secret{
		"wandb-token":       {Key: "wandb-token"},
		"secret:/alice/key": {Namespace: "alice", Key: "key"},
	} {
		if got, err := ParseKeyOrURI(text); err != nil || got != want {
			t.Errorf("ParseKeyOrURI(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a/b", "secret:", "../x"} {
		if got, err := ParseKeyOrURI(text); err == nil {
			t.Errorf("ParseKeyOrURI(%q) = %+v, want an error", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"secret:key", "secret:/ns/key", "secret://c/ns/key", "secret://a/b/c/d", "secret:///", "secret:/./.", "secret:%2e%2e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		if parsed.String() != text {
			t.Errorf("Parse(%q) names something else: %q", text, parsed.String())
		}
		if ValidateKey(parsed.Key) != nil || strings.ContainsAny(parsed.Key+parsed.Namespace, "/%\\\x00") {
			t.Errorf("Parse(%q) = %+v lets a path through", text, parsed)
		}
	})
}
