package cmdline

import (
	"cmp"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// hidden stands in an error for an argument that may be a value.
const hidden = "***"

// mayBeValue reports whether an argument may be the value of a secret that a shell has put where something else was
// meant. A key in PEM format begins with "-" and has several lines; "@" begins the path of a file with a value; bytes that
// are not UTF-8 are no name of anything.
func mayBeValue(arg string) bool {
	return len(arg) > 1 && (arg[0] == '-' || arg[0] == '@') || strings.ContainsAny(arg, "\n\r") || !utf8.ValidString(arg)
}

// The shortest argument that is hidden, as in a log, and the shortest part of one, in bytes.
const (
	shortestHidden     = 4
	shortestHiddenPart = 8
)

// conceal hides arguments that may be values in a text that quotes them, or their lines, whole or up to a "=", ":" or "/".
func conceal(text string, args []string) string {
	var parts []string
	for _, arg := range args {
		if len(arg) < shortestHidden {
			continue
		}
		parts = append(parts, arg)
		if arg[0] == '@' && !strings.ContainsAny(arg, "\n\r") {
			continue // the path of a file that there is may be quoted
		}
		for line := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '\n' || r == '\r' }) {
			pieces := strings.FieldsFunc(line, func(r rune) bool { return r == '=' || r == ':' || r == '/' })
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
		replaced := string([]rune(part)) // as JSON has what is not UTF-8
		requoted := strconv.Quote(replaced)
		for _, form := range []string{part, quoted[1 : len(quoted)-1], sanitize.Line(part), replaced, requoted[1 : len(requoted)-1], url.PathEscape(part), url.QueryEscape(part)} {
			pairs = append(pairs, form, hidden)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// concealing is a stream for what may quote arguments: the log of the client library, whose URLs have them, and the
// usage errors of urfave/cli.
type concealing struct {
	session *Session
	out     io.Writer
}

// Write is part of io.Writer.
func (c concealing) Write(text []byte) (int, error) {
	if _, err := io.WriteString(c.out, conceal(string(text), c.session.concealed)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Concealed is standard output for text that may quote arguments, which are not values there.
func (s *Session) Concealed() io.Writer { return concealing{s, s.Out} }
