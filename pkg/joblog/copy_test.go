package joblog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// entry is what a container runtime writes to the log file at once: a line, or a part of a long one.
type entry struct {
	time    int64 // nanoseconds
	text    string
	partial bool // the line continues in the next entry
}

// node is a Source that gives a log as a kubelet does (k8s.io/cri-client/pkg/logs): since drops
// entries one by one, and only the first entry of a line gets a time.
type node struct {
	mutex   sync.Mutex
	entries []entry
	first   int           // entries before it were rotated away
	cuts    []cut         // what becomes of the streams, in turn; the rest are whole
	ended   chan struct{} // the container's end
	opened  []time.Time   // the since of each stream
	onOpen  func(n *node) // before a stream is read
	err     func() error  // what Open returns
}

type cut struct {
	bytes int
	err   error
}

func (n *node) Open(ctx context.Context, part Part) (io.ReadCloser, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.onOpen != nil {
		n.onOpen(n)
	}
	if n.err != nil {
		if err := n.err(); err != nil {
			return nil, err
		}
	}
	if part.Last > 0 {
		if len(n.entries) == n.first {
			return io.NopCloser(strings.NewReader("")), nil
		}
		last := &node{entries: n.entries[len(n.entries)-1:]}
		return io.NopCloser(bytes.NewReader(last.render(time.Time{}))), nil
	}
	n.opened = append(n.opened, part.Since)
	stream := &nodeStream{data: n.render(part.Since), closed: make(chan struct{}), err: io.EOF}
	if part.Plain {
		stream.data = []byte(n.text())
	}
	switch {
	case len(n.cuts) > 0:
		stream.data = stream.data[:min(n.cuts[0].bytes, len(stream.data))]
		stream.err = n.cuts[0].err
		n.cuts = n.cuts[1:]
	case part.Follow:
		stream.until = n.ended
	}
	return stream, nil
}

func (n *node) render(since time.Time) []byte {
	var b bytes.Buffer
	newLine := true
	for _, e := range n.entries[n.first:] {
		if since.IsZero() || e.time >= since.UnixNano() {
			if newLine {
				b.WriteString(time.Unix(0, e.time).UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " ")
			}
			b.WriteString(e.text)
			if !e.partial {
				b.WriteByte('\n')
			}
		}
		newLine = !e.partial
	}
	return b.Bytes()
}

