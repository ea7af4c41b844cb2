package suggest

import "testing"

func TestTo(t *testing.T) {
	commands := []string{"acl", "console", "job", "run", "secret", "share"}
	for typed, want := range map[string]string{
		"secrets": "secret", "secert": "secret", "scret": "secret", "shre": "share",
		"rnu": "run", "jobs": "job", "consol": "console",
		"rn": "", "foo": "", "ob": "", "x": "", "": "", "nonsense": "", "kubectl": "",
	} {
		if got := Command(typed, commands); got != want {
			t.Errorf("Command(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestToWhatOtherToolsSay(t *testing.T) {
	secret := []string{"add", "get", "ls", "list", "rm", "cp", "mv", "edit"}
	job := []string{"ls", "list", "ps", "status", "kill", "rm", "logs"}
	acl := []string{"grant", "revoke", "ls", "list"}
	for _, test := range []struct {
		typed      string
		candidates []string
		want       string
	}{
		{"delete", secret, "rm"}, {"delete", job, "rm"}, {"remove", acl, "revoke"}, {"stop", job, "kill"},
		{"create", secret, "add"}, {"add", acl, "grant"}, {"show", secret, "get"}, {"describe", job, "status"},
		{"rename", secret, "mv"}, {"copy", job, ""}, {"addd", secret, "add"},
	} {
		if got := Command(test.typed, test.candidates); got != test.want {
			t.Errorf("Command(%q, %q) = %q, want %q", test.typed, test.candidates, got, test.want)
		}
	}
}
