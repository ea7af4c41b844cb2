package mask

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// masked is a text after a Writer that gets it in pieces.
func masked(t testing.TB, o Options, pieces ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := New(&out, o)
	for _, piece := range pieces {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func values(texts ...string) Options {
	var o Options
	for _, text := range texts {
		o.Values = append(o.Values, []byte(text))
	}
	return o
}

func wrap(text string, width int) string {
	var lines strings.Builder
	for len(text) > width {
		lines.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return lines.String() + text
}

const pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END PRIVATE KEY-----\n"

func TestMask(t *testing.T) {
	std, url := base64.StdEncoding, base64.URLEncoding
	binary := "\xff\xfe\xfd??>>\xfb\xff\xbf\x00"
	for name, test := range map[string]struct {
		values []string
		text   string
		want   string
	}{
		"as it is":                   {[]string{"hunter2"}, "password: hunter2!\n", "password: ***!\n"},
		"twice":                      {[]string{"hunter2"}, "hunter2hunter2\n", "******\n"},
		"nearly":                     {[]string{"hunter2"}, "hunter hunter1 unter2 hhunter2\n", "hunter hunter1 unter2 h***\n"},
		"several":                    {[]string{"hunter2", "swordfish"}, "swordfish, hunter2\n", "***, ***\n"},
		"one in the other":           {[]string{"hunter", "the hunter2"}, "the hunter1 the hunter2\n", "the ***1 ***\n"},
		"overlapping":                {[]string{"abcdef", "defghi"}, "abcdefghi abcde\n", "*** abcde\n"},
		"overlapping itself":         {[]string{"abab"}, "xababababx\n", "x***x\n"},
		"too short":                  {[]string{"abc", "d\ne\nf", ""}, "abc def\nYWJj\n", "abc def\nYWJj\n"},
		"four bytes":                 {[]string{"abcd"}, "abcd\n", "***\n"},
		"broken by a line end":       {[]string{"hunter2"}, "x hun\nter2 y\n", "x *** y\n"},
		"broken by CR LF":            {[]string{"hunter2"}, "x hun\r\nter2 y\n", "x *** y\n"},
		"two paragraphs":             {[]string{"hunter2"}, "hun\n\n\nter2\n", "hun\n\n\nter2\n"},
		"several lines":              {[]string{pem}, "key:\n" + pem + "end\n", "key:\n***\nend\n"},
		"several lines with CR LF":   {[]string{pem}, strings.ReplaceAll(pem, "\n", "\r\n"), "***\r\n"},
		"several lines as one":       {[]string{pem}, strings.ReplaceAll(pem, "\n", "") + "\n", "***\n"},
		"value with CR LF":           {[]string{"first\r\n\r\nsecond"}, "first\n\nsecond\n", "***\n"},
		"base64":                     {[]string{"hunter2"}, std.EncodeToString([]byte("hunter2")) + "\n", "***\n"},
		"base64 without padding":     {[]string{"hunter2"}, "x" + base64.RawStdEncoding.EncodeToString([]byte("hunter2")) + "\n", "x***\n"},
		"base64 URL":                 {[]string{binary}, url.EncodeToString([]byte(binary)) + "\n", "***\n"},
		"base64 standard":            {[]string{binary}, std.EncodeToString([]byte(binary)) + "\n", "***\n"},
		"base64 of all lengths":      {[]string{"abcd", "efghi", "jklmno"}, std.EncodeToString([]byte("abcd")) + " " + std.EncodeToString([]byte("efghi")) + " " + std.EncodeToString([]byte("jklmno")), "*** *** ***"},
		"base64 of echo":             {[]string{"hunter2"}, std.EncodeToString([]byte("hunter2\n")) + "\n", "***o=\n"},
		"base64 of HTTP's basic":     {[]string{"hunter2"}, "Basic " + std.EncodeToString([]byte("me:hunter2")) + "\n", "Basic bWU6***\n"},
		"base64 after two bytes":     {[]string{"hunter2"}, std.EncodeToString([]byte("m:hunter2")) + "\n", "bTp***\n"},
		"base64 after one byte":      {[]string{"hunter2"}, std.EncodeToString([]byte(":hunter2")) + "\n", "Om***\n"},
		"base64 in lines":            {[]string{pem}, wrap(std.EncodeToString([]byte(pem)), 76) + "\n", "***\n"},
		"base64 in lines of one":     {[]string{"hunter2"}, wrap(base64.RawStdEncoding.EncodeToString([]byte("hunter2")), 1) + "\n", "***\n"},
		"base64 without a line end":  {[]string{"hunter22\n"}, std.EncodeToString([]byte("hunter22")) + " " + std.EncodeToString([]byte("hunter22\n")) + "\n", "*** ***\n"},
		"padding is not for others":  {[]string{"hunter2"}, "hunter2==\n", "***==\n"},
		"all bytes":                  {[]string{binary}, "x" + binary + "y\n", "x***y\n"},
		"a value in its own base64":  {[]string{"aHVudGVyMg", "hunter2"}, "aHVudGVyMg==\n", "***\n"},
		"end without a line end":     {[]string{"hunter2"}, "hunter2 hunt", "*** hunt"},
		"nothing but line ends":      {[]string{"\n\n\n\n\n"}, "a\n\n\n\n\nb", "a\n\n\n\n\nb"},
		"a value that is a log line": {[]string{"INFO started\n"}, "INFO started\nINFO stopped\n", "***\nINFO stopped\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o := values(test.values...)
			if got := masked(t, o, test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var bytewise []string
			for i := range len(test.text) {
				bytewise = append(bytewise, test.text[i:i+1])
			}
			if got := masked(t, o, bytewise...); got != test.want {
				t.Errorf("byte by byte got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMaskAroundTimestamps(t *testing.T) {
	o := values(pem, "hunter2")
	o.Timestamps = true
	var text, want strings.Builder
	for i, line := range strings.Split("key:\n"+pem+"hun\nter2\nh\n2026-01-02T03:04:05Z\nend", "\n") {
		stamp := fmt.Sprintf("2026-01-02T03:04:05.%09dZ ", i)
		text.WriteString(stamp + line + "\n")
		switch {
		case i == 1 || i == 5:
			want.WriteString(stamp + "***\n")
		case i == 0 || i > 6:
			want.WriteString(stamp + line + "\n")
		}
	}
	for size := 1; size < 100; size++ {
		var pieces []string
		for piece := range slices.Chunk([]byte(text.String()), size) {
			pieces = append(pieces, string(piece))
		}
		if got := masked(t, o, pieces...); got != want.String() {
			t.Fatalf("in pieces of %d got\n%s\nwant\n%s", size, got, want.String())
		}
	}
}

// What is held back, and for how long.
func TestMaskHoldsBack(t *testing.T) {
	const soon, later = patience - time.Millisecond, patience + time.Millisecond
	type event struct {
		write string
		after time.Duration
		shown string // all of what is shown then
	}
	for name, events := range map[string][]event{
		"an ordinary line":               {{"all is well\n", 0, "all is well\n"}},
		"a line like a beginning":        {{"match\n", 0, "matc"}, {"", soon, "matc"}, {"", later, "match\n"}},
		"and the next one":               {{"match\n", 0, "matc"}, {"more\n", 0, "match\nmore\n"}},
		"a prompt":                       {{"sure? y/h", 0, "sure? y/"}, {"", time.Hour, "sure? y/"}, {"\n", later, "sure? y/h\n"}},
		"a value in pieces, slowly":      {{"x hun", time.Hour, "x "}, {"ter", time.Hour, "x "}, {"2 y", 0, "x *** y"}},
		"a value in lines, slowly":       {{"hun\n", later, "hun\n"}, {"ter2 y\n", 0, "hun\n*** y\n"}},
		"a long value in lines":          {{pem[:40], 9 * time.Second, ""}, {pem[40:], later, "***\n"}},
		"a long beginning and no more":   {{pem[:28], 11 * time.Second, pem[:28]}, {"other\n", 0, pem[:28] + "other\n"}},
		"the second line goes on":        {{"hun\nte", later, "hun\n"}, {"", time.Hour, "hun\n"}, {"r2\n", 0, "hun\n***\n"}},
		"the second line doesn't":        {{"hun\nte", later, "hun\n"}, {"\n\n\n\n\n", 0, "hun\nte\n\n\n\n\n"}},
		"shown, and another one begins":  {{"hunt\n", later, "hunt\n"}, {"hunter2\n", 0, "hunt\n***\n"}},
		"a line while it is waited for":  {{"h\n", soon, ""}, {"u\n", soon, ""}, {"x\n", 0, "h\nu\nx\n"}},
		"blank lines are not waited for": {{"h\n\n\n\n\n", 0, "h\n\n\n\n\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				w := New(&out, values("hunter2", pem))
				for _, e := range events {
					if _, err := w.Write([]byte(e.write)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(e.after) // virtual
					synctest.Wait()
					if out.String() != e.shown {
						t.Fatalf("after %q: got %q, want %q", e.write, out.String(), e.shown)
					}
				}
			})
		})
	}
}

type failing struct{ after int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestMaskReturnsTheErrorsOfItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(&failing{1}, values("hunter2"))
		if _, err := w.Write([]byte("catch\n")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * patience)
		synctest.Wait()
		if _, err := w.Write([]byte("x")); !errors.Is(err, errFull) {
			t.Errorf("after the timer: %v", err)
		}
		if err := w.Flush(); !errors.Is(err, errFull) {
			t.Errorf("Flush: %v", err)
		}
	})
}

// A text that is nearly a long value, everywhere, takes no longer than others, and no memory.
func TestMaskIsLinear(t *testing.T) {
	value := append(bytes.Repeat([]byte{'a'}, 1<<20), 'b')
	piece := bytes.Repeat([]byte{'a'}, 1<<20)
	var out counter
	w := New(&out, Options{Values: [][]byte{value}})
	for range 8 {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if held := len(w.buffer.bytes); held > len(value) {
		t.Errorf("%d bytes are held back", held)
	}
	if _, err := w.Write([]byte{'b'}); err != nil {
		t.Fatal(err)
	}
	if int(out) != 7*len(piece)+len(Replacement) {
		t.Errorf("%d bytes came out", out)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// reference masks a whole text in the simplest way.
func reference(text []byte, values [][]byte) string {
	longest := 0
	for _, v := range values {
		longest = max(longest, longestBreak(v))
	}
	var places []int // of the bytes that are no line ends
	var segment []int
	segments := 0
	for i, run := 0, 0; i < len(text); i++ {
		if isLineEnd(text[i]) {
			if run++; run > 2+2*longest {
				segments++
			}
			continue
		}
		run = 0
		places, segment = append(places, i), append(segment, segments)
	}
	hidden := make([]bool, len(text)+1) // the byte is hidden
	joined := make([]bool, len(text)+1) // together with the one before
	hide := func(first, last int) {
		for i := first; i < last; i++ {
			hidden[i] = true
			joined[i] = joined[i] || i > first
		}
	}
	for _, value := range values {
		plain := bytes.ReplaceAll(bytes.ReplaceAll(value, []byte("\n"), nil), []byte("\r"), nil)
		if len(plain) < 4 {
			continue
		}
		for i := range places {
			j := i + len(plain)
			if j > len(places) || segment[i] != segment[j-1] {
				continue
			}
			same := true
			for k, c := range plain {
				same = same && text[places[i+k]] == c
			}
			if same {
				hide(places[i], places[j-1]+1)
			}
		}
		for _, v := range [][]byte{value, bytes.TrimRight(value, "\r\n")} {
			for _, left := range []int{0, 2, 4} { // bits of the value that are in the letter before
				letters := (8*len(v) - left + 5) / 6
				for i := range places {
					j := i + letters
					if j > len(places) || segment[i] != segment[j-1] || !sameBits(text, places[i:j], left, v) {
						continue
					}
					end := places[j-1] + 1
					for range (6*letters + left - 8*len(v)) / 2 {
						if end < len(text) && text[end] == '=' {
							end++
						}
					}
					hide(places[i], end)
				}
			}
		}
	}
	var out strings.Builder
	for i, c := range text {
		switch {
		case !hidden[i]:
			out.WriteByte(c)
		case !joined[i]:
			out.WriteString("***")
		}
	}
	return out.String()
}

// sameBits compares the bits of letters of base64 with those of a value, but for the first few.
func sameBits(text []byte, places []int, left int, value []byte) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i, place := range places {
		letter := strings.IndexByte(alphabet, strings.NewReplacer("-", "+", "_", "/").Replace(string(text[place : place+1]))[0])
		if letter < 0 {
			return false
		}
		for b := range 6 {
			if bit := left + 6*i + b; bit < 8*len(value) && int(value[bit/8]>>(7-bit%8)&1) != letter>>(5-b)&1 {
				return false
			}
		}
	}
	return true
}

// FuzzMask compares a Writer that gets a text in pieces with the reference. The text is made of pieces
// of values, or random texts would never hold one.
func FuzzMask(f *testing.F) {
	f.Add([]byte("hunter2"), []byte("abab"), []byte("x hunter2 y"), uint64(1))
	f.Add([]byte("a\nbcd\n"), []byte("cdab"), []byte("\n\n"), uint64(2))
	f.Add([]byte("\xff\xfe\xfd\xfc"), []byte("///+"), []byte("="), uint64(3))
	f.Add([]byte("aaaa"), []byte("aaaaa\n"), []byte("aaa\raa"), uint64(4))
	f.Fuzz(func(t *testing.T, first, second, extra []byte, seed uint64) {
		const most = 60
		first, second, extra = first[:min(most, len(first))], second[:min(most, len(second))], extra[:min(most, len(extra))]
		random := rand.New(rand.NewPCG(seed, 0))
		forms := [][]byte{first, second, extra}
		for _, value := range [][]byte{first, second} {
			for prefix := range 3 {
				padded := slices.Concat([]byte("ab")[:min(prefix, 2)], value)
				forms = append(forms,
					[]byte(base64.StdEncoding.EncodeToString(padded)), []byte(base64.RawURLEncoding.EncodeToString(append(padded, '\n'))))
			}
		}
		var text []byte
		for range random.IntN(8) {
			form := forms[random.IntN(len(forms))]
			if random.IntN(3) == 0 {
				form = form[random.IntN(len(form)+1):]
				form = form[:random.IntN(len(form)+1)]
			}
			width := 1 + random.IntN(40)
			for i, c := range form {
				if i > 0 && i%width == 0 && random.IntN(2) == 0 {
					text = append(text, "\r\n"[random.IntN(2):]...)
				}
				text = append(text, c)
			}
			if random.IntN(3) == 0 {
				text = append(text, " \n="[random.IntN(3)])
			}
		}
		o := Options{Values: [][]byte{first, second}}
		var pieces []string
		for rest := text; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1+random.IntN(30)))
			pieces, rest = append(pieces, string(rest[:n])), rest[n:]
		}
		if got, want := masked(t, o, pieces...), reference(text, o.Values); got != want {
			t.Fatalf("values %q\ntext %q\npieces %q\n got %q\nwant %q", o.Values, text, pieces, got, want)
		}
		// With times before the lines it is the same, where they are neither in the text nor the beginning of a value.
		const stamp = "@@ "
		if bytes.IndexByte(text, '@') >= 0 || slices.ContainsFunc(o.Values, func(value []byte) bool {
			begin := bytes.TrimLeft(value, "\r\n")
			return len(begin) > 0 && strings.IndexByte(stamp, begin[0]) >= 0
		}) {
			return
		}
		o.Timestamps = true
		stamped := stamp + strings.ReplaceAll(string(text), "\n", "\n"+stamp)
		pieces = nil
		for rest := stamped; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1+random.IntN(30)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got, want := strings.ReplaceAll(masked(t, o, pieces...), stamp, ""), reference(text, o.Values); got != want {
			t.Fatalf("with times, values %q\npieces %q\n got %q\nwant %q", o.Values, pieces, got, want)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	var log bytes.Buffer
	for i := 0; log.Len() < 1<<20; i++ {
		fmt.Fprintf(&log, "2026-11-23 22:10:59,%03d INFO trainer: epoch %d step %d loss=%.6f accuracy=%.4f lr=3e-4\n", i%1000, i/1000, i, 1/float64(i+1), 0.5)
	}
	for _, many := range []int{1, 5, 20} {
		b.Run(fmt.Sprintf("%d values", many), func(b *testing.B) {
			o := Options{}
			random := rand.New(rand.NewPCG(1, 2))
			for range many {
				value := make([]byte, 24)
				for i := range value {
					value[i] = byte('!' + random.IntN(94))
				}
				o.Values = append(o.Values, value)
			}
			w := New(io.Discard, o)
			b.SetBytes(int64(log.Len()))
			for b.Loop() {
				for piece := range slices.Chunk(log.Bytes(), 32<<10) {
					w.Write(piece)
				}
			}
		})
	}
}
