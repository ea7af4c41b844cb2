package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
)

// gate is an output that takes nothing until it is opened.
type gate struct {
	opened chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.opened
	return g.Buffer.Write(p)
}

// pieces writes n bytes that never repeat soon, in pieces of any size.
func pieces(t *testing.T, w io.Writer, random *rand.Rand, n int) []byte {
	t.Helper()
	var all []byte
	for len(all) < n {
		piece := make([]byte, 1+random.IntN(min(300, n-len(all))))
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		all = append(all, piece...)
	}
	return all
}

func TestNobodyWaitsForASlowReader(t *testing.T) {
	out := &gate{opened: make(chan struct{})}
	w := New(out, Limits{Memory: 1000, File: 1 << 20})
	defer w.Close()
	want := pieces(t, w, rand.New(rand.NewPCG(1, 2)), 500_000) // would wait forever without the file
	close(out.opened)
	if err := w.Flush(t.Context()); err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%v, %d bytes, want %d", err, out.Len(), len(want))
	}
}

// The file is used as a ring: a reader that stays behind needs no more than the limit.
func TestAReaderThatStaysBehind(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	reader, writer := io.Pipe()
	w := New(writer, Limits{Memory: 100, File: 2000})
	defer w.Close()
	var got bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 700)
		for {
			n, err := reader.Read(buffer[:1+random.IntN(len(buffer)-1)])
			got.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	want := pieces(t, w, rand.New(rand.NewPCG(5, 6)), 200_000)
	if err := w.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := w.file.file.Stat(); err != nil || info.Size() > 2000 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	writer.Close()
	<-done
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes, want %d", got.Len(), len(want))
	}
}

// Without a file, or with one that is full, Write waits, as it would without a Writer.
func TestWriteWaitsAtTheLimits(t *testing.T) {
	for name, limit := range map[string]int64{"no file": -1, "full file": 500} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &gate{opened: make(chan struct{})}
				w := New(out, Limits{Memory: 100, File: limit})
				defer w.Close()
				var want []byte
				written := make(chan struct{})
				go func() {
					defer close(written)
					want = pieces(t, w, rand.New(rand.NewPCG(7, 8)), 3000)
				}()
				synctest.Wait()
				select {
				case <-written:
					t.Error("it kept more than it may")
				default:
				}
				close(out.opened)
				<-written
				if err := w.Flush(t.Context()); err != nil || !bytes.Equal(out.Bytes(), want) {
					t.Errorf("%v, %d bytes, want %d", err, out.Len(), len(want))
				}
			})
		})
	}
}

func TestAFileThatCannotBeMade(t *testing.T) {
	t.Setenv("TMPDIR", "/dev/null/nowhere")
	var out bytes.Buffer
	w := New(&out, Limits{Memory: 100, File: 1 << 20})
	defer w.Close()
	want := pieces(t, w, rand.New(rand.NewPCG(9, 10)), 5000)
	if err := w.Flush(t.Context()); err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%v, %d bytes, want %d", err, out.Len(), len(want))
	}
}

func TestTheFileTellsNothing(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	out := &gate{opened: make(chan struct{})}
	w := New(out, Limits{Memory: 100, File: 1 << 20})
	defer w.Close()
	fmt.Fprint(w, strings.Repeat("canary ", 1000))
	content, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", w.file.file.Fd()))
	if err != nil || len(content) < 5000 || bytes.Contains(content, []byte("canary")) {
		t.Errorf("%v, %d bytes: %.40q", err, len(content), content)
	}
	if info, err := w.file.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	close(out.opened)
}

func TestAfterIsInOrder(t *testing.T) {
	out := &gate{opened: make(chan struct{})}
	w := New(out, Limits{Memory: 20, File: 1 << 20})
	defer w.Close()
	for i := range 100 {
		fmt.Fprintf(w, "line %d\n", i)
		w.After(func() { fmt.Fprintf(&out.Buffer, "after %d\n", i) })
	}
	close(out.opened)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(&want, "line %d\nafter %d\n", i, i)
	}
	if out.String() != want.String() {
		t.Errorf("got %q", out.String())
	}
}

type brokenOutput struct{ err error }

func (o brokenOutput) Write([]byte) (int, error) { return 0, o.err }

func TestAnOutputThatFails(t *testing.T) {
	full := errors.New("no space left on device")
	w := New(brokenOutput{full}, Limits{Memory: 100, File: 1 << 20})
	defer w.Close()
	ctx, stop := w.Context(t.Context())
	defer stop()
	if _, err := w.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, full) {
		t.Errorf("the context ended with %v", cause)
	}
	if _, err := w.Write([]byte("y")); !errors.Is(err, full) {
		t.Errorf("Write: %v", err)
	}
	called := false
	w.After(func() { called = true })
	if err := w.Flush(t.Context()); !errors.Is(err, full) || !called {
		t.Errorf("Flush: %v, called %v", err, called)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	out := &gate{opened: make(chan struct{})}
	defer close(out.opened)
	w := New(out, Limits{})
	defer w.Close()
	fmt.Fprint(w, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkWriter(b *testing.B) {
	piece := make([]byte, 32<<10)
	w := New(io.Discard, Limits{})
	defer w.Close()
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		if _, err := w.Write(piece); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
