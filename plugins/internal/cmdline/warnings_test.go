package cmdline

import (
	"fmt"
	"testing"
)

func TestEachWarningIsShownOnce(t *testing.T) {
	var shown []string
	w := &serverWarnings{warn: func(format string, args ...any) { shown = append(shown, fmt.Sprintf(format, args...)) }}
	for i := range 100 {
		w.show("again")
		w.show(fmt.Sprint(i, "%s"))
	}
	if len(shown) != maxWarnings || shown[0] != "again" || shown[1] != "0%s" {
		t.Errorf("%q", shown)
	}
}
