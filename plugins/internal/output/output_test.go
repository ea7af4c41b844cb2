package output

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// printed is what -o prints of a list with two items.
func printed(t testing.TB, format string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	o := New("wide", "name")
	o.typed = format
	if err := o.Validate(); err != nil {
		return "", err
	}
	if !o.IsObject() {
		return "", nil
	}
	err := o.Print(&out, map[string]any{"kind": "L", "apiVersion": "v1", "items": []any{
		map[string]any{"key": "a", "n": int64(137), "tags": []any{"x", "y"}, "canary": "p@ss"},
		map[string]any{"key": "b\x1b[31m"},
	}})
	return out.String(), err
}

func TestOutputFormats(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "template")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for format, want := range map[string]string{
		"jsonpath={.items[0].key} {.items[*].n}":                       "a 137",
		"jsonpath={.items[0].nothing}":                                 "",
		"jsonpath-file=" + file("{.kind}"):                             "L",
		"go-template={{range .items}}{{.n}};{{end}}":                   "137;<no value>;",
		"go-template-file=" + file("{{.kind}}={{len .items}}"):         "L=2",
		"custom-columns=KEY:.key,N:.n":                                 "KEY         N\na           137\nb\\x1b[31m   <none>\n",
		"custom-columns=T:.tags[*]":                                    "T\nx,y\n<none>\n",
		"custom-columns=T:{.tags}":                                     "T\n[x y]\n<none>\n",
		"custom-columns-file=" + file("KEY  MANY\n.key  {.tags[1]}\n"): "KEY         MANY\na           y\nb\\x1b[31m   <none>\n",
		"wide": "",
		"name": "",
	} {
		got, err := printed(t, format)
		if err != nil || got != want {
			t.Errorf("-o %s printed %q, %v; want %q", format, got, err, want)
		}
	}
}

func TestOutputRefusesBeforeAnythingIsDone(t *testing.T) {
	for format, want := range map[string]string{
		"table":                         `invalid output format "table": must be one of wide, name, json, yaml, go-template`,
		"json=x":                        `invalid output format "json=x": must be one of`,
		"jsonpath":                      "-o jsonpath needs a template: -o jsonpath=…",
		"custom-columns=":               "-o custom-columns needs a template",
		"jsonpath={.a":                  "-o jsonpath: unclosed action",
		"go-template={{.a":              "-o go-template: template: output:1: unclosed action",
		"go-template={{nofunc}}":        `function "nofunc" not defined`,
		"custom-columns=KEY":            `-o custom-columns: "KEY" is not HEADING:PATH`,
		"custom-columns=KEY:":           `"KEY:" is not HEADING:PATH`,
		"custom-columns=KEY:{.a":        `unexpected path "{.a"`,
		"custom-columns=KEY:.a[":        "-o custom-columns: unterminated array",
		"jsonpath-file=/none/such":      "-o jsonpath-file: open /none/such: no such file",
		"custom-columns-file=/dev/null": "-o custom-columns-file: the file must have a line of headings",
	} {
		_, err := printed(t, format)
		if usage := (*cmdline.UsageError)(nil); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("-o %s: %v; want a usage error of one line with %q", format, err, want)
		}
	}
}

// kubectl's printers show the whole object where a template fails.
func TestOutputFailsWithoutTheObject(t *testing.T) {
	for _, format := range []string{"jsonpath={.items[7].key}", "go-template={{index .items 7}}", "go-template={{.kind}}{{.items.a.b}}"} {
		out, err := printed(t, format)
		if err == nil || strings.Contains(out+err.Error(), "p@ss") || out != "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("-o %s printed %q and failed with %v", format, out, err)
		}
	}
}

func FuzzColumns(f *testing.F) {
	f.Add("A:.a,B:{.b[0].c}")
	f.Add("A:.items[?(@.n==1)].key")
	f.Fuzz(func(t *testing.T, spec string) {
		o := New()
		o.typed = "custom-columns=" + spec
		if err := o.Validate(); err != nil && strings.Contains(err.Error(), "p@ss") {
			t.Error(err)
		}
		_, _ = printed(t, o.typed) // must not panic
	})
}

func FuzzColumnsFile(f *testing.F) {
	f.Add("A B\n.a {.b[0].c}\n")
	f.Add("A\n\n.a")
	f.Fuzz(func(t *testing.T, content string) {
		c, err := newColumnsOfFile(content)
		if err == nil && (len(c.headings) == 0 || len(c.headings) != len(c.paths)) {
			t.Errorf("%q has %d headings and %d paths", content, len(c.headings), len(c.paths))
		}
	})
}
