//go:build linux || darwin

package secret

import (
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

func TestHiddenLine(t *testing.T) {
	for _, test := range []struct {
		keys string
		want hiddenLine
	}{
		{"value\n", hiddenLine{text: []byte("value"), complete: true}},
		{"vé\x7falue\b\n", hiddenLine{text: []byte("valu"), complete: true}},
		{"\x7f\bx\n", hiddenLine{text: []byte("x"), complete: true}},
		{"wrong\x15right\n", hiddenLine{text: []byte("right"), complete: true}},
		{"\x04", hiddenLine{complete: true, ended: true}},
		{"a\x04b\n", hiddenLine{text: []byte("ab"), complete: true}},
		{"one\ntwo", hiddenLine{text: []byte("one"), complete: true, more: true}},
		{"a\x00\xff\n", hiddenLine{text: []byte("a\x00\xff"), complete: true}},
	} {
		line := hiddenLine{erase: 0x7f, kill: 0x15, end: 0x04}
		for _, key := range []byte(test.keys) {
			line.take(key)
		}
		if string(line.text) != string(test.want.text) || line.complete != test.want.complete || line.ended != test.want.ended || line.more != test.want.more {
			t.Errorf("%q: %+v, want %+v", test.keys, line, test.want)
		}
	}
	line := hiddenLine{kill: 0x15}
	for _, key := range []byte(strings.Repeat("x", secrets.MaxValueSize+1)) {
		line.take(key)
	}
	if !line.tooLarge || len(line.text) != secrets.MaxValueSize {
		t.Errorf("%d bytes, too large is %v", len(line.text), line.tooLarge)
	}
	if line.take(0x15); line.tooLarge || len(line.text) != 0 {
		t.Error("Ctrl-U leaves something of a line that is too large")
	}
}
