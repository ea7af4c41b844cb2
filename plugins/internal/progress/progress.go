// Package progress tells a person, or a log file, how a job fares: its states in words, on standard
// error, beside what the job prints.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/briandowns/spinner"
	"golang.org/x/term"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// troublePatience is how long a cluster must be out of reach before it is mentioned: all continues by
// itself after the restart of an API server.
const troublePatience = 3 * time.Second

// eraseLine returns to the beginning of a terminal's line and empties it.
const eraseLine = "\r\x1b[K"

// A Progress tells on stderr how a job fares: on a terminal in one line that is written over until the
// log begins, elsewhere in a line for each change. It is safe for use by several goroutines.
type Progress struct {
	// Banner says what one sees from now on, and what Ctrl-C does. It may be set before the job starts.
	Banner string

	mutex    sync.Mutex
	w        io.Writer
	quiet    bool
	terminal bool             // lines can be written over
	width    func() int       // columns of the terminal; 0: not known
	spinner  *spinner.Spinner // nil where there is no terminal of its own to draw on
	paint    output.Paint
	now      func() time.Time

	job     jobs.Ref
	pending bool      // a line is to be written over
	logging bool      // the log has begun
	said    string    // the last text, so that none is repeated
	trouble time.Time // since when the cluster is out of reach
	told    bool      // and it was said
}

// frames are a spinner that every font has, and spinInterval is how quickly it turns.
const spinInterval = 100 * time.Millisecond

func frames() []string { return []string{"|", "/", "-", "\\"} }

// New makes a Progress for one job, on the session's standard error.
func New(s *cmdline.Session, job jobs.Ref) *Progress {
	p := &Progress{
		Banner: "runs, and this is its log; Ctrl-C deletes it",
		w:      s.ErrOut, quiet: s.Quiet, terminal: output.CanMoveCursor(s.ErrOut), width: func() int { return terminalWidth(s.ErrOut) },
		paint: output.PaintFor(s.ErrOut), now: time.Now, job: job,
	}
	if file, ok := s.ErrOut.(*os.File); ok && p.terminal {
		// The cursor stays visible: a command that is killed could not show it again.
		p.spinner = spinner.New(frames(), spinInterval, spinner.WithWriterFile(file), spinner.WithHiddenCursor(false), spinner.WithColor("reset"))
	}
	return p
}

// Through has lines written through wrap from now on, which gets the writer so far.
func (p *Progress) Through(wrap func(io.Writer) io.Writer) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.w = wrap(p.w)
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

// Created is the first line.
func (p *Progress) Created() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.passing("job/%s created", p.job.Name)
}

// State is an Observer's.
func (p *Progress) State(state jobstatus.State) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if state.Started && !p.logging {
		p.logging = true
		p.said = ""
		if p.terminal && !state.Phase.Final() {
			p.line("job/%s %s", p.job.Name, p.Banner)
		} else if !state.Phase.Final() {
			p.line("job/%s running", p.job.Name)
		}
		p.erase()
	}
	switch {
	case state.Phase.Final(), (state.Phase == jobstatus.Running || state.Phase == jobstatus.Finishing) && state.Reason == "":
	case p.logging && state.Phase == jobstatus.Pending && state.Message == "": // Attempt says it soon enough
	case p.logging:
		p.line("job/%s %s", p.job.Name, Describe(state))
	case p.terminal || state.Phase != jobstatus.Pending || state.Message != "":
		p.passing("job/%s %s", p.job.Name, Describe(state))
	}
}

// End is the last line of a job that failed.
func (p *Progress) End(state jobstatus.State) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.bold(output.Bad, "job/%s failed: %s", p.job.Name, Describe(state))
}

// OutOfReach is an Observer's.
func (p *Progress) OutOfReach(err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
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

// Notice is an Observer's.
func (p *Progress) Notice(text string) { p.Line("job/%s: %s", p.job.Name, text) }

// Attempt is an Observer's.
func (p *Progress) Attempt(number int) { p.Line("job/%s attempt %d", p.job.Name, number) }

// passing shows a text until the next one replaces it.
func (p *Progress) passing(format string, args ...any) {
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
	if width := p.width(); width > 0 && len(text) >= width-2 {
		runes := []rune(text)
		if room := width - 4; len(runes) > room && room > 0 {
			text = string(runes[:room]) + "…"
		}
	}
	p.pending = true
	if p.spinner == nil {
		fmt.Fprint(p.w, eraseLine, text)
		return
	}
	p.spinner.Lock()
	p.spinner.Suffix = " " + text
	p.spinner.Unlock()
	p.spinner.Start()
}

// Line prints a text that stays.
func (p *Progress) Line(format string, args ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.line(format, args...)
}

func (p *Progress) line(format string, args ...any) { p.bold(output.Plain, format, args...) }

func (p *Progress) bold(style output.Style, format string, args ...any) {
	text := sanitize.Line(fmt.Sprintf(format, args...))
	if p.quiet || text == p.said {
		return
	}
	p.said = text
	p.erase()
	fmt.Fprintln(p.w, p.paint(style, text))
}

// Erase removes a passing text from the terminal.
func (p *Progress) Erase() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.erase()
}

func (p *Progress) erase() {
	if !p.pending {
		return
	}
	p.pending = false
	if p.spinner != nil {
		p.spinner.Stop()
	}
	fmt.Fprint(p.w, eraseLine)
}