func (n *node) text() string {
	var b strings.Builder
	for _, e := range n.entries {
		b.WriteString(e.text)
		if !e.partial {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

type nodeStream struct {
	data   []byte
	err    error
	until  chan struct{} // the stream stays open until then
	closed chan struct{}
	once   sync.Once
}

func (s *nodeStream) Read(p []byte) (int, error) {
	if len(s.data) > 0 {
		n := copy(p[:min(len(p), 7)], s.data) // small pieces, so that they end anywhere
		s.data = s.data[n:]
		return n, nil
	}
	if s.until != nil {
		select {
		case <-s.until:
		case <-s.closed:
			return 0, errors.New("closed")
		}
	}
	return 0, s.err
}

func (s *nodeStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// begin is a second, so that stamps around it have different ones.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()

// awkward is a log with all that makes cutting hard.
func awkward() []entry {
	const ms, s = int64(time.Millisecond), int64(time.Second)
	return []entry{
		{time: begin, text: "first"},
		{time: begin + 1, text: "same"},
		{time: begin + 1, text: "same"},
		{time: begin + 1, text: ""},
		{time: begin + 1, text: "same"},
		{time: begin + 5*ms, text: "stdout"},
		{time: begin + 4*ms, text: "stderr, a little earlier"},
		{time: begin + 5*ms, text: "the time of the line before the last"},
		{time: begin + 999*ms, text: "a long line, ", partial: true},
		{time: begin + 1001*ms, text: "its middle, ", partial: true},
		{time: begin + 4*s, text: "its end"},
		{time: begin + 4*s, text: "2026-01-02T03:04:05.000000000Z a time in the text"},
		{time: begin + 5*s, text: "\x00\xff\r binary"},
		{time: begin + 3600*ms, text: "the clock was set back"},
		{time: begin + 3601*ms, text: "and goes on from there"},
		{time: begin + 6*s, text: "rpc error: no"},
		{time: begin + 9*s, text: "without a line end", partial: true},
	}
}

func TestCopyCutAnywhere(t *testing.T) {
	whole := (&node{entries: awkward()}).render(time.Time{})
	for offset := range len(whole) + 1 {
		for _, err := range []error{io.EOF, io.ErrUnexpectedEOF} {
			for _, late := range []bool{false, true} {
				if !late && err == io.EOF {
					continue // the end of the last stream is the end of the log
				}
				synctest.Test(t, func(t *testing.T) {
					ended := make(chan struct{})
					n := &node{entries: awkward(), ended: ended, cuts: []cut{{offset, err}}}
					if late {
						time.AfterFunc(time.Minute, func() { close(ended) })
					} else {
						close(ended)
					}
					checkCopy(t, n, ended, fmt.Sprintf("cut at byte %d with %v, late %v", offset, err, late))
				})
			}
		}
	}
}

// A clock may be set back by any amount while a stream is open, and the stream be cut after that.
// (Set back by more than sinceMargin while it is cut, lines are lost: the API leaves them out.)
func TestCopyEndedCutAnywhere(t *testing.T) {
	whole := len((&node{entries: awkward()}).text())
	for at := range whole + 1 {
		synctest.Test(t, func(t *testing.T) {
			n := &node{entries: awkward(), cuts: []cut{{at, io.ErrUnexpectedEOF}, {at / 2, io.ErrUnexpectedEOF}}}
			var out bytes.Buffer
			if err := CopyEnded(t.Context(), n, Life{}, &out, nil, Options{}); err != nil || out.String() != n.text() {
				t.Errorf("cut at %d: %v, %q, wanted %q", at, err, out.String(), n.text())
			}
		})
	}
}

func TestCopyEndedTellsMessagesOfTheNode(t *testing.T) {
	const message = nodeMessage + " for containerd://0123"
	for what, test := range map[string]struct {
		timed         string // the log with its times
		log, notified string
	}{
		"the node's":      {message, "", message},
		"the container's": {"2026-01-02T03:04:05.000000006Z " + message + "\n", message + "\n", ""},
	} {
		var out bytes.Buffer
		notified := ""
		source := sourceFunc(func(part Part) (io.ReadCloser, error) {
			if part.Plain {
				return io.NopCloser(strings.NewReader(message)), nil
			}
			return io.NopCloser(strings.NewReader(test.timed)), nil
		})
		err := CopyEnded(t.Context(), source, Life{}, &out, func(text string) { notified += text }, Options{})
		if err != nil || out.String() != test.log || notified != test.notified {
			t.Errorf("%s: %v, %q, notified of %q", what, err, out.String(), notified)
		}
	}
}

func TestCopyEndedGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		source := sourceFunc(func(Part) (io.ReadCloser, error) {
			opened++
			return io.NopCloser(&nodeStream{data: []byte("half"), closed: make(chan struct{}), err: io.ErrUnexpectedEOF}), nil
		})
		var out bytes.Buffer
		err := CopyEnded(t.Context(), source, Life{}, &out, nil, Options{})
		if !errors.Is(err, io.ErrUnexpectedEOF) || out.String() != "half" || opened > 20 {
			t.Errorf("%v after %d attempts, %q", err, opened, out.String())
		}
	})
}

func TestCopyWithAClockSetBack(t *testing.T) {
	const hour = int64(time.Hour)
	entries := []entry{
		{time: begin, text: "before"},
		{time: begin + 1, text: "before"},
		{time: begin - hour, text: "after"},
		{time: begin - hour + 1, text: "after"},
		{time: begin, text: "again"},
		{time: begin + hour, text: "late"},
	}
	n := &node{entries: entries}
	whole := len(n.render(time.Time{}))
	n.entries = entries[:3]
	for offset := len(n.render(time.Time{})); offset <= whole; offset++ {
		synctest.Test(t, func(t *testing.T) {
			ended := make(chan struct{})
			time.AfterFunc(time.Minute, func() { close(ended) })
			// The step itself makes Copy open the log again; it is the second stream that is cut.
			n := &node{entries: entries, ended: ended, cuts: []cut{{whole, io.ErrUnexpectedEOF}, {offset, io.ErrUnexpectedEOF}}}
			checkCopy(t, n, ended, fmt.Sprintf("cut at byte %d", offset))
		})
	}
}

// checkCopy copies the log and compares.
func checkCopy(t testing.TB, n *node, ended chan struct{}, what string) {
	t.Helper()
	var out bytes.Buffer
	var notices []string
	if err := Copy(t.Context(), n, Life{}, ended, &out, func(s string) { notices = append(notices, s) }, Options{}); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got, want := out.String(), n.text(); got != want {
		t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
	if len(notices) > 0 {
		t.Fatalf("%s: notices %q", what, notices)
	}
}

func TestCopyCutManyTimes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var entries []entry
		now := begin
		steps := rapid.SampledFrom([]int64{0, 0, 1, int64(time.Millisecond), int64(time.Second), -int64(time.Millisecond)})
		texts := rapid.SampledFrom([]string{"", "x", "line", "a b c", strings.Repeat("long ", 20)})
		for range rapid.IntRange(0, 30).Draw(r, "lines") {
			now += steps.Draw(r, "step")
			entries = append(entries, entry{now, texts.Draw(r, "text"), rapid.IntRange(0, 9).Draw(r, "partial") == 0})
		}
		cuts := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) cut {
			return cut{rapid.IntRange(0, 1500).Draw(r, "bytes"), rapid.SampledFrom([]error{io.EOF, io.ErrUnexpectedEOF}).Draw(r, "err")}
		}), 0, 8).Draw(r, "cuts")
		endsAfter := time.Duration(rapid.IntRange(0, 5).Draw(r, "ends")) * time.Second

		synctest.Test(t, func(t *testing.T) {
			ended := make(chan struct{})
			time.AfterFunc(endsAfter, func() { close(ended) })
			var out bytes.Buffer
			n := &node{entries: entries, ended: ended, cuts: slices.Clone(cuts)}
			// A clean end of the very last stream can't be told from the log's.
			if err := Copy(t.Context(), n, Life{}, ended, &out, nil, Options{}); err != nil && !(IsIncomplete(err) && endsWith(cuts, n.opened)) {
				r.Fatalf("%v", err)
			}
			if got, want := out.String(), n.text(); got != want && len(n.cuts) == 0 && !endsWith(cuts, n.opened) {
				r.Fatalf("\n got %q\nwant %q", got, want)
			}
		})
	})
}

