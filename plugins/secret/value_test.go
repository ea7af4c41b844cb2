package secret

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// typing is a session with that standard input.
func typing(in io.Reader) *cmdline.Session {
	return &cmdline.Session{IOStreams: genericiooptions.IOStreams{In: in}}
}

func TestReadValue(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("HOME", folder)
	binary := "a\x00b\xff\r\n\n"
	if err := os.WriteFile(filepath.Join(folder, "binary"), []byte(binary), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ arg, in, want string }{
		"text":                     {"p@$$w0rd123", "", "p@$$w0rd123"},
		"empty text":               {"", "ignored", ""},
		"text with a line end":     {"line\n", "", "line\n"},
		"text that begins with @":  {`\@handle`, "", "@handle"},
		"other backslashes stay":   {`\n\@`, "", `\n\@`},
		"file":                     {"@" + filepath.Join(folder, "binary"), "", binary},
		"file at home":             {"@~/binary", "", binary},
		"standard input as it is":  {"@-", binary, binary},
		"one typed line":           {"-", "one\n", "one"},
		"one typed line, CRLF":     {"-", "one\r\n", "one"},
		"one line without its end": {"-", "one", "one"},
		"two lines":                {"-", "one\ntwo\n", "one\ntwo\n"},
		"two lines, CRLF":          {"-", "one\r\ntwo\r\n", "one\r\ntwo\r\n"},
		"an empty line after one":  {"-", "one\n\n", "one\n\n"},
		"a lone carriage return":   {"-", "one\r", "one\r"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readValue(typing(strings.NewReader(test.in)), test.arg)
			if err != nil || string(got) != test.want {
				t.Errorf("readValue(%q) of %q = %q, %v; want %q", test.arg, test.in, got, err, test.want)
			}
		})
	}
}

// An empty value is written ”: from a program it is one that has failed.
func TestReadValueRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ arg, in, want string }{
		"nothing as it is": {"@-", "", "standard input: it is empty"},
		"nothing as typed": {"-", "", "standard input: it is empty"},
		"only a line end":  {"-", "\n", "standard input: it is empty"},
		"no regular file":  {"@/dev/null", "", "@: it is empty"},
		"no file":          {"@canary-value", "", "cannot read the file of @: no such file or directory; a text that begins"},
		"a key as a path":  {"@-----BEGIN KEY\ncanary-value\n", "", "cannot read the file of @: "},
		"a path too long":  {"@" + strings.Repeat("canary", 1000), "", "cannot read the file of @: "},
		"a folder":         {"@" + folder, "", "cannot read the file " + folder},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readValue(typing(strings.NewReader(test.in)), test.arg)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("readValue(%q): %v; want %q", test.arg, err, test.want)
			}
		})
	}
	if got, err := readValue(typing(nil), "@"+filepath.Join(folder, "empty")); err != nil || len(got) != 0 {
		t.Errorf("an empty file is %q, %v", got, err)
	}
}

func FuzzReadValue(f *testing.F) {
	f.Add("-", []byte("one\n"))
	f.Add("@-", []byte("a\x00\xff\r\n"))
	f.Add(`\@x`, []byte(nil))
	f.Fuzz(func(t *testing.T, arg string, in []byte) {
		if strings.HasPrefix(arg, "@") && arg != "@-" {
			return // reads files
		}
		got, err := readValue(typing(bytes.NewReader(in)), arg)
		if err != nil {
			return
		}
		switch {
		case arg == "@-" && !bytes.Equal(got, in):
			t.Errorf("@- changed %q to %q", in, got)
		case arg == "-" && !bytes.Equal(got, in) && strings.TrimSuffix(strings.TrimSuffix(string(in), "\n"), "\r") != string(got):
			t.Errorf("- changed %q to %q", in, got)
		case arg == "-" && bytes.Count(in, []byte("\n")) > 1 && !bytes.Equal(got, in):
			t.Errorf("- changed the lines %q to %q", in, got)
		}
	})
}

func TestShowable(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "text": true, "two\nlines\twith tab\n": true, "ключ 日本": true,
		"\x1b[31m": false, "a\x00b": false, "\xff": false, "over\rwritten": false, "\u202e": false,
	} {
		if got := showable([]byte(value)); got != want {
			t.Errorf("showable(%q) = %v, want %v", value, got, want)
		}
	}
}
