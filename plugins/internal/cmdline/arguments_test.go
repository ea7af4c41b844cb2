package cmdline_test

import (
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

func TestCheckArgs(t *testing.T) {
	for _, c := range []struct{ names, args, want string }{
		{"", "", ""},
		{"", "a b", "takes no arguments, received 2"},
		{"KEY", "a", ""},
		{"KEY", "", "accepts 1 arg (KEY), received 0"},
		{"KEY", "a b", "accepts 1 arg (KEY), received 2"},
		{"URI USER [LEVEL]", "a b", ""},
		{"URI USER [LEVEL]", "a b c", ""},
		{"URI USER [LEVEL]", "a", "accepts 2 or 3 args (URI USER [LEVEL]), received 1"},
		{"URI USER [LEVEL]", "a b c d", "accepts 2 or 3 args (URI USER [LEVEL]), received 4"},
		{"[URI]", "", ""},
		{"[URI]", "a b", "accepts at most 1 arg ([URI]), received 2"},
		{"JOB USER...", "a b c d", ""},
		{"JOB USER...", "a", "accepts at least 2 args (JOB USER...), received 1"},
		{"JOB [PORT...]", "", "accepts at least 1 arg (JOB [PORT...]), received 0"},
		{"[JOB...]", "", ""},
		{"[JOB...]", "a b c", ""},
	} {
		err := cmdline.CheckArgs(strings.Fields(c.args), strings.Fields(c.names)...)
		if got := text(err); got != c.want {
			t.Errorf("%s with %q: %q, want %q", c.names, c.args, got, c.want)
		}
	}
}

func TestCheckOneOf(t *testing.T) {
	if err := cmdline.CheckOneOf("--dry-run", "client", "client", "server"); err != nil {
		t.Error(err)
	}
	want := `invalid --dry-run "yes": must be one of client, server`
	if got := text(cmdline.CheckOneOf("--dry-run", "yes", "client", "server")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
