package jobspec

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// environment is a Lookup for tests.
func environment(name string) (string, bool) {
	value, ok := map[string]string{"HOME": "/home/alice", "EMPTY": "", "INDIRECT": "secret:token"}[name]
	return value, ok
}

func TestParseVariable(t *testing.T) {
	secret := func(cluster, namespace, key string) *uri.Secret {
		return &uri.Secret{Cluster: cluster, Namespace: namespace, Key: key}
	}
	for _, test := range []struct {
		in   string
		want Variable
		err  string // a part of the error
	}{
		{in: "A=b", want: Variable{Name: "A", Value: "b"}},
		{in: "A=", want: Variable{Name: "A"}},
		{in: "A=b=c=", want: Variable{Name: "A", Value: "b=c="}},
		{in: "A= b ", want: Variable{Name: "A", Value: " b "}},
		{in: "A=line\nline", want: Variable{Name: "A", Value: "line\nline"}},
		{in: "A=p@$$w0rd $(HOME)", want: Variable{Name: "A", Value: "p@$$w0rd $(HOME)"}},
		{in: "HOME", want: Variable{Name: "HOME", Value: "/home/alice"}},
		{in: "EMPTY", want: Variable{Name: "EMPTY"}},
		{in: "INDIRECT", want: Variable{Name: "INDIRECT", Secret: secret("", "", "token")}},
		{in: "A=secret:key", want: Variable{Name: "A", Secret: secret("", "", "key")}},
		{in: "A=secret:/alice/key", want: Variable{Name: "A", Secret: secret("", "alice", "key")}},
		{in: "A=secret://arn:aws/x/alice/key", want: Variable{Name: "A", Secret: secret("arn:aws/x", "alice", "key")}},
		{in: "a-b.c=d", want: Variable{Name: "a-b.c", Value: "d"}},
		{in: "A=secrets", want: Variable{Name: "A", Value: "secrets"}},
		{in: "MISSING", err: "is not set here"},
		{in: "", err: "invalid name of a variable"},
		{in: "=p@ss", err: "invalid name of a variable"},
		{in: "Ä=b", err: "invalid name of a variable"},
		{in: "A\tB=c", err: "invalid name of a variable"},
		{in: "1TOKEN=b", want: Variable{Name: "1TOKEN", Value: "b"}},
		{in: "ConnectionStrings:Default=b", want: Variable{Name: "ConnectionStrings:Default", Value: "b"}},
		{in: "A B=c", want: Variable{Name: "A B", Value: "c"}},
		{in: "A=secret:", err: "variable A: the value begins with \"secret:\""},
		{in: "A=secret:/alice", err: "not the URI of a secret"},
		{in: "A=\xff", err: "is not UTF-8"},
		{in: "A=a\x00b", err: "zero byte"},
	} {
		got, err := ParseVariable(test.in, environment)
		if !matches(err, test.err) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("ParseVariable(%q) = %+v, %v; want %+v, error %q", test.in, got, err, test.want, test.err)
		}
	}
}

// matches reports whether an error has the text, or is nil where there is to be none.
func matches(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}

