package cmdline

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

const testKey = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/==\nMzEfYyjiWA4R4/M2\n-----END PRIVATE KEY-----\n"

// Whatever an error quotes, it is no argument that may be a value.
func TestErrorsQuoteNoValue(t *testing.T) {
	for _, args := range [][]string{
		{"ls", testKey}, {"ls", "--", testKey}, {"ls", "-n", testKey}, {"ls", "--namespace=" + testKey}, {"ls", "-e" + testKey},
		{testKey}, {"ls", "x\n" + testKey}, {"ls", "--", "-hunter2-canary"}, {"ls", "-v", testKey}, {"ls", "-hunter2-canary"},
		{"ls", "--namespce=hunter2-canary"}, {"Hunter2-canary"},
	} {
		var out, errOut bytes.Buffer
		code := Run(context.Background(), append([]string{"apolo"}, args...), genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}, func(s *Session) *cli.App {
			var env Strings
			app := testApp()
			app.Flags = nil
			app.Commands[0].Flags = []cli.Flag{&cli.GenericFlag{Name: "env", Aliases: []string{"e"}, Value: &env}}
			app.Commands[0].Action = func(c *cli.Context) error {
				all := strings.Join(c.Args().Slice(), " ") + s.Kube.Overrides.Context.Namespace + strings.Join(env, " ")
				before, _, _ := strings.Cut(all, "=")
				return Usagef("%q and %s and %q and %q is wrong", all, all, before, strings.Split(all, "\n"))
			}
			return app
		})
		text := out.String() + errOut.String()
		if code != ExitUsage || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "error: ") {
			t.Errorf("%q: code %d, %q", args, code, text)
		}
		for _, secret := range []string{"BEGIN", "MIIEvQ", "MzEfYy", "unter2"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: %s", args, text)
			}
		}
	}
}

func TestConcealLeavesTheRest(t *testing.T) {
	for _, test := range []struct {
		text string
		args []string
		want string
	}{
		{`"-1s" is not a time`, []string{"-1s"}, `"-1s" is not a time`},
		{"job a failed", nil, "job a failed"},
		{"the job failed", []string{"set -e\njob\necho the job failed\n"}, "the job failed"},
		{`"-1234" is not a time`, []string{"-1234"}, `"***" is not a time`},
	} {
		if got := conceal(test.text, test.args); got != test.want {
			t.Errorf("%q without %q is %q, want %q", test.text, test.args, got, test.want)
		}
	}
}
