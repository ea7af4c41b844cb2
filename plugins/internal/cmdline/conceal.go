package cmdline

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// hidden stands in an error for an argument that may be a value.
const hidden = "***"

// mayBeValue reports whether an argument may be the value of a secret that a shell has put where something else was
// meant: a key in PEM format begins with "-" and has several lines.
func mayBeValue(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' || strings.ContainsAny(arg, "\n\r")
}

// The shortest argument that is hidden, as in a log, and the shortest part of one, in bytes.
const (
	shortestHidden     = 4
	shortestHiddenPart = 8
)

// conceal hides arguments that may be values in a text that quotes them, or their lines, whole or up to a "=" or ":".
func conceal(text string, args []string) string {
	var parts []string
	for _, arg := range args {
		if len(arg) < shortestHidden {
			continue
		}
		parts = append(parts, arg)
		for line := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '\n' || r == '\r' }) {
			pieces := strings.FieldsFunc(line, func(r rune) bool { return r == '=' || r == ':' })
			for _, piece := range append(pieces, line) {
				if piece = strings.TrimSpace(piece); len(piece) >= shortestHiddenPart {
					parts = append(parts, piece)
				}
			}
		}
	}
	var pairs []string
	longestFirst := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
	for _, part := range slices.SortedStableFunc(slices.Values(parts), longestFirst) {
		quoted := strconv.Quote(part)
		pairs = append(pairs, part, hidden, quoted[1:len(quoted)-1], hidden, sanitize.Line(part), hidden)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