func TestParseVariables(t *testing.T) {
	file := "\ufeff# settings\r\n" +
		"\r\n" +
		"  A=1\r\n" +
		"QUOTED=\"a b\"\n" +
		"DOLLAR=$HOME ${HOME} $$ $(HOME)\n" +
		"HASH=a #b\n" +
		"TRAIL=x  \n" +
		"\t# more\n" +
		"HOME\n" +
		"S=secret:db-password\n" +
		"LAST=no line end"
	want := []Variable{
		{Name: "A", Value: "1"},
		{Name: "QUOTED", Value: `"a b"`},
		{Name: "DOLLAR", Value: "$HOME ${HOME} $$ $(HOME)"},
		{Name: "HASH", Value: "a #b"},
		{Name: "TRAIL", Value: "x  "},
		{Name: "HOME", Value: "/home/alice"},
		{Name: "S", Secret: &uri.Secret{Key: "db-password"}},
		{Name: "LAST", Value: "no line end"},
	}
	got, err := ParseVariables([]byte(file), environment)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}

	for file, text := range map[string]string{
		"A=1\nZm9v\n":                     "line 2: neither NAME=VALUE, nor the NAME of a variable that is set here",
		"export A=1":                      "line 1: invalid name of a variable",
		"KEY=-----BEGIN\nc2VjcmV0 Zm9v\n": "line 2: neither NAME=VALUE",
		"A = 1":                           "line 1: invalid name of a variable",
		"A=secret:..":                     "line 1: variable A",
	} {
		_, err := ParseVariables([]byte(file), environment)
		if !matches(err, text) {
			t.Errorf("ParseVariables(%q): %v; want %q", file, err, text)
		}
		if err != nil && strings.Contains(err.Error(), "Zm9v") {
			t.Errorf("the error quotes what may be a value: %v", err)
		}
	}

	long := "A=" + strings.Repeat("x", 1<<20)
	if got, err := ParseVariables([]byte(long), environment); err != nil || len(got[0].Value) != 1<<20 {
		t.Errorf("a line of 1 MiB: %v", err)
	}
}

func TestLastWins(t *testing.T) {
	got := lastWins([]Variable{{Name: "A", Value: "file"}, {Name: "B", Value: "b"}, {Name: "A", Value: "flag"}})
	want := []Variable{{Name: "B", Value: "b"}, {Name: "A", Value: "flag"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// expand is what Kubernetes does with a variable's value, with command and args: written after the
// documentation of Container.Args, for a pod in which every variable is set.
func expand(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		end := strings.IndexByte(s[i:], ')')
		switch {
		case s[i+1] == '$':
			b.WriteByte('$')
			i++
		case s[i+1] == '(' && end > 0:
			b.WriteString("EXPANDED")
			i += end
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}

func TestVerbatim(t *testing.T) {
	for _, s := range []string{"", "$", "$$", "$$$", "$(HOME)", "$$(HOME)", "$$$(HOME)", "echo $HOME $$ p@$$w0rd $(HOME) $", "${x}$(", "$)"} {
		if got := expand(verbatim(s)); got != s {
			t.Errorf("%q arrives as %q (sent as %q)", s, got, verbatim(s))
		}
	}
	if got := verbatim("echo $HOME"); got != "echo $HOME" {
		t.Errorf("a lone $ became %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.RuneFrom([]rune("$()aé"))).Draw(t, "s")
		if got := expand(verbatim(s)); got != s {
			t.Fatalf("%q arrives as %q", s, got)
		}
	})
}

func FuzzParseVariable(f *testing.F) {
	for _, seed := range []string{"A=b", "A", "A=secret:key", "A=secret://c:1/x/n/k", "=", "A=\x00", "A=$$(B)", "A=secret:\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVariable(s, environment)
		if err != nil {
			return
		}
		name, value, given := strings.Cut(s, "=")
		if v.Name != name {
			t.Errorf("%q has the name %q", s, v.Name)
		}
		if v.Secret == nil && given && (v.Value != value || expand(verbatim(v.Value)) != value) {
			t.Errorf("%q has the value %q", s, v.Value)
		}
		if v.Secret != nil && given && v.Secret.String() != value {
			t.Errorf("%q is the secret %s", s, v.Secret)
		}
	})
}

func FuzzParseVariables(f *testing.F) {
	for _, seed := range []string{"A=b\nC=d", "\ufeffA=b\r\n", "# a\n\n  A=b", "A", "A=\"b\"\n", "\n\n=", "A=secret:k\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		variables, err := ParseVariables([]byte(s), environment)
		if err != nil {
			return
		}
		// What was read can be written as a file that means the same.
		var b strings.Builder
		for _, v := range variables {
			value := v.Value
			if v.Secret != nil {
				value = v.Secret.String()
			}
			b.WriteString(v.Name + "=" + value + "\r\n")
		}
		again, err := ParseVariables([]byte(b.String()), environment)
		if err != nil || !reflect.DeepEqual(again, variables) {
			t.Errorf("%q is read as %+v, and that as %+v, %v", s, variables, again, err)
		}
	})
}
