package sanitize

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                 "plain",
		"ключ 日本 ✓":             "ключ 日本 ✓",
		"red \x1b[31m":          `red \x1b[31m`,
		"over\rwritten":         `over\rwritten`,
		"two\nlines":            `two\nlines`,
		"bell\a\x7f":            `bell\a\x7f`,
		"c1 \u009b31m":          `c1 \u009b31m`,
		"bad \xff utf8":         `bad \xff utf8`,
		"right\u202eleft":       `right\u202eleft`,
		"clip \x1b]52;c;eA==\a": `clip \x1b]52;c;eA==\a`,
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTextKeepsLines(t *testing.T) {
	if got, want := Text("a\tb\nc\x1b"), "a\tb\nc\\x1b"; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Line(s)
		if !utf8.ValidString(out) {
			t.Errorf("Line(%q) is not UTF-8", s)
		}
		for _, r := range out {
			if !unicode.IsPrint(r) {
				t.Errorf("Line(%q) lets %U through", s, r)
			}
		}
	})
}
