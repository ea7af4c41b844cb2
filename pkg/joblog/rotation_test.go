package joblog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kubelet is a Source that rotates: as a kubelet does, it gives the newest file only, and a stream
// that has come to the end of an older one continues with the newest.
type kubelet struct {
	mutex  sync.Mutex
	files  [][]entry
	ended  chan struct{}
	asked  int    // requests for the first line
	opened int    // other requests
	all    string // what was written
}

func (k *kubelet) write(text string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if len(k.files) == 0 {
		k.files = [][]entry{nil}
	}
	newest := len(k.files) - 1
	k.files[newest] = append(k.files[newest], entry{time: time.Now().UnixNano(), text: text})
	k.all += text + "\n"
}

func (k *kubelet) rotate() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.files = append(k.files, nil)
}

func (k *kubelet) Now() time.Time { return time.Now() }

func (k *kubelet) Open(_ context.Context, part Part) (io.ReadCloser, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	newest := k.files[len(k.files)-1]
	switch {
	case part.First > 0:
		k.asked++
		whole := (&node{entries: newest}).render(time.Time{})
		return io.NopCloser(bytes.NewReader(whole[:min(len(whole), part.First)])), nil
	case part.Last > 0:
		return io.NopCloser(bytes.NewReader((&node{entries: newest[max(0, len(newest)-part.Last):]}).render(time.Time{}))), nil
	case part.Plain:
		return io.NopCloser(strings.NewReader((&node{entries: newest}).text())), nil
	}
	k.opened++
	return &kubeletStream{k: k, part: part, file: len(k.files) - 1, closed: make(chan struct{})}, nil
}

type kubeletStream struct {
	k        *kubelet
	part     Part
	file, at int
	rest     []byte
	closed   chan struct{}
	once     sync.Once
}

func (s *kubeletStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *kubeletStream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		s.k.mutex.Lock()
		switch entries := s.k.files[s.file]; {
		case s.at < len(entries):
			s.rest = (&node{entries: entries[s.at : s.at+1]}).render(s.part.Since)
			s.at++
		case !s.part.Follow:
			s.k.mutex.Unlock()
			return 0, io.EOF
		case s.file < len(s.k.files)-1:
			s.file, s.at = len(s.k.files)-1, 0
		default:
			s.k.mutex.Unlock()
			select {
			case <-time.After(10 * time.Millisecond):
			case <-s.closed:
				return 0, io.ErrClosedPipe
			}
			continue
		}
		s.k.mutex.Unlock()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// stopping is an output that stops for a while.
type stopping struct {
	bytes.Buffer
	at  int // bytes
	how time.Duration
}

func (s *stopping) Write(p []byte) (int, error) {
	if s.how > 0 && s.Len() >= s.at {
		time.Sleep(s.how)
		s.how = 0
	}
	return s.Buffer.Write(p)
}

// large is a line that makes a log one that may be rotated.
var large = strings.Repeat("much ", smallLog/5)

// A reader that is too slow is told so wherever a file may have come and gone meanwhile, and nowhere else.
func TestCopyKnowsWhatItMayHaveMissed(t *testing.T) {
	for name, test := range map[string]struct {
		pause   time.Duration // of the reader, once it has the first line
		rotate  bool          // every five seconds
		first   string
		missing bool
		asked   int
	}{
		"keeps up":                     {rotate: true, first: large},
		"slow, and rotated":            {pause: 32 * time.Second, rotate: true, first: large, missing: true, asked: 1},
		"slow, and not rotated":        {pause: 32 * time.Second, first: large, asked: 1},
		"slow, and too short for that": {pause: 32 * time.Second, first: "short"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &kubelet{ended: make(chan struct{})}
				k.write(test.first)
				go func() {
					for i := range 20 {
						time.Sleep(3 * time.Second)
						k.write(fmt.Sprint(i))
						if test.rotate && i%3 == 2 {
							k.rotate()
						}
					}
					close(k.ended)
				}()
				out := &stopping{at: 1, how: test.pause}
				var notices []string
				err := Copy(t.Context(), k, Life{Started: time.Now()}, k.ended, out, func(s string) { notices = append(notices, s) }, Options{})
				if whole := out.String() == k.all; whole == test.missing {
					t.Errorf("whole: %v; got …%q", whole, out.String()[max(0, out.Len()-60):])
				}
				if IsIncomplete(err) != test.missing || !test.missing && err != nil {
					t.Errorf("error %v", err)
				}
				if (len(notices) == 1) != test.missing || k.asked != test.asked {
					t.Errorf("notices %q, asked %d times", notices, k.asked)
				}
			})
		})
	}
}

