package jobs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// LogSource opens the log of one container. Where the part is not plain, every line begins with the
// time at which it was written (RFC 3339 with nanoseconds) and a space, as the API gives it for
// timestamps=true.
type LogSource interface {
	Open(ctx context.Context, part LogPart) (io.ReadCloser, error)
}

// LogPart says which part of a log to open, and how; the zero value is all that there is.
type LogPart struct {
	Plain  bool      // without the times
	Since  time.Time // lines written at this time or later; only whole seconds count
	Follow bool      // and those that are written until the container ends
	Last   int       // only so many lines before the end; 0: all
	First  int       // only so many bytes from the beginning; 0: all
}

// LogOptions say what of a log to copy, and how; the zero value is all of it, as it was written.
type LogOptions struct {
	// Since leaves out what was written before that second; zero leaves out nothing.
	Since time.Time
	// Timestamps puts the time at which a line was written, and a space, before the line.
	Timestamps bool
}

// plain reports whether the log is to be copied whole, and as it is.
func (o LogOptions) plain() bool { return o == LogOptions{} }

const (
	// quietTime is how long a log must say nothing, once its container has ended, until its end
	// is looked for.
	quietTime = 50 * time.Millisecond

	// idleTime is how long a log may say nothing until it is asked, with a request for its last line,
	// whether there is nothing. A kubelet looks for rotated files only once it has read the first to
	// its end; what is rotated before, it continues to wait at the end of, and leaves out the new file.
	// Together with stalledTime it is less than shortestInterval, so that the next file is found.
	idleTime = 1500 * time.Millisecond
	// idleTimeSmall is the same for a log that is too small to be rotated, as far as one can expect.
	idleTimeSmall = 30 * time.Second
	smallLog      = 512 << 10 // bytes; the kubelet's default for containerLogMaxSize is 10 MiB

	// stalledTime is how much longer an idle stream has to bring what is known to be there.
	stalledTime = 500 * time.Millisecond

	// mostStalls is how often that time is doubled, where the next stream brings nothing either: a busy node
	// takes long to find where it begins.
	mostStalls = 6

	// sinceMargin is how much earlier than its last line a cut log is opened again. The API takes
	// whole seconds, and lines of stdout and stderr may stand in the log a little out of order.
	sinceMargin = 2 * time.Second

	// smallStep is how far the time of a line may lie before that of the line above.
	smallStep = time.Second

	// endPatience is how long the end of a log is asked for, again and again, where it can't be read.
	endPatience = time.Minute

	logChunk    = 32 << 10  // bytes read at once
	plainChunk  = 256 << 10 // bytes written at once of a log that has ended
	longestTime = 40        // bytes; "2006-01-02T15:04:05.000000000+07:00" has 35
	longNotice  = 500       // bytes of a message of the node that are shown
)

// logBackoff is the pause before a log is opened again after an attempt that brought nothing new.
func logBackoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 2 * time.Second}
}

// CopyLog writes the log of a container to out, without the times, from its first line until
// everything that the container wrote before ended was closed is there. A stream that is cut goes
// on at the byte where it stopped: no line is lost or doubled, whatever their times.
//
// notice, which may be nil, gets what is not the container's: messages of the node in the log, and
// where lines may be missing because the node's log file was rotated away before they were read.
// Its texts come from the cluster and are not harmless for a terminal.
//
// Out must not make CopyLog wait, since the node rotates its files meanwhile: package spool keeps what a
// slow reader does not take.
//
// CopyLog returns the error of out, the context's, one that says why the end of the log could not
// be read, or else an IncompleteError where lines may be missing.
func CopyLog(ctx context.Context, source LogSource, ended <-chan struct{}, out io.Writer, notice func(string)) error {
	return copyLog(ctx, source, life{}, ended, out, notice, LogOptions{})
}

