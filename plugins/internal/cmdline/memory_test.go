package cmdline

import (
	"strings"
	"testing"
)

func TestWithinMemory(t *testing.T) {
	var errOut strings.Builder
	if code := withinMemory(maxMemory, &errOut, func() int { return 7 }); code != 7 || errOut.Len() > 0 {
		t.Errorf("code %d, %q", code, errOut.String())
	}

	goOn := make(chan struct{})
	defer close(goOn)
	code := withinMemory(1, &errOut, func() int {
		<-goOn
		return ExitDone
	})
	if code != ExitFailed || !strings.HasPrefix(errOut.String(), "error: this takes more than 0 MiB of memory: ") || strings.Count(errOut.String(), "\n") != 1 {
		t.Errorf("code %d, %q", code, errOut.String())
	}
}
