package cmdline

import (
	"bytes"
	"strings"
	"testing"
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
