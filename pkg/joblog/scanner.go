package joblog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"time"
)

// errStepBack says that a line is much older than the one above it: the clock was set back, or a
// node gave the log from its beginning again, as it does when its log file was rotated twice while
// the stream was slow. A new stream that begins early enough tells the two apart.
var errStepBack = errors.New("the times of the log step back")

// scanner writes what is new in one stream. It keeps no more than a line's time in memory.
type scanner struct {
	*Copier
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
func (l *Copier) newScanner(ctx context.Context, how ending) *scanner {
	now := l.lag.now()
	if !l.opened {
		l.opened, l.openedAt = true, now
	}
	return &scanner{
		Copier: l, ending: how, ctx: ctx, begun: now, readAt: now, buffer: bufio.NewWriterSize(l.out, 2*chunkSize),
		searching: l.at.started, missing: l.at.linesAt(), fresh: true,
	}
}

// Write takes the next bytes of the stream. What of them is new reaches the output before it
// returns, also if it returns errStepBack.
func (s *scanner) Write(data []byte) (int, error) {
	size := len(data)
	for len(data) > 0 {
		rest, err := s.step(data)
		if err != nil {
			if flushErr := s.buffer.Flush(); flushErr != nil {
				return 0, OutputError{flushErr}
			}
			return 0, err
		}
		data = rest
	}
	if err := s.buffer.Flush(); err != nil {
		return 0, OutputError{err}
	}
	s.checkBeginning()
	return size, nil
}

// step takes as much of data as belongs together.
func (s *scanner) step(data []byte) (rest []byte, err error) {
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
			return nil, OutputError{err}
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
func (s *scanner) endSearch() bool {
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
func (s *scanner) endMessage() {
	if text := bytes.TrimSpace(s.head); s.mode == readMessage && !s.searching && len(text) > 0 {
		s.notice(string(text))
	}
}

// readTime collects the beginning of a line and decides what becomes of the line.
func (s *scanner) readTime(data []byte) (rest []byte, err error) {
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

func (s *scanner) beginLine(time int64) error {
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
	s.fresh, s.caughtUp = false, false
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
