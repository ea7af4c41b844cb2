package joblog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Source opens the log of one container. Where the part is not plain, every line begins with the
// time at which it was written (RFC 3339 with nanoseconds) and a space, as the API gives it for
// timestamps=true.
type Source interface {
	Open(ctx context.Context, part Part) (io.ReadCloser, error)
}

// Part says which part of a log to open, and how; the zero value is all that there is.
type Part struct {
	Plain  bool      // without the times
	Since  time.Time // lines written at this time or later; only whole seconds count
	Follow bool      // and those that are written until the container ends
	Last   int       // only so many lines before the end; 0: all
	First  int       // only so many bytes from the beginning; 0: all
}

// Options say what of a log to copy, and how; the zero value is all of it, as it was written.
type Options struct {
	// Since leaves out what was written before that second; zero leaves out nothing.
	Since time.Time
	// Timestamps puts the time at which a line was written, and a space, before the line.
	Timestamps bool
}

// plain reports whether the log is to be copied whole, and as it is.
func (o Options) plain() bool { return o == Options{} }

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

	chunkSize   = 32 << 10  // bytes read at once
	plainChunk  = 256 << 10 // bytes written at once of a log that has ended
	longestTime = 40        // bytes; "2006-01-02T15:04:05.000000000+07:00" has 35
	longNotice  = 500       // bytes of a message of the node that are shown
)

// reopenBackoff is the pause before a log is opened again after an attempt that brought nothing new.
func reopenBackoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 2 * time.Second}
}

// Copy writes the log of a container to out, from the first line that options ask for until
// everything that the container wrote before ended was closed is there. A stream that is cut is
// continued at the byte where it stopped: no line is lost or doubled, whatever their times. Where life
// is known, notice is also given of a beginning that is gone.
//
// notice, which may be nil, gets what is not the container's: messages of the node in the log, and
// where lines may be missing because the node's log file was rotated away before they were read.
// Its texts come from the cluster and are not harmless for a terminal.
//
// Out must not make Copy wait, since the node rotates its files meanwhile: package spool keeps what a
// slow reader does not take.
//
// Copy returns the error of out, the context's, one that says why the end of the log could not
// be read, or else an IncompleteError where lines may be missing.
func Copy(ctx context.Context, source Source, life Life, ended <-chan struct{}, out io.Writer, notice func(string), options Options) error {
	c := NewCopier(source, ended, out, notice)
	c.life, c.options = life, options
	return firstOf(c.Run(ctx), c.finished())
}

// NewCopier prepares to copy the log of a container whose end closes ended. It reads nothing yet.
func NewCopier(source Source, ended <-chan struct{}, out io.Writer, notice func(string)) *Copier {
	if notice == nil {
		notice = func(string) {}
	}
	return &Copier{source: source, ended: ended, out: out, notice: notice, lag: newLag(source)}
}

// Copier copies one log, and knows how far it came.
type Copier struct {
	source Source
	ended  <-chan struct{}
	out    io.Writer
	notice func(string)

	life     Life
	options  Options
	at       position
	size     int64 // bytes written
	lines    int64 // and lines
	caughtUp bool  // the file with the position was read to its end: only a whole file may be missing where it is gone

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

// OutputError is an error of the writer, after which reading on makes no sense.
type OutputError struct{ error }

// Unwrap returns the error of the writer.
func (e OutputError) Unwrap() error { return e.error }

// Run copies until the container has ended and all of its log was written. That lines may be missing is no error here.
func (l *Copier) Run(ctx context.Context) error {
	complete := false // the last stream ended by itself
	backoff := reopenBackoff()
	for !l.Ended() {
		before := l.at
		done, err := l.follow(ctx)
		if done || errors.As(err, &OutputError{}) || ctx.Err() != nil {
			return firstOf(ctx.Err(), err)
		}
		complete = err == nil || complete && apierrors.IsNotFound(err)
		l.caughtUp = l.caughtUp || err == nil
		if l.at != before {
			backoff = reopenBackoff()
		}
		if errors.Is(err, errStepBack) {
			continue // at once: the next stream begins early enough for this line
		}
		Pause(ctx, backoff.Step(), l.ended)
	}

	// What the container wrote last may have come after the stream was cut, or after a node closed
	// it too early.
	backoff = reopenBackoff()
	giveUp := time.Now().Add(endPatience)
	for {
		// A stream that ended by itself had read an older file to its end, if there was one.
		err := l.finish(ctx, ending{afterRotation: l.caughtUp, last: true})
		switch {
		case err == nil, errors.As(err, &OutputError{}), ctx.Err() != nil:
			return firstOf(ctx.Err(), err)
		case errors.Is(err, errStepBack):
			continue
		case apierrors.IsNotFound(err) && complete:
			return nil // the pod is gone, but not before its log was read to the end
		case apierrors.IsNotFound(err), apierrors.IsForbidden(err) && !l.opened, time.Now().After(giveUp):
			return fmt.Errorf("the end of the log can't be read: %w", err)
		}
		Pause(ctx, backoff.Step(), nil)
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

// Ended reports whether the container has ended.
func (l *Copier) Ended() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// Pause waits for a while, or less where ctx ends or orUntil is closed; nil is never closed.
func Pause(ctx context.Context, d time.Duration, orUntil <-chan struct{}) {
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
func (l *Copier) follow(ctx context.Context) (done bool, err error) {
	stream, err := l.source.Open(ctx, Part{Since: l.since(), Follow: true})
	if err != nil {
		return false, err
	}
	scanner := l.newScanner(ctx, ending{afterRotation: l.caughtUp})
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
			if errors.Is(chunk.err, io.EOF) {
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
			case l.at != before, errors.As(err, &OutputError{}):
				return false, err // this stream is behind now
			}
		case <-idle.C:
			if suspect {
				l.caughtUp = true
				l.stalls = min(l.stalls+1, mostStalls)
				return false, nil
			}
			idle.Reset(l.idleTime())
			// A stream in which the position was not found is of a newer file, which may be empty.
			if suspect = l.hasMore(ctx, !scanner.searching); suspect {
				idle.Reset(stalledTime << l.stalls)
			}
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (l *Copier) idleTime() time.Duration {
	if l.size < smallLog {
		return idleTimeSmall
	}
	return idleTime
}

// hasMore reports whether the log continues after the position, judging by its last line. That there is
// none at all is only strange in a file that held the position.
func (l *Copier) hasMore(ctx context.Context, sameFile bool) bool {
	ctx, cancel := context.WithTimeout(ctx, gapPatience)
	defer cancel()
	asked := l.lag.now()
	stream, err := l.source.Open(ctx, Part{Last: 1})
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

// CopyNow copies what is in the log now, from where the last call came to.
func (l *Copier) CopyNow(ctx context.Context) error { return l.finish(ctx, ending{}) }

// finish reads what is in the log now, from the position on, to its end.
func (l *Copier) finish(ctx context.Context, how ending) error {
	stream, err := l.source.Open(ctx, Part{Since: l.since()})
	if err != nil {
		return err
	}
	defer stream.Close()
	scanner := l.newScanner(ctx, how)
	// A plain loop: io.Copy would hand the stream's own errors and the writer's back alike.
	buffer := make([]byte, chunkSize)
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
		buffers := [2][]byte{make([]byte, chunkSize), make([]byte, chunkSize)}
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

// since is where the next stream must begin.
func (l *Copier) since() time.Time {
	if from := l.at.since(); from.After(l.options.Since) {
		return from
	}
	return l.options.Since
}
