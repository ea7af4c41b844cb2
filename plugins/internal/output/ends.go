package output

import (
	"io"
	"time"

	humanize "k8s.io/apimachinery/pkg/util/duration"

	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
)

// Ends says when something ends, and what is wrong with that: a person is told how long it lasts, a program the time.
func Ends(out io.Writer, ending timers.Ending, now time.Time) string {
	if ending.At.IsZero() {
		return ending.Problem
	}
	text := objects.Time(ending.At)
	if cmdline.IsTerminal(out) {
		text = "in " + humanize.HumanDuration(max(0, ending.At.Sub(now)))
	}
	if ending.Problem != "" {
		text += " (" + ending.Problem + ")"
	}
	return text
}
