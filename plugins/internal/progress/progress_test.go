package progress

import (
	"bytes"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

func TestProgress(t *testing.T) {
	states := []jobstatus.State{
		{Phase: jobstatus.Pending, ExitCode: -1},
		{Phase: jobstatus.Pending, ExitCode: -1, Reason: "Unschedulable", Message: "0/1 nodes\x1b[2J are available"},
		{Phase: jobstatus.Pulling, ExitCode: -1},
		{Phase: jobstatus.Pulling, ExitCode: -1, Reason: "ErrImagePull", Message: "timeout"},
		{Phase: jobstatus.Running, ExitCode: -1, Started: true},
		{Phase: jobstatus.Running, ExitCode: -1, Started: true, Reason: "DeadlineExceeded", Message: "too long"},
		{Phase: jobstatus.Failed, ExitCode: 137, Started: true, Reason: "OOMKilled"},
	}
	play := func(p *Progress) string {
		var b bytes.Buffer
		p.w, p.job, p.paint = &b, jobs.Ref{Name: "j"}, output.PaintFor(&b)
		p.Banner = "runs, and this is its log; Ctrl-C deletes it"
		p.Created()
		for _, state := range states {
			p.State(state)
		}
		p.End(states[len(states)-1])
		return b.String()
	}

	if got := play(&Progress{quiet: true}); got != "" {
		t.Errorf("-q: %q", got)
	}
	want := `job/j created
job/j pending: 0/1 nodes\x1b[2J are available
job/j pulling the image
job/j pulling the image, which failed: timeout; trying again
job/j running
job/j running: too long
job/j failed: out of memory (OOMKilled), exit code 137 (SIGKILL)
`
	if got := play(&Progress{}); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}

	got := play(&Progress{terminal: true, width: func() int { return 40 }})
	for i, line := range strings.Split(got, eraseLine) {
		if first, _, _ := strings.Cut(line, "\n"); len([]rune(first)) >= 40 && !strings.Contains(line, "\n") {
			t.Errorf("text %d is wider than the terminal: %q", i, line)
		}
	}
	if want := eraseLine + "job/j runs, and this is its log; Ctrl-C deletes it\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in %q", want, got)
	}
}