// copyLog is CopyLog with options, of a container that is known better.
func copyLog(ctx context.Context, source LogSource, life life, ended <-chan struct{}, out io.Writer, notice func(string), options LogOptions) error {
	l := newLogCopy(source, ended, out, notice)
	l.life, l.options = life, options
	return firstOf(l.run(ctx), l.finished())
}

func newLogCopy(source LogSource, ended <-chan struct{}, out io.Writer, notice func(string)) *logCopy {
	if notice == nil {
		notice = func(string) {}
	}
	return &logCopy{source: source, ended: ended, out: out, notice: notice, lag: newLag(source)}
}

// copyEndedLog is copyLog for a container that will write no more. Its log stays as it is, since nodes
// rotate the logs of what runs only; so the times, which are a third of what most logs take on their
// way, need not be read: after a cut, what was written is left out by its length.
func copyEndedLog(ctx context.Context, source LogSource, life life, out io.Writer, notice func(string), options LogOptions) error {
	ended := make(chan struct{})
	close(ended)
	if !options.plain() {
		return copyLog(ctx, source, life, ended, out, notice, options)
	}
	if notice == nil {
		notice = func(string) {}
	}
	var written, lines int64
	backoff := logBackoff()
	for attempt := 1; ; attempt++ {
		before := written
		err := copyPlain(ctx, source, out, &written, &lines)
		switch {
		case errors.Is(err, errNodeMessage):
			return copyLog(ctx, source, life, ended, out, notice, options) // tells it from what the container wrote
		case err == nil:
			checkEndedBeginning(ctx, source, life, written+lineOverhead*lines, notice)
			return nil
		case errors.As(err, &outError{}), ctx.Err() != nil, apierrors.IsNotFound(err), apierrors.IsForbidden(err):
			return firstOf(ctx.Err(), err)
		case written > before:
			attempt = 0
		case attempt >= backoff.Steps:
			return fmt.Errorf("the end of the log can't be read: %w", err)
		}
		pause(ctx, backoff.Step(), nil)
	}
}

// nodeMessage is how the kubelet begins what it gives in place of a log that is not there any more
// (k8s.io/kubernetes/pkg/kubelet/kuberuntime, GetContainerLogs).
const nodeMessage = "unable to retrieve container logs"

var errNodeMessage = errors.New("the log begins as a message of the node does")

// endedStream notes whether a stream ended as streams do: io.ReadFull has one error for both ends.
type endedStream struct {
	io.ReadCloser
	whole bool
}

func (s *endedStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.whole = err == io.EOF
	return n, err
}

