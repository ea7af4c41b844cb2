package cmdline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"
)

// stdout is standard output where it is no terminal. It remembers that something could not be written, so
// that no command, whatever prints for it, ends as if all had been.
type stdout struct {
	io.Writer

	mutex  sync.Mutex
	failed error
}

// checked returns standard output as a session uses it. A terminal stays what it is, for those who lend it.
func checked(out io.Writer) io.Writer {
	if out == nil || IsTerminal(out) {
		return out
	}
	return &stdout{Writer: out}
}

// Write is part of io.Writer.
func (s *stdout) Write(data []byte) (int, error) {
	n, err := s.Writer.Write(data)
	if err == nil || errors.Is(err, syscall.EPIPE) { // nobody reads on: that is for them to decide
		return n, err
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("can't write to standard output: %w", err)
	}
	return n, s.failed // one error, however often it is met
}

// unsaid returns the first error of standard output, where err doesn't say so already.
func unsaid(out io.Writer, err error) error {
	s, ok := out.(*stdout)
	if !ok {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failed == nil || errors.Is(err, s.failed) {
		return nil
	}
	return s.failed
}

// Raw returns a stream of a session as the process has it, for another process.
func Raw(out io.Writer) io.Writer {
	if s, ok := out.(*stdout); ok {
		return s.Writer
	}
	return out
}
