// Package terminal lends the user's terminal to a process elsewhere, and gives it back as it was.
package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/moby/term"

	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
)

// DetachKeys are what to press to leave a process that keeps running, as people say it.
const DetachKeys = "Ctrl-P Ctrl-Q"

// detachKeys are the same as bytes.
var detachKeys = []byte{'P' & 0x1f, 'Q' & 0x1f}

// ExitHangup is the exit code of a command whose terminal is gone, as shells report it.
const ExitHangup = 128 + 1

// What ends a loan before the process does.
var (
	ErrDetached = errors.New("detached")
	ErrHangup   = errors.New("the terminal was closed")
)

// Terminal is the terminal of a command: two streams of it, which may be the same one.
type Terminal struct {
	in, out *os.File

	end context.CancelCauseFunc // of Begin's context

	lock   sync.Mutex
	before *term.State // nil: it is not lent
	outWas *term.State
	raw    atomic.Bool
}

// Of returns the terminal of the streams of a command, or nil where they are none.
func Of(in io.Reader, out io.Writer) *Terminal {
	input, inOK := in.(*os.File)
	output, outOK := out.(*os.File)
	if !inOK || !outOK || !term.IsTerminal(input.Fd()) || !term.IsTerminal(output.Fd()) {
		return nil
	}
	return &Terminal{in: input, out: output}
}

// Detach says whether the detach keys have their meaning. Where they have, Ctrl-P reaches the process
// with the next key.
type Detach bool

// A process that would be lost without a terminal can't be left.
const (
	Detaching   Detach = true
	NoDetaching Detach = false
)

// Begin returns a context that ends, with ErrDetached or ErrHangup as its cause, when the user has
// pressed the detach keys or the terminal is gone; and what is typed, for a process that reads it
// until then. The terminal is given back when the context ends.
func (t *Terminal) Begin(ctx context.Context, detach Detach) (context.Context, io.Reader) {
	ctx, t.end = context.WithCancelCause(ctx)
	context.AfterFunc(ctx, t.Restore)
	var from io.Reader = t.in
	if detach {
		from = term.NewEscapeProxy(t.in, detachKeys)
	}
	return ctx, &keys{from: from, end: t.end, gone: ctx.Done()}
}

// Lend hands every key to the reader, Ctrl-C included, until Restore is called or ctx, which is
// Begin's, ends. Signals that end the command restore the terminal first.
func (t *Terminal) Lend(ctx context.Context) (err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.before != nil || ctx.Err() != nil {
		return nil
	}
	if t.before, err = term.SetRawTerminal(t.in.Fd()); err != nil {
		return fmt.Errorf("the terminal can't be used: %w", err)
	}
	t.outWas, _ = term.SetRawTerminalOutput(t.out.Fd()) // only Windows has it, and not all of them
	t.raw.Store(true)

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer signal.Stop(signals) // whoever else waits for them decides; a second one ends the process
		select {
		case got := <-signals:
			t.Restore()
			if got == syscall.SIGHUP {
				t.end(ErrHangup)
			}
		case <-ctx.Done():
		}
	}()
	return nil
}

// Restore gives the terminal back. It may be called at any time, and more than once.
func (t *Terminal) Restore() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.before == nil {
		return
	}
	_ = term.RestoreTerminal(t.in.Fd(), t.before) // nothing more can be done about it
	if t.outWas != nil {
		_ = term.RestoreTerminal(t.out.Fd(), t.outWas)
	}
	t.before = nil
	t.raw.Store(false)
}

// Sizes returns a channel with the size of the window, now and whenever it changes, until ctx ends.
func (t *Terminal) Sizes(ctx context.Context) <-chan remote.Size {
	sizes := make(chan remote.Size)
	go func() {
		defer close(sizes)
		changed, stop := t.resized()
		defer stop()
		var last remote.Size
		for {
			if window, err := term.GetWinsize(t.out.Fd()); err == nil {
				size := remote.Size{Width: window.Width, Height: window.Height}
				if size != last && size.Width > 0 && size.Height > 0 {
					last = size
					select {
					case sizes <- size:
					case <-ctx.Done():
						return
					}
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}

// keys are what is typed on a terminal that is lent.
type keys struct {
	from io.Reader
	end  context.CancelCauseFunc
	gone <-chan struct{}
}

// Read never tells of an end: the process that reads is not to be told that its input is over when
// the user only leaves.
func (k *keys) Read(data []byte) (int, error) {
	n, err := k.from.Read(data)
	if n > 0 || err == nil {
		return n, nil // an error comes again
	}
	if errors.As(err, &term.EscapeError{}) {
		k.end(ErrDetached)
	} else {
		k.end(ErrHangup)
	}
	<-k.gone
	return 0, io.EOF
}

// Lines returns a writer for lines of text beside what the process shows: on a terminal that is lent
// a line end alone doesn't begin a new line.
func (t *Terminal) Lines(w io.Writer) io.Writer { return &lines{w, t} }

type lines struct {
	io.Writer
	terminal *Terminal
}

// Write is part of io.Writer.
func (l *lines) Write(data []byte) (int, error) {
	if !l.terminal.raw.Load() {
		return l.Writer.Write(data)
	}
	if _, err := l.Writer.Write(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Fd makes it known that this is a terminal, where it is.
func (l *lines) Fd() uintptr {
	if file, ok := l.Writer.(interface{ Fd() uintptr }); ok {
		return file.Fd()
	}
	return ^uintptr(0)
}
