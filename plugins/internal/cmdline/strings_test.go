package cmdline

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// simpleStrings is Strings without what urfave/cli v2 makes necessary.
type simpleStrings []string

func (l *simpleStrings) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func (l *simpleStrings) String() string { return strings.Join(*l, ", ") }

// urfave/cli v2 sets each other name of a flag to the text of its value: a list gets its own text as one more value.
func TestStringsHaveNoMoreThanWasGiven(t *testing.T) {
	run := func(value cli.Generic) {
		app := &cli.App{Writer: io.Discard, ErrWriter: io.Discard, Flags: []cli.Flag{&cli.GenericFlag{Name: "env", Aliases: []string{"e"}, Value: value}}}
		if err := app.Run([]string{"run", "-e", "A=1", "--env", "B=2"}); err == nil {
			t.Errorf("two names of a flag are accepted now: got %q; do normalizedArgs need to join them?", value)
		}
		if err := app.Run([]string{"run", "-e", "A=1", "-e", "B=2"}); err != nil {
			t.Fatal(err)
		}
	}
	list, simple := &Strings{}, &simpleStrings{}
	run(list)
	if want := []string{"A=1", "B=2"}; !slices.Equal((*list)[len(*list)-2:], want) {
		t.Errorf("got %q, want %q", *list, want)
	}
	run(simple)
	if slices.Equal((*simple)[len(*simple)-2:], []string{"A=1", "B=2"}) {
		t.Error("urfave/cli v2 does not need Serialize and sharedValue any more: remove them")
	}
}
