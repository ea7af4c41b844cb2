// Package sanitize makes text that came from elsewhere harmless before it reaches a terminal.
//
// Names, messages and annotations in a cluster are written by others. Printed as they are, they
// could move the cursor, change colours, rewrite lines above or fill the clipboard
// (CVE-2021-25743 in kubectl was this).
package sanitize

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line of printable text: control characters, line ends, invalid UTF-8 and
// the invisible characters that reorder text (Unicode category Cf) become visible escapes such
// as \x1b.
func Line(s string) string {
	return clean(s, func(rune) bool { return false })
}

// Text is Line for text of several lines: line feeds and tabs stay.
func Text(s string) string {
	return clean(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

func clean(s string, keep func(rune) bool) string {
	harmless := func(r rune) bool { return keep(r) || unicode.IsPrint(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !harmless(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if harmless(r) && (r != utf8.RuneError || size > 1) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteToASCII(s[i : i+size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}
