package mask

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// shortest is how many bytes a value must have, line ends apart, to be masked: shorter ones would
// be found everywhere.
const shortest = 4

// pattern is one form of a value, and how much of it the text that was just read may be. Line ends
// are neither in the pattern nor in that text, because each form may be broken into lines.
//
// A pattern is found by the algorithm of Knuth, Morris and Pratt, so that no text takes long,
// however much of it is nearly the value.
type pattern struct {
	// A byte c of the text fits text[k] where translate[c] and text[k] are equal. Of the last element
	// only the bits in last count: the last letter of base64 may hold bits of what follows, too.
	text      []byte
	translate *[256]byte
	last      byte
	padding   int // how many "=" may follow

	// fail[k] is the length of the longest beginning of the pattern that the text ends with where it
	// ends with the first k elements, and the element after them does not fit. Made when first needed.
	fail []int32

	depth int // how many elements the text ends with
	gone  int // how many of these were given out before
	start int // where in the buffer the others begin
}

// Tables for pattern.translate.
type tables struct{ plain, base64 [256]byte }

const notBase64 = 0xff

func newTables() *tables {
	t := &tables{}
	for c := range 256 {
		t.plain[c], t.base64[c] = byte(c), notBase64
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for _, alphabet := range []string{letters + "+/", letters + "-_"} {
		for value, c := range []byte(alphabet) {
			t.base64[c] = byte(value)
		}
	}
	return t
}

// patterns are all forms of a value.
func patterns(value []byte, t *tables) (all []*pattern) {
	plain := withoutLineEnds(value)
	if len(plain) < shortest {
		return nil
	}
	all = append(all, &pattern{text: plain, translate: &t.plain, last: 0xff})
	// What ends with a line end is often passed on without it.
	trimmed := bytes.TrimRight(value, "\r\n")
	for shift := range 3 {
		all = append(all, base64Pattern(value, shift, t))
		if len(trimmed) < len(value) {
			all = append(all, base64Pattern(trimmed, shift, t))
		}
	}
	return all
}

// base64Pattern is a value as it looks in the base64 of something in which so many bytes, modulo 3,
// stand before it: "user:" before a password, for one. A letter that is of both is left out: it may be
// one of 16, which so many lines end with that half of all would be held back.
func base64Pattern(value []byte, before int, t *tables) *pattern {
	padded := slices.Concat(make([]byte, before), value, make([]byte, 2))
	encoded := make([]byte, base64.RawStdEncoding.EncodedLen(len(padded)))
	base64.RawStdEncoding.Encode(encoded, padded)
	bits := 8 * (before + len(value))
	text := encoded[(8*before+5)/6 : (bits+5)/6]
	for i, c := range text {
		text[i] = t.base64[c]
	}
	unknown := (6 - bits%6) % 6
	return &pattern{text: text, translate: &t.base64, last: 0xff << unknown, padding: unknown / 2}
}

func withoutLineEnds(value []byte) []byte {
	plain := make([]byte, 0, len(value))
	for _, c := range value {
		if !isLineEnd(c) {
			plain = append(plain, c)
		}
	}
	return plain
}

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' }

// fits reports whether a byte can be the element k.
func (p *pattern) fits(k int, c byte) bool { return p.same(k, p.translate[c]) }

func (p *pattern) same(k int, translated byte) bool {
	differs := translated ^ p.text[k]
	return differs == 0 || k == len(p.text)-1 && differs&p.last == 0
}

// prepare makes the table. The last element is in none of what it compares.
func (p *pattern) prepare() {
	p.fail = make([]int32, len(p.text))
	k := int32(0)
	for i := 1; i < len(p.text)-1; i++ {
		for k > 0 && !p.same(int(k), p.text[i]) {
			k = p.fail[k]
		}
		if p.same(int(k), p.text[i]) {
			k++
		}
		p.fail[i+1] = k
	}
}

// step takes the byte of the text at a place in the buffer. It tells where a value begins that ends
// with this byte.
func (p *pattern) step(b *buffer, at int) (found bool, from int) {
	p.take(b, at)
	if p.depth < len(p.text) {
		return false, 0
	}
	from = p.start
	// Another one may have begun within this one. What the last element may be is of no use for that.
	p.depth--
	p.forget(b)
	p.take(b, at)
	return true, from
}

// take adds a byte to the elements, or makes them fewer until it fits.
func (p *pattern) take(b *buffer, at int) {
	c := b.bytes[at]
	for !p.fits(p.depth, c) {
		if p.depth == 0 {
			return
		}
		p.forget(b)
	}
	if p.depth == p.gone {
		p.start = at
	}
	p.depth++
}

// forget continues with the next shorter beginning.
func (p *pattern) forget(b *buffer) {
	if p.fail == nil {
		p.prepare()
	}
	drop := p.depth - int(p.fail[p.depth])
	p.depth -= drop
	before := min(drop, p.gone)
	p.gone -= before
	if p.depth == p.gone {
		return // there is nothing left that begins in the buffer
	}
	for range drop - before {
		p.start = b.significant(p.start + 1)
	}
}

// reset forgets everything.
func (p *pattern) reset() { p.depth, p.gone = 0, 0 }
