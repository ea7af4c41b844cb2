// Package spool keeps what a program writes until a slow reader takes it, so that the program never
// waits: some of it in memory, and the rest in a private file.
//
// A kubelet rotates the log of a container whether or not somebody still reads it. Whoever waits for a
// slow reader before reading on therefore loses lines.
package spool

import (
	"context"
	"io"
	"sync"
)

// Limits are how much a Writer keeps at most; zero stands for the default.
type Limits struct {
	Memory int   // bytes in memory: 1 MiB
	File   int64 // bytes in the file: 1 GiB; negative for no file
}

const (
	defaultMemory = 1 << 20
	defaultFile   = 1 << 30
	pieceSize     = 256 << 10 // bytes written to the output at once, at most
)

// Writer hands what is written to it on to an output, in order, from a separate goroutine. Write waits
// only where the limits are reached or the file can't be written. It is safe for use by several
// goroutines.
//
// The file is made in the directory for temporary files once memory does not do. Only this user can
// open it, it has no name (on Windows until Close), and what is in it is encrypted with a key that only
// this process knows: a log may contain what nobody wants on a disk.
type Writer struct {
	out    io.Writer
	limits Limits
	failed chan struct{} // closed with the first error of out

	mutex   sync.Mutex
	changed *sync.Cond
	begun   bool // the goroutine runs
	closed  bool
	err     error
	piece   []byte // what the output takes now
	head    []byte // the bytes after it
	file    ring   // those after head
	tail    []byte // those after file
	total   int64  // bytes that were ever written to the Writer
	done    int64  // bytes of these that out has taken
	marks   []mark
	calling bool // functions of After are running
}

// mark is a function to call when out has taken so many bytes.
type mark struct {
	at   int64
	call func()
}

// New returns a Writer for an output. Close it when all is done.
func New(out io.Writer, limits Limits) *Writer {
	if limits.Memory == 0 {
		limits.Memory = defaultMemory
	}
	if limits.File == 0 {
		limits.File = defaultFile
	}
	w := &Writer{out: out, limits: limits, failed: make(chan struct{}), file: ring{limit: limits.File}}
	w.changed = sync.NewCond(&w.mutex)
	return w
}

// Write keeps p. It returns the error that the output had with something earlier.
func (w *Writer) Write(p []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.begin()
	written := 0
	for len(p) > 0 {
		for w.room() == 0 && w.err == nil && !w.closed {
			w.changed.Wait()
		}
		if w.err != nil {
			return written, w.err
		}
		if w.closed {
			return written, io.ErrClosedPipe
		}
		n := min(w.room(), len(p))
		if w.file.size == 0 && len(w.tail) == 0 && len(w.head) < w.limits.Memory/2 {
			w.head = append(w.head, p[:n]...)
		} else {
			w.tail = append(w.tail, p[:n]...)
		}
		w.total += int64(n)
		written += n
		p = p[n:]
		w.changed.Broadcast()
	}
	return written, nil
}

// room is how many bytes can be kept now. It makes room in memory where it can.
func (w *Writer) room() int {
	half := w.limits.Memory / 2
	if w.file.size == 0 && len(w.tail) == 0 && len(w.head) < half {
		return half - len(w.head)
	}
	if len(w.tail) >= half && w.file.append(w.tail) {
		w.tail = w.tail[:0]
	}
	return max(0, half-len(w.tail))
}

// After calls a function once the output has taken all that was written so far, in order with other
// functions, and at once where the output has failed or nothing is left to take.
func (w *Writer) After(call func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.begin()
	w.marks = append(w.marks, mark{w.total, call})
	w.changed.Broadcast()
}

// Failed is closed when the output has failed; Err says why.
func (w *Writer) Failed() <-chan struct{} { return w.failed }

// Err is the error of the output, or of the file.
func (w *Writer) Err() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.err
}

// Context returns a context that ends with ctx, or when the output fails, with its error as the cause.
func (w *Writer) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-w.failed:
			cancel(w.Err())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// Flush waits until the output has taken everything and all functions of After were called. It returns
// the error of the output, or of ctx.
func (w *Writer) Flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.changed.Broadcast()
	})()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for w.err == nil && w.done < w.total || len(w.marks) > 0 || w.calling {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if w.closed {
			return io.ErrClosedPipe
		}
		w.changed.Wait()
	}
	return w.err
}

// Close drops what the output has not taken, and removes the file. A write to the output that is under
// way is not waited for.
func (w *Writer) Close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.closed = true
	w.marks = nil
	w.file.remove()
	w.changed.Broadcast()
}

func (w *Writer) begin() {
	if !w.begun {
		w.begun = true
		go w.handOn()
	}
}

// handOn is the goroutine.
func (w *Writer) handOn() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for {
		w.callMarks()
		piece := w.next()
		if piece == nil {
			return
		}
		if len(piece) == 0 {
			continue
		}
		w.mutex.Unlock()
		n, err := w.out.Write(piece)
		w.mutex.Lock()
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			w.fail(err)
		}
		w.done += int64(len(piece))
		w.changed.Broadcast()
	}
}

// callMarks calls the functions that are due, without the lock.
func (w *Writer) callMarks() {
	for len(w.marks) > 0 && (w.marks[0].at <= w.done || w.err != nil) {
		call := w.marks[0].call
		w.marks = w.marks[1:]
		w.calling = true
		w.mutex.Unlock()
		call()
		w.mutex.Lock()
		w.calling = false
		w.changed.Broadcast()
	}
}

// next waits for something to do, and takes the oldest bytes up to the next mark: none where only a
// mark is due, nil once the Writer is closed.
func (w *Writer) next() []byte {
	for {
		switch {
		case w.closed:
			return nil
		case len(w.marks) > 0 && (w.marks[0].at <= w.done || w.err != nil):
			return []byte{}
		case w.err != nil:
		case len(w.head) > 0:
			n := min(len(w.head), pieceSize)
			if len(w.marks) > 0 {
				n = int(min(int64(n), w.marks[0].at-w.done))
			}
			w.piece = append(w.piece[:0], w.head[:n]...)
			w.head = append(w.head[:0], w.head[n:]...)
			return w.piece
		case w.file.size > 0:
			var err error
			if w.head, err = w.file.take(w.head, min(w.limits.Memory/2, pieceSize)); err != nil {
				w.fail(err)
				continue
			}
			w.changed.Broadcast()
			continue
		case len(w.tail) > 0:
			w.head, w.tail = w.tail, w.head
			w.changed.Broadcast()
			continue
		}
		w.changed.Wait()
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
		close(w.failed)
		w.head, w.tail = nil, nil
		w.file.remove()
	}
}
