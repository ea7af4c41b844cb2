package output

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

func TestTableLooksLikeApolo(t *testing.T) {
	var out bytes.Buffer
	if err := Table(&out, []string{"KEY"}, [][]string{{"aws-key"}, {"gcp-key"}, {"wandb-token"}}); err != nil {
		t.Fatal(err)
	}
	want := "\n  KEY\n╶─────────────╴\n  aws-key\n  gcp-key\n  wandb-token\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTableKeepsLongCellsWholeAndEscapesHarmless(t *testing.T) {
	long := strings.Repeat("k", 253)
	var out bytes.Buffer
	if err := Table(&out, []string{"KEY", "JOB"}, [][]string{{long, "a"}, {"x\x1b[2Jy\rz", "b\nc"}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 6 {
		t.Errorf("%d lines, want 6 (empty, heading, rule, two rows, end):\n%s", len(lines), out.String())
	}
	if !strings.Contains(out.String(), "  "+long+"  ") {
		t.Errorf("a long cell was cut or wrapped:\n%s", out.String())
	}
	if strings.ContainsAny(out.String(), "\x1b\r") || !strings.Contains(out.String(), `x\x1b[2Jy\rz`) {
		t.Errorf("control characters were not made visible: %q", out.String())
	}
}

// Rows must look as if tablewriter had laid out each of them.
func TestTableFollowsTheLayout(t *testing.T) {
	headings := []string{"URI", "GRANTED TO", "日本"}
	for name, rows := range map[string][][]string{
		"one row":        {{"a", "b", "c"}},
		"ragged widths":  {{"a", "a long cell here", "x"}, {"a much longer cell", "b", "yy"}, {"", "", "z"}},
		"wide letters":   {{"日本語", "b", "c"}, {"ab", "ключ", "✓"}, {"é", "x", "c"}},
		"narrow columns": {{"1", "2", "3"}, {"4", "5", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Table(&out, headings, rows); err != nil {
				t.Fatal(err)
			}
			want, err := layout(headings, rows)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(out.String(), "\n"); got != strings.Join(want, "\n")+"\n" {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

func TestTableWithoutRows(t *testing.T) {
	var out bytes.Buffer
	if err := Table(&out, []string{"KEY"}, nil); err != nil {
		t.Fatal(err)
	}
	if want := "\n  KEY\n╶─────╴\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// FuzzTable: a row is a line, whatever is in its cells, and nothing in them reaches the terminal as it is.
func FuzzTable(f *testing.F) {
	f.Add("a\nb", "\x1b[31m\r")
	f.Add("\u202e", "wide 日本 \xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		if err := Table(&out, []string{"A", "B"}, [][]string{{a, b}, {b, a}}); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 5 {
			t.Errorf("%d lines: %q", lines, out.String())
		}
		for _, r := range strings.ReplaceAll(out.String(), "\n", "") {
			if !unicode.IsPrint(r) {
				t.Errorf("%U is shown as it is: %q", r, out.String())
			}
		}
	})
}