// endsWith reports whether the last stream was one that was cut.
func endsWith(cuts []cut, opened []time.Time) bool { return len(opened) <= len(cuts) }

func TestCopyOfALongLineInConstantMemory(t *testing.T) {
	const size = 8 << 20
	data := io.MultiReader(
		strings.NewReader("2026-01-02T03:04:05.000000000Z "),
		io.LimitReader(zeros{}, size),
		strings.NewReader("\n2026-01-02T03:04:06.000000000Z end\n"))
	ended := make(chan struct{})
	close(ended)
	out := &counter{}
	allocated := testing.AllocsPerRun(1, func() {
		*out = counter{}
		source := sourceFunc(func(Part) (io.ReadCloser, error) { return io.NopCloser(data), nil })
		if err := Copy(t.Context(), source, Life{}, ended, out, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		data = strings.NewReader("") // the second run of AllocsPerRun
	})
	if allocated > 1000 {
		t.Errorf("%v allocations", allocated)
	}
}

type sourceFunc func(Part) (io.ReadCloser, error)

func (f sourceFunc) Open(_ context.Context, part Part) (io.ReadCloser, error) { return f(part) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type counter struct{ bytes, largest int }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	c.largest = max(c.largest, len(p))
	return len(p), nil
}

func TestCopyAfterRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		n := &node{ended: ended, cuts: []cut{{1 << 20, io.ErrUnexpectedEOF}}}
		for i := range int64(10) {
			n.entries = append(n.entries, entry{time: begin + i*int64(time.Millisecond), text: fmt.Sprint(i)})
		}
		n.onOpen = func(n *node) {
			if len(n.opened) == 1 { // while the stream is cut, the file with 0 to 9 goes, and 10 to 12 are lost
				for i := int64(10); i < 20; i++ {
					n.entries = append(n.entries, entry{time: begin + i*int64(time.Millisecond), text: fmt.Sprint(i)})
				}
				n.first = 13
			}
		}
		time.AfterFunc(time.Minute, func() { close(ended) })
		var out bytes.Buffer
		var notices []string
		err := Copy(t.Context(), n, Life{}, ended, &out, func(s string) { notices = append(notices, s) }, Options{})
		if err == nil || err.Error() != "lines written between 03:04:05.009Z and 03:04:05.013Z may be missing: the node rotated its log file before they could be read" {
			t.Fatal(err)
		}
		if want := "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n13\n14\n15\n16\n17\n18\n19\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
		if len(notices) != 1 || notices[0] != "lines written after 03:04:05.009Z may be missing: the node rotated its log file before they could be read" {
			t.Errorf("notices %q", notices)
		}
	})
}

