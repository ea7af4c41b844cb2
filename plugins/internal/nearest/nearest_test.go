package nearest

import "testing"

func TestTo(t *testing.T) {
	commands := []string{"acl", "console", "job", "run", "secret", "share"}
	for typed, want := range map[string]string{
		"secrets": "secret", "secert": "secret", "scret": "secret", "shre": "share",
		"rnu": "run", "jobs": "job", "consol": "console",
		"rn": "", "foo": "", "ob": "", "x": "", "": "", "nonsense": "", "kubectl": "",
	} {
		if got := To(typed, commands); got != want {
			t.Errorf("To(%q) = %q, want %q", typed, got, want)
		}
	}
}
