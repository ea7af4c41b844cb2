package output

import (
	"os"

	"github.com/fatih/color"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// Style is what a text is shown as, where there are colours.
type Style int

// The styles.
const (
	Plain Style = iota
	Good
	Waiting
	Bad
	Faint
)

// Paint puts a text, which must be harmless, into a style.
type Paint func(Style, string) string

// PaintFor returns what paints for a stream. Only a terminal gets colours, and only where NO_COLOR
// (https://no-color.org) is not set.
func PaintFor(stream any) Paint {
	if !CanMoveCursor(stream) || os.Getenv("NO_COLOR") != "" {
		return func(_ Style, text string) string { return text }
	}
	attributes := map[Style]color.Attribute{Good: color.FgGreen, Waiting: color.FgYellow, Bad: color.FgRed, Faint: color.Faint}
	return func(style Style, text string) string {
		attribute, ok := attributes[style]
		if !ok || text == "" {
			return text
		}
		paint := color.New(attribute)
		paint.EnableColor() // the stream is known to have them; the package looks at standard output
		return paint.Sprint(text)
	}
}

// CanMoveCursor reports whether a stream is a terminal that knows escape sequences.
func CanMoveCursor(stream any) bool { return cmdline.IsTerminal(stream) && os.Getenv("TERM") != "dumb" }