// copyPlain writes what a log holds after the bytes that were written already, and counts them.
func copyPlain(ctx context.Context, source LogSource, out io.Writer, written, lines *int64) error {
	opened, err := source.Open(ctx, LogPart{Plain: true})
	if err != nil {
		return err
	}
	defer opened.Close()
	stream := &endedStream{ReadCloser: opened}
	reader := bufio.NewReaderSize(stream, logChunk)
	if head, _ := reader.Peek(len(nodeMessage)); string(head) == nodeMessage && *written == 0 {
		return errNodeMessage
	}
	if _, err := io.CopyN(io.Discard, reader, *written); err != nil {
		return err
	}
	buffer := make([]byte, plainChunk)
	for {
		n, err := io.ReadFull(reader, buffer) // nobody waits for a line, and large pieces are quicker
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return outError{err}
			}
			*written += int64(n)
			*lines += int64(bytes.Count(buffer[:n], []byte("\n")))
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && stream.whole {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type logCopy struct {
	source LogSource
	ended  <-chan struct{}
	out    io.Writer
	notice func(string)

	life    life
	options LogOptions
	at      position
	size    int64 // bytes written
	lines   int64 // and lines
	readUp  bool  // the file with the position was read to its end: only a whole file may be missing where it is gone

	lag        *lag
	late       time.Duration // how much later than it was written the last line was read
	sameFile   int64         // up to this time, all lines are in one file of the node
	lastKnown  int64         // when the newest file was known to end with the last line, at the earliest
	inGap      bool          // lines may be missing here, and this was said
	stalls     int           // streams in a row that were left because they brought nothing
	lost       bool          // the position was not found at the end
	incomplete *IncompleteError

	firstTime     int64     // of the first line
	openedAt      time.Time // when the first stream was opened; zero if none was
	beginningTold bool

	opened bool // the user may read the log: an API server that starts refuses it for a moment
}

// outError is an error of the writer, after which reading on makes no sense.
type outError struct{ error }

func (e outError) Unwrap() error { return e.error }

func (l *logCopy) run(ctx context.Context) error {
	complete := false // the last stream ended by itself
	backoff := logBackoff()
	for !l.hasEnded() {
		before := l.at
		done, err := l.follow(ctx)
		if done || errors.As(err, &outError{}) || ctx.Err() != nil {
			return firstOf(ctx.Err(), err)
		}
		complete = err == nil || complete && apierrors.IsNotFound(err)
		l.readUp = l.readUp || err == nil
		if l.at != before {
			backoff = logBackoff()
		}
		if errors.Is(err, errStepBack) {
			continue // at once: the next stream begins early enough for this line
		}
		pause(ctx, backoff.Step(), l.ended)
	}

	// What the container wrote last may have come after the stream was cut, or after a node closed
	// it too early.
	backoff = logBackoff()
	giveUp := time.Now().Add(endPatience)
	for {
		// A stream that ended by itself had read an older file to its end, if there was one.
		err := l.finish(ctx, ending{afterRotation: l.readUp, last: true})
		switch {
		case err == nil, errors.As(err, &outError{}), ctx.Err() != nil:
			return firstOf(ctx.Err(), err)
		case errors.Is(err, errStepBack):
			continue
		case apierrors.IsNotFound(err) && complete:
			return nil // the pod is gone, but not before its log was read to the end
		case apierrors.IsNotFound(err), apierrors.IsForbidden(err) && !l.opened, time.Now().After(giveUp):
			return fmt.Errorf("the end of the log can't be read: %w", err)
		}
		pause(ctx, backoff.Step(), nil)
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *logCopy) hasEnded() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

func pause(ctx context.Context, d time.Duration, orUntil <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-orUntil:
	}
}

// follow reads one stream until it ends, with its error. It returns done once the container has
// ended and all of its log was written.
func (l *logCopy) follow(ctx context.Context) (done bool, err error) {
	stream, err := l.source.Open(ctx, LogPart{Since: l.since(), Follow: true})
	if err != nil {
		return false, err
	}
	scanner := l.newScanner(ctx, ending{afterRotation: l.readUp})
	chunks, stop := readChunks(stream, l.lag.now)
	defer stop()

	ended := l.ended
	var quiet <-chan time.Time // set once the container has ended
	idle := time.NewTimer(l.idleTime())
	defer idle.Stop()
	suspect := false // there is more in the log than in the stream
	for {
		select {
		case chunk := <-chunks:
			suspect = false
			if len(chunk.data) > 0 {
				l.stalls = 0
			}
			idle.Reset(l.idleTime())
			scanner.readAt = chunk.at
			if _, err := scanner.Write(chunk.data); err != nil {
				return false, err
			}
			if chunk.err == io.EOF {
				return false, nil
			}
			if chunk.err != nil {
				return false, chunk.err
			}
			if ended == nil {
				quiet = time.After(quietTime)
			}
		case <-ended:
			ended = nil
			quiet = time.After(quietTime)
		case <-quiet:
			// The node notices the end of a container within a second; asking is quicker. Only where
			// the log was rotated meanwhile must this stream, which knows the older file, be read on.
			quiet = nil
			before := l.at
			err := l.finish(ctx, ending{onlyAnchored: true})
			switch {
			case err == nil:
				return true, nil
			case l.at != before, errors.As(err, &outError{}):
				return false, err // this stream is behind now
			}
		case <-idle.C:
			if suspect {
				l.readUp = true
				l.stalls = min(l.stalls+1, mostStalls)
				return false, nil
			}
			idle.Reset(l.idleTime())
			// A stream in which the position was not found is of a newer file, which may be empty.
			if suspect = l.goesOn(ctx, !scanner.searching); suspect {
				idle.Reset(stalledTime << l.stalls)
			}
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (l *logCopy) idleTime() time.Duration {
	if l.size < smallLog {
		return idleTimeSmall
	}
	return idleTime
}

// goesOn reports whether the log continues after the position, judging by its last line. That there is
// none at all is only strange in a file that held the position.
func (l *logCopy) goesOn(ctx context.Context, sameFile bool) bool {
	ctx, cancel := context.WithTimeout(ctx, gapPatience)
	defer cancel()
	asked := l.lag.now()
	stream, err := l.source.Open(ctx, LogPart{Last: 1})
	if err != nil {
		return false // next time, then
	}
	defer stream.Close()
	head, err := io.ReadAll(io.LimitReader(stream, longestTime))
	if err != nil {
		return false
	}
	if len(head) == 0 {
		return l.at.started && sameFile
	}
	written, ok := parseTime(head)
	if ok && l.at.started && written == l.at.lastTime() {
		l.lastKnown = max(l.lastKnown, asked.UnixNano()-int64(l.lag.ahead))
		return false
	}
	return ok
}

// parseTime reads the time at the beginning of a line.
func parseTime(line []byte) (int64, bool) {
	text, _, _ := bytes.Cut(line, []byte(" "))
	written, err := time.Parse(time.RFC3339Nano, string(text))
	return written.UnixNano(), err == nil
}

// errNoAnchor says that what was written last is not in the log any more.
var errNoAnchor = errors.New("the log was rotated")

// ending is what finish does where the log doesn't hold the position any more. By default it continues
// with the first later line, and gives notice that lines may be missing.
type ending struct {
	onlyAnchored  bool // write nothing and return errNoAnchor
	afterRotation bool // the file with the position was read to its end
	last          bool // there will be no other stream
}

// finish reads what is in the log now, from the position on, to its end.
func (l *logCopy) finish(ctx context.Context, how ending) error {
	stream, err := l.source.Open(ctx, LogPart{Since: l.since()})
	if err != nil {
		return err
	}
	defer stream.Close()
	scanner := l.newScanner(ctx, how)
	// A plain loop: io.Copy would hand the stream's own errors and the writer's back alike.
	buffer := make([]byte, logChunk)
	for {
		n, err := stream.Read(buffer)
		scanner.readAt = l.lag.now()
		if _, err := scanner.Write(buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			if how.onlyAnchored && scanner.searching || !scanner.endSearch() {
				return errNoAnchor
			}
			scanner.endMessage()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type chunk struct {
	data []byte
	err  error
	at   time.Time // when it was read, by the cluster's clock
}

// readChunks reads a stream in its own goroutine until stop is called. A chunk's data is valid
// until the next one but one is received.
func readChunks(stream io.ReadCloser, now func() time.Time) (chunks <-chan chunk, stop func()) {
	out := make(chan chunk)
	stopped := make(chan struct{})
	go func() {
		buffers := [2][]byte{make([]byte, logChunk), make([]byte, logChunk)}
		for i := 0; ; i = 1 - i {
			n, err := stream.Read(buffers[i])
			select {
			case out <- chunk{buffers[i][:n], err, now()}:
			case <-stopped:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out, func() {
		close(stopped)
		stream.Close()
	}
}

// position is how far a log was written. Times are nanoseconds since 1970.
//
// The last line is known by its time, and where several lines have the same one, by how many of them
// there were. So a stream that was opened again is read, in the order of the file, up to this
// very line: no time is compared with another, and a clock that was set back does no harm.
type position struct {
	started bool
	written int64 // bytes of the last line, with its end
	latest  int64 // the latest time of all lines
	from    int64 // opens the next stream early enough for this time, too; 0 for none

	// recent are the times of the last lines, each with the number of lines in a row that have it.
	recent [16]struct{ time, lines int64 }
	last   int // index in recent
}

func (p *position) lastTime() int64 { return p.recent[p.last].time }

// linesAt counts the lines with the time of the last line.
func (p *position) linesAt() int64 {
	var lines int64
	for _, r := range p.recent {
		if r.time == p.lastTime() {
			lines += r.lines
		}
	}
	return lines
}

func (p *position) begin(time int64) {
	if !p.started || p.lastTime() != time {
		p.last = (p.last + 1) % len(p.recent)
		p.recent[p.last] = struct{ time, lines int64 }{time, 0}
	}
	p.recent[p.last].lines++
	if !p.started || time > p.latest {
		p.latest = time
	}
	p.started, p.written, p.from = true, 0, 0
}

// since is where a new stream must begin to hold the last line.
func (p *position) since() time.Time {
	if !p.started {
		return time.Time{}
	}
	from := p.lastTime()
	if p.from != 0 {
		from = min(from, p.from)
	}
	return time.Unix(0, from).Add(-sinceMargin).Truncate(time.Second)
}

// since is where the next stream must begin.
func (l *logCopy) since() time.Time {
	if from := l.at.since(); from.After(l.options.Since) {
		return from
	}
	return l.options.Since
}

// errStepBack says that a line is much older than the one above it: the clock was set back, or a
// node gave the log from its beginning again, as it does when its log file was rotated twice while
// the stream was slow. A new stream that begins early enough tells the two apart.
var errStepBack = errors.New("the times of the log step back")

// logScanner writes what is new in one stream. It keeps no more than a line's time in memory.
type logScanner struct {
	*logCopy
	ending // how to continue without the position
	ctx    context.Context
	buffer *bufio.Writer
	begun  time.Time // when the stream was opened
	readAt time.Time // when what is written now was read

	searching bool  // for the position
	missing   int64 // lines with the position's time that are still to come
	fresh     bool  // no new line was read since the position was found
	skip      int64 // bytes of the last line that were written before
	mode      scanMode
	head      []byte // the beginning of a line, up to the end of its time
}

type scanMode int

const (
	readTime    scanMode = iota // at the beginning of a line
	writeLine                   // in a line that is new, or in part
	dropLine                    // in a line that was written before
	readMessage                 // in a line without a time
)

// newScanner makes a scanner for a stream that was just opened.
func (l *logCopy) newScanner(ctx context.Context, how ending) *logScanner {
	now := l.lag.now()
	if !l.opened {
		l.opened, l.openedAt = true, now
	}
	return &logScanner{
		logCopy: l, ending: how, ctx: ctx, begun: now, readAt: now, buffer: bufio.NewWriterSize(l.out, 2*logChunk),
		searching: l.at.started, missing: l.at.linesAt(), fresh: true,
	}
}

// Write takes the next bytes of the stream. What of them is new reaches the output before it
// returns, also if it returns errStepBack.
func (s *logScanner) Write(data []byte) (int, error) {
	size := len(data)
	for len(data) > 0 {
		rest, err := s.step(data)
		if err != nil {
			if flushErr := s.buffer.Flush(); flushErr != nil {
				return 0, outError{flushErr}
			}
			return 0, err
		}
		data = rest
	}
	if err := s.buffer.Flush(); err != nil {
		return 0, outError{err}
	}
	s.checkBeginning()
	return size, nil
}

// step takes as much of data as belongs together.
func (s *logScanner) step(data []byte) (rest []byte, err error) {
	end := bytes.IndexByte(data, '\n') + 1
	line := data
	if end > 0 {
		line = data[:end]
	}
	switch s.mode {
	case readTime:
		return s.readTime(data)
	case writeLine:
		dropped := min(s.skip, int64(len(line)))
		s.skip -= dropped
		fresh := line[dropped:]
		if _, err := s.buffer.Write(fresh); err != nil {
			return nil, outError{err}
		}
		s.at.written += int64(len(fresh))
		s.size += int64(len(fresh))
	case readMessage:
		if room := longNotice - len(s.head); room > 0 {
			s.head = append(s.head, line[:min(room, len(line))]...)
		}
		if end > 0 {
			s.endMessage()
		}
	}
	if end > 0 {
		s.mode, s.head = readTime, s.head[:0]
	}
	return data[len(line):], nil
}

// endSearch ends the last stream. Where the position was not found in it, nor a later line, it is of a
// newer file that has none, or was cut as if it had ended: endSearch returns false to have it opened again, once.
func (s *logScanner) endSearch() bool {
	if !s.searching || !s.last {
		return true
	}
	if !s.lost {
		s.lost = true
		return false
	}
	if late := s.lag.of(s.lastKnown, s.begun); !s.afterRotation || late >= shortestInterval && s.nodeBytes() >= smallLog {
		s.gap(s.at.lastTime(), 0)
	}
	return true
}

// endMessage hands on a message of the node.
func (s *logScanner) endMessage() {
	if text := bytes.TrimSpace(s.head); s.mode == readMessage && !s.searching && len(text) > 0 {
		s.notice(string(text))
	}
}

// readTime collects the beginning of a line and decides what becomes of the line.
func (s *logScanner) readTime(data []byte) (rest []byte, err error) {
	i := bytes.IndexAny(data[:min(len(data), longestTime-len(s.head))], " \n")
	if i < 0 {
		n := min(len(data), longestTime-len(s.head))
		s.head = append(s.head, data[:n]...)
		if len(s.head) >= longestTime {
			s.mode = readMessage
		}
		return data[n:], nil
	}
	s.head = append(s.head, data[:i]...)
	written, err := time.Parse(time.RFC3339Nano, string(s.head))
	if err != nil || data[i] == '\n' {
		// Only the node itself writes lines without a time, and, at the beginning of a stream, what
		// is left of a line that began before it.
		s.mode = readMessage
		return data[i:], nil
	}
	if err := s.beginLine(written.UnixNano()); err != nil {
		return nil, err
	}
	s.head = s.head[:0]
	return data[i+1:], nil
}

func (s *logScanner) beginLine(time int64) error {
	s.mode = dropLine
	if s.searching {
		switch {
		case time == s.at.lastTime():
			if s.missing--; s.missing == 0 {
				s.searching = false
				s.mode, s.skip = writeLine, s.at.written
				s.late = s.lag.of(time, s.readAt)
			}
			return nil
		case time > s.at.latest && !s.onlyAnchored:
			s.searching = false
			if !s.afterRotation {
				s.gap(s.at.lastTime(), time)
				break
			}
			// The node came to the end of the older file before this stream was opened, and no one knows
			// how long before.
			s.late = s.lag.of(s.lastKnown, s.begun)
			s.checkGap(s.ctx, time)
		default:
			return nil
		}
	} else if s.at.started {
		s.checkGap(s.ctx, time)
	}
	if s.at.started && !s.fresh && time < s.at.lastTime()-int64(smallStep) {
		s.at.from = time
		return errStepBack
	}
	s.fresh, s.readUp = false, false
	s.mode, s.skip = writeLine, 0
	if !s.at.started {
		s.firstTime = time
	}
	s.at.begin(time)
	s.lines++
	s.lastKnown = time
	s.late = s.lag.of(time, s.readAt)
	if s.options.Timestamps {
		s.buffer.Write(s.head) // bufio keeps errors for the next write
		s.buffer.WriteByte(' ')
	}
	return nil
}
