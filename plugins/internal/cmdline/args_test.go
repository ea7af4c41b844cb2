package cmdline

import (
	"errors"
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
)

func testApp() *cli.App {
	common := func() []cli.Flag {
		return []cli.Flag{&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}}, &cli.IntFlag{Name: "v"}}
	}
	return &cli.App{
		Flags: common(),
		Commands: []*cli.Command{{
			Name:    "ls",
			Aliases: []string{"list"},
			Flags: append(common(),
				&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
				&cli.BoolFlag{Name: "all", Aliases: []string{"A"}},
				&cli.GenericFlag{Name: "env", Aliases: []string{"e"}, Value: &Strings{}}),
		}},
	}
}

func TestArrangePutsFlagsFirst(t *testing.T) {
	for name, test := range map[string]struct {
		typed []string
		want  []string
		dash  int
	}{
		"nothing":                         {nil, []string{"--"}, -1},
		"flag after an argument":          {[]string{"ls", "key", "-n", "team"}, []string{"ls", "-namespace=team", "--", "key"}, -1},
		"flag before the command":         {[]string{"-n", "team", "ls", "key"}, []string{"ls", "-namespace=team", "--", "key"}, -1},
		"alias of a command":              {[]string{"list", "-q"}, []string{"list", "-quiet", "--"}, -1},
		"long flag with =":                {[]string{"ls", "--namespace=team"}, []string{"ls", "-namespace=team", "--"}, -1},
		"long flag, value apart":          {[]string{"ls", "--namespace", "team"}, []string{"ls", "-namespace=team", "--"}, -1},
		"value that looks like a flag":    {[]string{"ls", "-e", "-x=1"}, []string{"ls", "-env=-x=1", "--"}, -1},
		"value joined to a short flag":    {[]string{"ls", "-nteam", "-v=10", "-v9"}, []string{"ls", "-namespace=team", "-v=10", "-v=9", "--"}, -1},
		"two names of one flag":           {[]string{"ls", "-e=a", "--env=b"}, []string{"ls", "-env=a", "-env=b", "--"}, -1},
		"short flags joined":              {[]string{"ls", "-qA"}, []string{"ls", "-quiet", "-all", "--"}, -1},
		"short flags joined, last valued": {[]string{"ls", "-qn", "team"}, []string{"ls", "-quiet", "-namespace=team", "--"}, -1},
		"a lone dash is an argument":      {[]string{"ls", "-", "-q"}, []string{"ls", "-quiet", "--", "-"}, -1},
		"an empty argument":               {[]string{"ls", "", "-q"}, []string{"ls", "-quiet", "--", ""}, -1},
		"everything after --":             {[]string{"ls", "a", "--", "-q", "--", "ls"}, []string{"ls", "--", "a", "-q", "--", "ls"}, 1},
		"-- before all arguments":         {[]string{"ls", "--", "-n"}, []string{"ls", "--", "-n"}, 0},
		"a command's name as argument":    {[]string{"ls", "list"}, []string{"ls", "--", "list"}, -1},
		"unknown command":                 {[]string{"sl", "-n", "x"}, []string{"-namespace=x", "--", "sl"}, -1},
		"help":                            {[]string{"ls", "key", "--help"}, []string{"ls", "-help", "--", "key"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := normalizeArgs(testApp(), append([]string{"apolo"}, test.typed...))
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]string{"apolo"}, test.want...); !slices.Equal(got.args, want) {
				t.Errorf("normalizedArgs %q\n     got %q\n    want %q", test.typed, got.args, want)
			}
			if got.dash != test.dash {
				t.Errorf("dash = %d, want %d", got.dash, test.dash)
			}
		})
	}
}

func TestArrangeRefuses(t *testing.T) {
	for name, typed := range map[string][]string{
		"unknown long flag":          {"ls", "--nope"},
		"unknown short flag":         {"ls", "-x"},
		"unknown among joined flags": {"ls", "-qx"},
		"missing value":              {"ls", "-n"},
		"missing value, long":        {"ls", "--namespace"},
		"short name with two dashes": {"ls", "--n=team"},
		"a command's flag before it": {"-q", "ls"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := normalizeArgs(testApp(), append([]string{"apolo"}, typed...))
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Errorf("normalizeArgs(%q) = %q, %v; want a usage error", typed, got.args, err)
			}
		})
	}
}

func FuzzArrange(f *testing.F) {
	f.Add("ls", "-n", "team", "--", "-q")
	f.Add("-nteam", "ls", "-qA", "key", "--env=a=b")
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		typed := []string{"apolo", a, b, c, d, e}
		got, err := normalizeArgs(testApp(), typed)
		if err != nil {
			return
		}
		// What comes after "--" must arrive untouched, whatever stands before it.
		if i := slices.Index(typed[1:], "--"); i >= 0 && got.dash >= 0 {
			if rest := typed[i+2:]; !slices.Equal(got.args[len(got.args)-len(rest):], rest) {
				t.Errorf("normalizeArgs(%q) = %q loses what is after --", typed, got.args)
			}
		}
	})
}
