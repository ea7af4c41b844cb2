package run

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// troublePatience is how long a cluster must be out of reach before it is mentioned: all goes on by
// itself after the restart of an API server.
const troublePatience = 3 * time.Second

// eraseLine returns to the beginning of a terminal's line and empties it.
const eraseLine = "\r\x1b[K"

// progress tells on stderr how a job fares: on a terminal in one line that is written over until the
// log begins, elsewhere in a line for each change.
type progress struct {
	w        io.Writer
	quiet    bool
	terminal bool
	width    func() int // columns of the terminal; 0: not known
	now      func() time.Time

	job     jobs.Ref
	banner  string    // what one sees from now on, and what Ctrl-C does; empty: the log, and it deletes
	pending bool      // a line is to be written over
	logging bool      // the log has begun
	said    string    // the last text, so that none is repeated
	trouble time.Time // since when the cluster is out of reach
	told    bool      // and it was said
}

func newProgress(s *cmdline.Session, job jobs.Ref) *progress {
	return &progress{
		w: s.ErrOut, quiet: s.Quiet, terminal: cmdline.IsTerminal(s.ErrOut), width: func() int { return terminalWidth(s.ErrOut) },
		now: time.Now, job: job,
	}
}

// terminalWidth is asked for each line, because windows are resized.
func terminalWidth(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// created is the first line.
func (p *progress) created() { p.passing("job/%s created", p.job.Name) }

// state is an Observer's.
func (p *progress) state(state jobs.State) {
	if state.Started && !p.logging {
		p.logging = true
		p.said = ""
		if p.terminal && !state.Phase.Final() {
			p.line("job/%s %s", p.job.Name, cmp.Or(p.banner, "runs, and this is its log; Ctrl-C deletes it"))
		} else if !state.Phase.Final() {
			p.line("job/%s running", p.job.Name)
		}
		p.erase()
	}
	switch {
	case state.Phase.Final(), state.Phase == jobs.Running && state.Reason == "":
	case p.logging && state.Phase == jobs.Pending && state.Message == "": // attempt says it soon enough
	case p.logging:
		p.line("job/%s %s", p.job.Name, describe(state))
	case p.terminal || state.Phase != jobs.Pending || state.Message != "":
		p.passing("job/%s %s", p.job.Name, describe(state))
	}
}

// end is the last line of a job that failed.
func (p *progress) end(state jobs.State) { p.line("job/%s failed: %s", p.job.Name, describe(state)) }

// outOfReach is an Observer's.
func (p *progress) outOfReach(err error) {
	switch {
	case err == nil:
		if p.told {
			p.line("the cluster answers again")
		}
		p.trouble, p.told = time.Time{}, false
	case p.trouble.IsZero():
		p.trouble = p.now()
	case !p.told && p.now().Sub(p.trouble) >= troublePatience:
		p.told = true
		p.line("%s; waiting for it", err)
	}
}

// notice is an Observer's.
func (p *progress) notice(text string) { p.line("job/%s: %s", p.job.Name, text) }

// attempt is an Observer's.
func (p *progress) attempt(number int) { p.line("job/%s attempt %d", p.job.Name, number) }

// passing shows a text until the next one replaces it.
func (p *progress) passing(format string, args ...any) {
	text := sanitize.Line(fmt.Sprintf(format, args...))
	if p.quiet || text == p.said {
		return
	}
	p.said = text
	if !p.terminal {
		fmt.Fprintln(p.w, text)
		return
	}
	// A line that wraps can't be written over. Wide characters are counted as if all were.
	if width := p.width(); width > 0 && len(text) >= width {
		runes := []rune(text)
		if room := width - 2; len(runes) > room && room > 0 {
			text = string(runes[:room]) + "…"
		}
	}
	fmt.Fprint(p.w, eraseLine, text)
	p.pending = true
}

// line prints a text that stays.
func (p *progress) line(format string, args ...any) {
	text := sanitize.Line(fmt.Sprintf(format, args...))
	if p.quiet || text == p.said {
		return
	}
	p.said = text
	p.erase()
	fmt.Fprintln(p.w, text)
}

// erase removes a passing text from the terminal.
func (p *progress) erase() {
	if p.pending {
		fmt.Fprint(p.w, eraseLine)
		p.pending = false
	}
}

// describe is a state in words.
func describe(state jobs.State) string {
	switch state.Phase {
	case jobs.Pulling:
		if state.Message == "" {
			return "pulling the image"
		}
		return "pulling the image, which failed: " + oneLine(state.Message) + "; trying again"
	case jobs.Stuck:
		if strings.Contains(state.Reason, "Image") {
			return "its image can't be pulled: " + orReason(state)
		}
		return orReason(state)
	case jobs.Restarting:
		if state.ExitCode == 0 {
			return fmt.Sprintf("attempt %d succeeded, and the next one follows", state.Attempt)
		}
		return fmt.Sprintf("attempt %d failed, and the next one follows: %s", state.Attempt, describeFailure(state))
	case jobs.Failed:
		return describeFailure(state)
	}
	if state.Message != "" {
		return string(state.Phase) + ": " + oneLine(state.Message)
	}
	return string(state.Phase)
}

func describeFailure(state jobs.State) string {
	if state.ExitCode <= 0 { // it ended well when it was told to end
		return orReason(state)
	}
	text := fmt.Sprintf("exit code %d", state.ExitCode)
	if signal := state.Signal(); signal != "" {
		text += " (" + signal + ")"
	}
	switch {
	case state.Reason == "OOMKilled":
		text = "out of memory (OOMKilled), " + text
	case state.Message != "":
		text = orReason(state) + ", " + text
	}
	return text
}

func orReason(state jobs.State) string {
	if state.Message == "" {
		return state.Reason
	}
	return oneLine(state.Message)
}

// oneLine shortens the messages of container runtimes, which may be long and of several lines.
func oneLine(message string) string {
	const most = 600
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > most {
		message = message[:most] + "…"
	}
	return message
}
