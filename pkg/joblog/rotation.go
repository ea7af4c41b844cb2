package joblog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a kubelet does to a log, as far as it can be seen from here: while a container runs, it looks
// every few seconds (containerLogMonitorInterval) at the file, and where that is larger than
// containerLogMaxSize, it renames it and lets the runtime begin a new one. Only the newest file is ever
// read: a stream that comes to the end of an older one continues with the newest, whatever lies between
// them, and nothing in the stream says so. Nothing in the API tells how many files there were.
//
// So lines are missing between two lines of a stream only if a whole file came and went between them:
// their times are at least one interval apart, and the first of them was read at least so much later
// than it was written. Whoever keeps up with a log misses nothing, and need not ask.
const (
	// shortestInterval is less than the three seconds that are the shortest interval a kubelet takes.
	shortestInterval = 2500 * time.Millisecond

	lineOverhead = 45        // bytes of a line in the node's file, besides its text: time, stream, flag
	longestHead  = 64        // bytes that hold the time of the first line
	knownPace    = 256 << 10 // bytes in the node's file from which on its pace means anything
	// startPrecision is how long a container may have run before its first line without a doubt: the time
	// of its start is known in whole seconds.
	startPrecision = 2 * time.Second
	// likelySize is half of what a kubelet takes for containerLogMaxSize where it is told nothing.
	likelySize = 5 << 20
)

// IncompleteError says that lines may be missing in a log, because the node rotated its log file before
// they could be read.
type IncompleteError struct {
	// From and To are the times of the last line before the first gap, and of the first line after the
	// last one; To is zero where there is none.
	From, To time.Time
}

func (e *IncompleteError) Error() string {
	when := "after " + clock(e.From)
	if !e.To.IsZero() {
		when = "between " + clock(e.From) + " and " + clock(e.To)
	}
	return "lines written " + when + " may be missing: the node rotated its log file before they could be read"
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000Z") }

// IsIncomplete reports whether an error says that lines of a log may be missing.
func IsIncomplete(err error) bool {
	var incomplete *IncompleteError
	return errors.As(err, &incomplete)
}

// lag is how much later than its line's time something is read. The node's clock may be behind or ahead
// of the cluster's: no line is read before it was written, which gives how much ahead it is at least.
type lag struct {
	now   func() time.Time // by the cluster's clock, as far as it is known
	ahead time.Duration    // of the node's clock
}

func newLag(source Source) *lag {
	l := &lag{now: time.Now}
	if cluster, ok := source.(interface{ Now() time.Time }); ok {
		l.now = cluster.Now
	}
	return l
}

func (l *lag) of(line int64, read time.Time) time.Duration {
	late := time.Duration(read.UnixNano() - line)
	l.ahead = max(l.ahead, -late)
	return late + l.ahead
}

// gapPatience is how long a question about a gap may take.
const gapPatience = 5 * time.Second

// checkGap looks whether a whole file may have come and gone between the last line and one that has
// this time.
func (l *Copier) checkGap(ctx context.Context, next int64) {
	if l.late < shortestInterval {
		l.inGap = false
		return
	}
	if time.Duration(next-l.lastKnown) < shortestInterval || next < l.sameFile || l.nodeBytes() < smallLog {
		return
	}
	asked := l.lag.now()
	if !l.inGap { // one question, and one notice, until the log is kept up with again
		if head, ok := l.headTime(ctx); ok && head <= l.at.lastTime() {
			// The newest file begins before both. So it holds all that was written until now.
			l.sameFile = asked.UnixNano() - int64(l.lag.ahead)
			return
		}
	}
	l.gap(l.at.lastTime(), next)
}

// gap notes that lines may be missing between two times; to is 0 at the end of a log.
func (l *Copier) gap(from, to int64) {
	found := &IncompleteError{From: time.Unix(0, from)}
	if !l.inGap {
		l.notice(found.Error()) // up to when is not known yet
	}
	l.inGap = true
	if l.incomplete == nil {
		l.incomplete = found
	}
	if l.incomplete.To = time.Unix(0, to); to == 0 {
		l.incomplete.To = time.Time{}
	}
}

// finished is the error of a copy that has come to its end.
func (l *Copier) finished() error {
	if l.incomplete != nil {
		return l.incomplete
	}
	return nil
}

// nodeBytes is about how many bytes of the node's files were read.
func (l *Copier) nodeBytes() int64 { return l.size + lineOverhead*l.lines }

// headTime is the time of the first line in the newest file.
func (l *Copier) headTime(ctx context.Context) (int64, bool) {
	return lineTime(ctx, l.source, Part{First: longestHead})
}

// lineTime reads the time of one line.
func lineTime(ctx context.Context, source Source, part Part) (int64, bool) {
	ctx, cancel := context.WithTimeout(ctx, gapPatience)
	defer cancel()
	stream, err := source.Open(ctx, part)
	if err != nil {
		return 0, false
	}
	defer stream.Close()
	head, err := io.ReadAll(io.LimitReader(stream, longestTime))
	if err != nil {
		return 0, false
	}
	return parseTime(head)
}

// Life is when a container was started and, if it has, ended, by its node's clock.
type Life struct{ Started, Ended time.Time }

// beginningNotice is what is said of a log whose beginning may be gone. A log that begins some time
// after its container may simply have nothing to say at first; it is suspicious where this time, at the
// pace of what is there, would have filled a file. Nothing is said of a short log.
func beginningNotice(hidden, visible time.Duration, nodeBytes int64) string {
	visible = max(visible, time.Second)
	if hidden < startPrecision || nodeBytes < knownPace || float64(nodeBytes)*hidden.Seconds()/visible.Seconds() < likelySize {
		return ""
	}
	return fmt.Sprintf("the log begins %s after the container was started: earlier lines are missing if the node has rotated its log file",
		hidden.Truncate(time.Second))
}

// checkBeginning gives notice, once, that the first lines may be gone.
func (l *Copier) checkBeginning() {
	if l.beginningTold || l.life.Started.IsZero() || !l.at.started || !l.options.Since.IsZero() {
		return
	}
	// What was written while a stream was open is in the stream.
	hidden := min(time.Unix(0, l.firstTime).Sub(l.life.Started), l.openedAt.Sub(l.life.Started))
	if text := beginningNotice(hidden, time.Duration(l.at.latest-l.firstTime), l.nodeBytes()); text != "" {
		l.beginningTold = true
		l.notice(text)
	}
}

// checkEndedBeginning is checkBeginning for a log that was copied without its times.
func checkEndedBeginning(ctx context.Context, source Source, life Life, nodeBytes int64, notice func(string)) {
	if life.Started.IsZero() || beginningNotice(life.Ended.Sub(life.Started), 0, nodeBytes) == "" {
		return
	}
	first, ok := lineTime(ctx, source, Part{First: longestHead})
	if hidden := time.Unix(0, first).Sub(life.Started); !ok || beginningNotice(hidden, 0, nodeBytes) == "" {
		return
	}
	last, ok := lineTime(ctx, source, Part{Last: 1})
	if text := beginningNotice(time.Unix(0, first).Sub(life.Started), time.Duration(last-first), nodeBytes); ok && text != "" {
		notice(text)
	}
}
