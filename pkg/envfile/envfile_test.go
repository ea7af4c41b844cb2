package envfile

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLines(t *testing.T) {
	content := "\ufeff# settings\r\n\n  A=1\r\nQUOTED=\"a b\"\nEMPTY=\nHASH=a #b\t\nHOME\nA B=hidden-canary\nhidden-canary+/\nHALF=\r\r\nLAST=x=y="
	want := []Line{
		{Number: 3, Name: "A", Value: "1"},
		{Number: 4, Name: "QUOTED", Value: `"a b"`},
		{Number: 5, Name: "EMPTY"},
		{Number: 6, Name: "HASH", Value: "a #b\t"},
		{Number: 7, Name: "HOME", Bare: true},
		{Number: 10, Name: "HALF", Value: "\r"},
		{Number: 11, Name: "LAST", Value: "x=y="},
	}
	wantErrors := []string{`line 8: invalid name of a variable`, "line 9: neither NAME=VALUE"}
	var got []Line
	var failed []string
	for line, err := range Lines(content) {
		if err == nil {
			got = append(got, line)
			continue
		}
		if failed = append(failed, err.Error()); strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes what may be a value: %v", err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(failed) != len(wantErrors) || !strings.HasPrefix(failed[0], wantErrors[0]) || !strings.HasPrefix(failed[1], wantErrors[1]) {
		t.Errorf("errors %q, want %q", failed, wantErrors)
	}
}

func TestResolve(t *testing.T) {
	lookup := func(name string) (string, bool) { return "here", name == "KNOWN" }
	for line, want := range map[Line]string{
		{Number: 1, Name: "A", Value: "b"}:       "b",
		{Number: 2, Name: "KNOWN", Value: "b"}:   "b",
		{Number: 3, Name: "KNOWN", Bare: true}:   "here",
		{Number: 4, Name: "canary", Bare: true}:  "line 4: neither NAME=VALUE, nor the NAME of a variable that is set here",
		{Number: 5, Name: "canary", Value: "c="}: "c=",
	} {
		got, err := line.Resolve(lookup)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v is %q, want %q", line, got, want)
		}
	}
}

func TestFormatSaysWhatItCannotHold(t *testing.T) {
	for _, test := range []struct{ name, value, err string }{
		{"A=", "x", "invalid name of a variable"},
		{"A B", "x", "contains white space"},
		{"#A", "x", "would be a comment"},
		{"A", "one\ntwo", "has several lines"},
		{"A", "x\n", "has several lines"},
		{"A", "x\r", "ends with a carriage return"},
	} {
		if got, err := Format(test.name, test.value); err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "two") {
			t.Errorf("Format(%q, %q) = %q, %v; want an error with %q", test.name, test.value, got, err, test.err)
		}
	}
}

// What Format writes, Lines reads as it was; many lines together too.
func TestFormatAndLinesAreInverse(t *testing.T) {
	bytes := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
	rapid.Check(t, func(t *rapid.T) {
		var content strings.Builder
		var want []Line
		for range rapid.IntRange(0, 5).Draw(t, "lines") {
			name := rapid.StringMatching(`[A-Za-z_.-][A-Za-z0-9_.-]*`).Draw(t, "name")
			value := rapid.OneOf(bytes, rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ab\"'#$= \\\r\n\t\x00")))).Draw(t, "value")
			text, err := Format(name, value)
			if err != nil {
				if ValidateName(name) == nil && !strings.Contains(value, "\n") && !strings.HasSuffix(value, "\r") {
					t.Errorf("Format(%q, %q): %v", name, value, err)
				}
				continue
			}
			content.WriteString(text)
			want = append(want, Line{Number: len(want) + 1, Name: name, Value: value})
		}
		var got []Line
		for line, err := range Lines(content.String()) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is %+v, want %+v", content.String(), got, want)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add("\ufeffA=1\r\n#\n B\n=\nx y\n")
	f.Fuzz(func(t *testing.T, content string) {
		last := 0
		for line, err := range Lines(content) {
			switch {
			case err != nil:
			case line.Number <= last || line.Number > 1+strings.Count(content, "\n"):
				t.Errorf("line %d after line %d", line.Number, last)
			case ValidateName(line.Name) != nil || strings.Contains(line.Value, "\n") || !strings.Contains(content, line.Value):
				t.Errorf("%q gives %+v", content, line)
			}
			last = max(last, line.Number)
		}
	})
}
