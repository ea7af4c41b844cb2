// Package mask hides the values of secrets in what a program prints.
//
// The libraries that replace many words in a stream (Aho-Corasick, golang.org/x/text/transform) look
// for words as they are. A value may be broken into lines anywhere, by base64(1) or by what prints it,
// and what stands around it changes the letters at the ends of its base64, so this is our own code.
package mask

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Replacement is what is shown in place of a value.
const Replacement = "***"

// Values that begin at the end of a line, and may continue in the next, are waited for this long. The end
// of an ordinary line now and then looks like the first letters of a value. Where so much of the line is
// like a value that this can't be chance, there is more time, so that a cut connection is no leak.
const (
	patience     = 100 * time.Millisecond
	longPatience = 10 * time.Second
	noChance     = 16 // elements of a value
)

// Options say what a Writer hides, and in what.
type Options struct {
	// Values are those of the secrets. The Writer keeps no reference to them, but needs up to 45 bytes
	// of memory for each byte that a value has in the worst case.
	Values [][]byte
	// Timestamps says that each line begins with a word and a space that are not of the text, so that a
	// value of several lines is found around them. Where they end as a value begins, such as with a space, the rest of the
	// value after them is taken for all of it, and hidden too.
	Timestamps bool
}

// Writer passes on what is written to it, with "***" in place of every value. It is safe for use by
// several goroutines.
//
// Hidden are a value as it is, and its base64, standard and URL-safe, padded or not, also within the
// base64 of something longer (but for a first letter, which has at most four bits of the value). All of
// these are found across the pieces in which they are written, and where they are broken into lines at
// any place. Of values that overlap, all is hidden. A value with fewer than four bytes, line ends
// apart, is not hidden.
//
// The end of what was written may be the beginning of a value, and is held back then: within a line
// until more is written, and with the end of its line for a tenth of a second, or ten seconds where it
// is 16 letters of a value or more. Once it was shown, the rest of the value is still hidden. Everything
// else is passed on before Write returns. Flush passes on what is held back.
type Writer struct {
	out      io.Writer
	patterns []*pattern
	pairs    *[1 << 16]bool // two bytes in the text with which a value may begin
	begins   [256]bool      // one
	breaks   int            // how many line ends in a row there may be in a value

	mutex  sync.Mutex
	buffer buffer
	hidden []span // in the buffer; in order, and apart from each other
	live   int    // patterns that the text may be the beginning of
	ends   int    // line ends in a row at the end of the text
	inTime bool   // the text continues after the next space
	equals int    // "=" that belong to the value before, if they are next
	timer  *time.Timer
	due    time.Time // when it is to fire
	err    error     // of out, when the timer wrote to it
	scrap  []byte
}

// span is a part of the buffer that is hidden.
type span struct {
	from, to int
	told     bool // "***" was written before
}

// buffer is what is looked at: what was held back, and what is written now.
type buffer struct {
	bytes      []byte
	timestamps bool
}

// significant is the first place from i on that is not a line end, nor the time after one.
func (b *buffer) significant(i int) int {
	for i < len(b.bytes) && isLineEnd(b.bytes[i]) {
		i++
		if b.timestamps && b.bytes[i-1] == '\n' {
			space := bytes.IndexByte(b.bytes[i:], ' ')
			if space < 0 {
				return len(b.bytes)
			}
			i += space + 1
		}
	}
	return i
}

// New returns a Writer that writes to out.
func New(out io.Writer, o Options) *Writer {
	w := &Writer{out: out, pairs: new([1 << 16]bool), buffer: buffer{timestamps: o.Timestamps}}
	tables := newTables()
	longest := 0
	for _, value := range o.Values {
		w.patterns = append(w.patterns, patterns(value, tables)...)
		longest = max(longest, longestBreak(value))
	}
	w.breaks = 2 + 2*longest // where a program breaks lines with CR and LF
	for _, p := range w.patterns {
		for a := range 256 {
			if !p.fits(0, byte(a)) {
				continue
			}
			w.begins[a] = true
			for b := range 256 {
				if isLineEnd(byte(b)) || p.fits(1, byte(b)) {
					w.pairs[a<<8|b] = true
				}
			}
		}
	}
	return w
}