// A kubelet whose reader was slow gives the newest file twice after two rotations.
func TestCopyGivenTwiceInOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		n := &node{ended: ended}
		for i := range int64(5) {
			n.entries = append(n.entries, entry{time: begin + i*int64(time.Second), text: fmt.Sprint(i)})
		}
		twice := append(n.render(time.Time{}), n.render(time.Time{})...)
		first := true
		source := sourceFunc(func(part Part) (io.ReadCloser, error) {
			if first {
				first = false
				return &nodeStream{data: twice, err: io.EOF, until: ended, closed: make(chan struct{})}, nil
			}
			return n.Open(t.Context(), part)
		})
		time.AfterFunc(time.Minute, func() { close(ended) })
		var out bytes.Buffer
		if err := Copy(t.Context(), source, Life{}, ended, &out, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		if out.String() != n.text() {
			t.Errorf("got %q, want %q", out.String(), n.text())
		}
	})
}

// While the container's end is looked for in a file that was rotated, the stream that is open still
// has the rest of the older one.
func TestCopyReadsOnWhatWasRotatedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		reader, writer := io.Pipe()
		line := func(i int64) string {
			return time.Unix(0, begin+i*int64(time.Second)).UTC().Format(time.RFC3339Nano) + fmt.Sprintf(" %d\n", i)
		}
		go func() {
			io.WriteString(writer, line(1))
			time.Sleep(time.Second) // virtual: the container has ended, and the network stalls
			io.WriteString(writer, line(2)+line(3))
			writer.Close()
		}()
		time.AfterFunc(time.Millisecond, func() { close(ended) })
		source := sourceFunc(func(part Part) (io.ReadCloser, error) {
			if part.Follow {
				return reader, nil
			}
			return io.NopCloser(strings.NewReader(line(3) + line(4))), nil
		})
		var out bytes.Buffer
		if err := Copy(t.Context(), source, Life{}, ended, &out, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		if want := "1\n2\n3\n4\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

// A kubelet may wait at the end of a file that was rotated away, and never see the new one.
func TestCopyLeavesAStreamThatStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		n := &node{ended: ended}
		add := func(from, to int64) {
			n.mutex.Lock()
			defer n.mutex.Unlock()
			for i := from; i < to; i++ {
				n.entries = append(n.entries, entry{time: begin + i*int64(time.Second), text: fmt.Sprint(i)})
			}
		}
		n.entries = []entry{{time: begin - 1, text: strings.Repeat("much ", smallLog)}}
		add(0, 10)
		time.AfterFunc(20*time.Second, func() { n.mutex.Lock(); n.first = 11; n.mutex.Unlock() })
		time.AfterFunc(40*time.Second, func() { add(10, 20) })
		time.AfterFunc(time.Hour, func() { close(ended) })
		var when time.Duration
		start := time.Now()
		out := writerFunc(func(p []byte) {
			if bytes.Contains(p, []byte("19\n")) {
				when = time.Since(start)
			}
		})
		var text bytes.Buffer
		var notices []string
		err := Copy(t.Context(), n, Life{}, ended, io.MultiWriter(out, &text), func(s string) { notices = append(notices, s) }, Options{})
		if err != nil || text.String() != n.text() || len(notices) > 0 {
			t.Errorf("%v, notices %q, got %.200q", err, notices, text.String())
		}
		if when > 40*time.Second+idleTime+2*stalledTime {
			t.Errorf("the new file was seen after %v", when)
		}
		if len(n.opened) > 5 {
			t.Errorf("opened %d times", len(n.opened))
		}
	})
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestCopyEndsAtOnceWithTheContainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		n := &node{ended: make(chan struct{}), entries: []entry{{time: begin, text: "x"}}} // the node never notices
		time.AfterFunc(time.Minute, func() { close(ended) })
		start := time.Now()
		checkCopy(t, n, ended, "")
		if took := time.Since(start); took > time.Minute+2*quietTime {
			t.Errorf("took %v more", took-time.Minute)
		}
	})
}

func TestCopyHasNoBusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		n := &node{entries: awkward(), ended: ended}
		n.cuts = slices.Repeat([]cut{{1 << 20, io.EOF}}, 10000) // the node ends each stream at once
		time.AfterFunc(time.Minute, func() { close(ended) })
		checkCopy(t, n, ended, "")
		if len(n.opened) > 80 {
			t.Errorf("opened %d times in a minute", len(n.opened))
		}
	})
}