// A whole file is gone, and the newest has nothing in it.
func TestCopyThatEndsWithAnEmptyFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kubelet{ended: make(chan struct{})}
		k.write(large)
		go func() {
			for i := range 5 {
				time.Sleep(3 * time.Second)
				k.write(fmt.Sprint(i))
				k.rotate()
			}
			close(k.ended)
		}()
		out := &stopping{at: 1, how: 20 * time.Second}
		err := Copy(t.Context(), k, Life{}, k.ended, out, nil, Options{})
		if err == nil || !strings.Contains(err.Error(), " may be missing") || !strings.Contains(err.Error(), "written after ") {
			t.Errorf("%v; got …%q", err, out.String()[max(0, out.Len()-60):])
		}
	})
}

func TestBeginningNotice(t *testing.T) {
	for name, test := range map[string]struct {
		hidden, visible time.Duration
		bytes           int64
		want            bool
	}{
		"begins at once":                 {900 * time.Millisecond, time.Second, 8 << 20, false},
		"short, and begins late":         {time.Hour, time.Second, 100 << 10, false},
		"steady, and begins late":        {30 * time.Second, time.Hour, 4 << 20, false},
		"fast, and begins late":          {14 * time.Second, 2 * time.Second, 4 << 20, true},
		"for long at the pace of a file": {time.Hour, time.Minute, 3 << 20, true},
	} {
		if got := beginningNotice(test.hidden, test.visible, test.bytes); (got != "") != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The beginning of a log may be gone however it is read.
func TestLogWithoutItsBeginning(t *testing.T) {
	const seconds = 10
	for name, options := range map[string]Options{"plain": {}, "with times": {Timestamps: true}} {
		for what, test := range map[string]struct {
			before  time.Duration // of the container's life, before the first line
			options Options
			want    bool
		}{
			"gone":          {before: seconds * time.Second, options: options, want: true},
			"there":         {options: options},
			"not asked for": {before: seconds * time.Second, options: Options{Since: time.Unix(1, 0), Timestamps: options.Timestamps}},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					k := &kubelet{ended: make(chan struct{})}
					close(k.ended)
					begun := Life{Started: time.Now()}
					time.Sleep(test.before)
					for range 4 {
						time.Sleep(300 * time.Millisecond)
						k.write(large)
					}
					begun.Ended = time.Now()
					var notices []string
					err := CopyEnded(t.Context(), k, begun, io.Discard, func(s string) { notices = append(notices, s) }, test.options)
					if err != nil || (len(notices) == 1) != test.want {
						t.Errorf("%v, notices %q", err, notices)
					}
					if test.want && notices[0] != "the log begins 10s after the container was started: earlier lines are missing if the node has rotated its log file" {
						t.Errorf("%q", notices[0])
					}
				})
			})
		}
	}
}

// A stream that is opened before the first line has the beginning, however late that comes.
func TestLogThatBeginsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kubelet{ended: make(chan struct{}), files: [][]entry{nil}}
		go func() {
			time.Sleep(time.Minute)
			for range 4 {
				time.Sleep(300 * time.Millisecond)
				k.write(large)
			}
			close(k.ended)
		}()
		var notices []string
		err := Copy(t.Context(), k, Life{Started: time.Now()}, k.ended, io.Discard, func(s string) { notices = append(notices, s) }, Options{})
		if err != nil || len(notices) > 0 {
			t.Errorf("%v, notices %q", err, notices)
		}
	})
}