// longestBreak is how many line ends there are in a row.
func longestBreak(value []byte) (longest int) {
	run := 0
	for _, c := range value {
		if !isLineEnd(c) {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// Write passes on what is certain. It returns the error of the underlying Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if len(w.patterns) == 0 {
		return w.out.Write(p)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	held := w.buffer.bytes
	from := len(held)
	if from == 0 {
		w.buffer.bytes = p // without a copy
	} else {
		held = append(held, p...)
		w.buffer.bytes = held
	}
	w.look(from)
	err := w.release(w.firstHeld(), held)
	w.wait()
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// look goes through the buffer from a place on.
func (w *Writer) look(from int) {
	b := w.buffer.bytes
	for i := from; i < len(b) && w.equals > 0; i++ {
		if b[i] != '=' {
			w.equals = 0
			break
		}
		w.equals--
		w.hide(i, i+1, true)
	}
	for i := from; ; i++ {
		if w.live == 0 {
			if i = w.candidate(i); i == len(b) {
				return
			}
		}
		if i == len(b) {
			return
		}
		w.step(i)
	}
}

// candidate is the next place where a value may begin.
func (w *Writer) candidate(i int) int {
	b := w.buffer.bytes
	for ; i+1 < len(b); i++ {
		if w.pairs[uint16(b[i])<<8|uint16(b[i+1])] && w.likely(i) {
			return i
		}
	}
	if i < len(b) && !w.begins[b[i]] {
		return len(b)
	}
	return i
}

// likely looks at a few more bytes than two.
func (w *Writer) likely(i int) bool {
	const enough = 4
	for _, p := range w.patterns {
		k, at := 0, i
		for k < enough && at < len(w.buffer.bytes) && p.fits(k, w.buffer.bytes[at]) {
			k++
			at = w.buffer.significant(at + 1)
		}
		if k == enough || at == len(w.buffer.bytes) {
			return true
		}
	}
	return false
}

// step looks at one byte.
func (w *Writer) step(i int) {
	c := w.buffer.bytes[i]
	switch {
	case w.inTime:
		w.inTime = c != ' '
		return
	case isLineEnd(c):
		w.inTime = w.buffer.timestamps && c == '\n' && w.live > 0
		if w.ends++; w.ends > w.breaks {
			w.reset()
		}
		return
	}
	w.ends, w.live = 0, 0
	for _, p := range w.patterns {
		if found, from := p.step(&w.buffer, i); found {
			w.hide(from, i+1, false)
			w.hidePadding(i+1, p.padding)
		}
		if p.depth > 0 {
			w.live++
		}
	}
}

// reset forgets what may have been the beginning of a value.
func (w *Writer) reset() {
	for _, p := range w.patterns {
		p.reset()
	}
	w.live, w.inTime = 0, false
}

// hidePadding hides the "=" after a value.
func (w *Writer) hidePadding(from, most int) {
	to := from
	for to < len(w.buffer.bytes) && to < from+most && w.buffer.bytes[to] == '=' {
		to++
	}
	w.hidden[len(w.hidden)-1].to = max(w.hidden[len(w.hidden)-1].to, to)
	if to == len(w.buffer.bytes) {
		w.equals = max(w.equals, from+most-to)
	}
}

// hide hides a part of the buffer, together with those that it overlaps.
func (w *Writer) hide(from, to int, told bool) {
	for len(w.hidden) > 0 {
		last := w.hidden[len(w.hidden)-1]
		if last.to <= from {
			break
		}
		if last.from <= from {
			told = last.told
		}
		from, to = min(from, last.from), max(to, last.to)
		w.hidden = w.hidden[:len(w.hidden)-1]
	}
	w.hidden = append(w.hidden, span{from, to, told})
}

// firstHeld is where that begins which may be the beginning of a value.
func (w *Writer) firstHeld() int {
	first := len(w.buffer.bytes)
	if w.live > 0 {
		for _, p := range w.patterns {
			if p.depth > p.gone {
				first = min(first, p.start)
			}
		}
	}
	return first
}

// release writes the buffer up to a place, and keeps the rest, in the memory of held.
func (w *Writer) release(to int, held []byte) error {
	b := w.buffer.bytes
	err := w.write(b[:to])
	kept := w.hidden[:0]
	for _, s := range w.hidden {
		if s.to > to {
			kept = append(kept, span{max(0, s.from-to), s.to - to, s.told || s.from < to})
		}
	}
	w.hidden = kept
	for _, p := range w.patterns {
		p.start -= to
	}
	if to > 0 || len(held) == 0 {
		held = append(held[:0], b[to:]...)
	}
	w.buffer.bytes = held
	return err
}

// write writes the beginning of the buffer, at once.
func (w *Writer) write(b []byte) error {
	if len(w.hidden) == 0 || w.hidden[0].from >= len(b) {
		if len(b) == 0 {
			return nil
		}
		_, err := w.out.Write(b)
		return err
	}
	shown := w.scrap[:0]
	at := 0
	for _, s := range w.hidden {
		if s.from >= len(b) {
			break
		}
		shown = append(shown, b[at:s.from]...)
		if !s.told {
			shown = append(shown, Replacement...)
		}
		at = min(s.to, len(b))
	}
	shown = append(shown, b[at:]...)
	w.scrap = shown
	if len(shown) == 0 {
		return nil
	}
	_, err := w.out.Write(shown)
	return err
}

// wait sees to it that the end of a line is not held back for long.
func (w *Writer) wait() {
	if w.timer != nil {
		w.timer.Stop()
	}
	if bytes.IndexByte(w.buffer.bytes, '\n') < 0 {
		return
	}
	howLong := patience
	for _, p := range w.patterns {
		if p.depth >= noChance {
			howLong = longPatience
		}
	}
	w.due = time.Now().Add(howLong)
	if w.timer == nil {
		w.timer = time.AfterFunc(howLong, w.giveOutLines)
	} else {
		w.timer.Reset(howLong)
	}
}

// giveOutLines gives out what is held back up to the last line end. A value that continues after it
// is hidden from there.
func (w *Writer) giveOutLines() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	to := bytes.LastIndexByte(w.buffer.bytes, '\n') + 1
	if to == 0 || time.Now().Before(w.due) {
		return // Write was quicker
	}
	for _, p := range w.patterns {
		for p.start < to && p.gone < p.depth {
			p.gone++
			p.start = w.buffer.significant(p.start + 1)
		}
	}
	if err := w.release(to, w.buffer.bytes); err != nil && w.err == nil {
		w.err = err
	}
}

// Flush passes on all that is held back. What is written then begins anew.
func (w *Writer) Flush() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	w.reset()
	w.equals, w.ends = 0, 0
	err := w.release(len(w.buffer.bytes), w.buffer.bytes)
	if w.err != nil {
		return w.err
	}
	return err
}
