package envfile

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	utf16 := func(order string, text string) string {
		var b strings.Builder
		for _, r := range text {
			pair := []byte{byte(r), byte(r >> 8)}
			if order == "big" {
				pair = []byte{byte(r >> 8), byte(r)}
			}
			b.Write(pair)
		}
		return b.String()
	}
	for name, test := range map[string]struct{ content, want, problem string }{
		"UTF-8":                     {"A=1\nB=ä\n", "A=1,B=ä", ""},
		"with a mark":               {"\ufeffA=1\n", "A=1", ""},
		"UTF-16, as PowerShell has": {utf16("little", "\ufeffA=1\r\nB=ä\r\n"), "A=1,B=ä", ""},
		"UTF-16, big endian":        {utf16("big", "\ufeffA=1\nB=ä"), "A=1,B=ä", ""},
		"UTF-16 without a mark":     {utf16("little", "A=1\r\n"), "", "UTF-16 without a byte order mark"},
		"big endian without a mark": {utf16("big", "A=1\r\n"), "", "UTF-16 without a byte order mark"},
		"half a character":          {utf16("little", "\ufeffA=1") + "x", "", "in the middle of a character"},
		"CR alone":                  {"A=1\rB=2\r\r# c\rC=3", "A=1,B=2,C=3", ""},
		"CR in a value":             {"A=1\rx\nB=2\n", "A=1\rx,B=2", ""},
		"CRLF":                      {"A=1\r\nB=2\r\n", "A=1,B=2", ""},
		"other bytes stay as are":   {"A=\xff\n", "A=\xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := Text([]byte(test.content))
			if (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Fatal(err)
			}
			var lines []string
			for line, err := range Lines(text) {
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, line.Name+"="+line.Value)
			}
			if got := strings.Join(lines, ","); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