func TestCopyErrors(t *testing.T) {
	gone := apierrors.NewNotFound(metav1.SchemeGroupVersion.WithResource("pods").GroupResource(), "p")
	down := errors.New("connection refused")
	for name, test := range map[string]struct {
		cuts []cut
		err  error
		want string
	}{
		"pod gone after the whole log":   {cuts: []cut{{1 << 20, io.EOF}}, err: gone},
		"pod gone after a cut":           {cuts: []cut{{100, io.ErrUnexpectedEOF}}, err: gone, want: "the end of the log can't be read"},
		"cluster gone forever":           {cuts: []cut{{100, io.ErrUnexpectedEOF}}, err: down, want: "the end of the log can't be read: connection refused"},
		"no right to read logs":          {err: apierrors.NewForbidden(metav1.SchemeGroupVersion.WithResource("pods").GroupResource(), "p", nil), want: "forbidden"},
		"kubelet not ready, but in time": {err: &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusBadRequest}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan struct{})
				n := &node{entries: awkward()[:12], ended: ended, cuts: test.cuts}
				start := time.Now()
				n.err = func() error {
					if len(n.opened) < len(test.cuts) || test.want == "" && test.err != gone && time.Since(start) > 20*time.Second {
						return nil
					}
					return test.err
				}
				time.AfterFunc(10*time.Second, func() { close(ended) })
				if err := Copy(t.Context(), n, Life{}, ended, io.Discard, nil, Options{}); !matches(err, test.want) {
					t.Errorf("%v; want %q", err, test.want)
				}
			})
		})
	}
}

func TestCopyStopsWithItsWriterAndItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left")
		n := &node{entries: awkward(), ended: make(chan struct{})}
		if err := Copy(t.Context(), n, Life{}, n.ended, failingWriter{full}, nil, Options{}); !errors.Is(err, full) {
			t.Errorf("the writer's error became %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Copy(ctx, n, Life{}, n.ended, io.Discard, nil, Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the context's error became %v", err)
		}
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestCopyTellsMessagesOfTheNode(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	source := sourceFunc(func(Part) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("2026-01-02T03:04:05.000000000Z out\nunable to retrieve container logs for containerd://123")), nil
	})
	var out bytes.Buffer
	var notices []string
	if err := Copy(t.Context(), source, Life{}, ended, &out, func(s string) { notices = append(notices, s) }, Options{}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "out\n" || !slices.Equal(notices, []string{"unable to retrieve container logs for containerd://123"}) {
		t.Errorf("out %q, notices %q", out.String(), notices)
	}
}

// FuzzCopy gives any bytes for a log, in pieces of any size: nothing depends on the size, nothing is made up, and it
// comes to an end.
func FuzzCopy(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:00.000000001Z a\n2026-01-01T00:00:00.000000002Z b\n"), 3)
	f.Add([]byte("2026-01-01T00:00:02Z a\n2026-01-01T00:00:00Z steps back\nno time\n\n \n"), 1)
	f.Add([]byte(nodeMessage+" for x\n2026-01-01T00:00:00Z"), 7)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if len(data) > 1<<12 {
			return
		}
		read := func(size int) (string, []string) {
			var out strings.Builder
			var notices []string
			source := sourceFunc(func(part Part) (io.ReadCloser, error) {
				return io.NopCloser(&pieces{data: data, size: size}), nil
			})
			ended := make(chan struct{})
			close(ended)
			if err := Copy(context.Background(), source, Life{}, ended, &out, func(text string) { notices = append(notices, text) }, Options{}); err != nil {
				t.Errorf("%q: %v", data, err)
			}
			return out.String(), notices
		}
		whole, notices := read(len(data) + 1)
		again, noticesAgain := read(1 + size&63)
		if whole != again || !slices.Equal(notices, noticesAgain) {
			t.Errorf("%q is %q %q, and in pieces %q %q", data, whole, notices, again, noticesAgain)
		}
		if len(whole) > len(data) {
			t.Errorf("%q became more: %q", data, whole)
		}
	})
}

// pieces reads so many bytes at once.
type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(p.size, len(to))], p.data)
	p.data = p.data[n:]
	return n, nil
}

// matches reports whether an error has the text, or is nil where there is to be none.
func matches(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}
