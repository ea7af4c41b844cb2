package jobspec

import (
	"errors"
	"strings"

	"github.com/kballard/go-shellquote"
)

// blanks are what separates the words of a command that was typed as one.
const blanks = " \t\n"

// SplitCommand reads a command as Apolo does: where it is a single word with blanks in it, as in "bash -c 'echo hi'",
// it is split into words as a shell does. Several words stay as they are. The error quotes nothing of the command.
func SplitCommand(words []string) ([]string, error) {
	if len(words) != 1 || !strings.ContainsAny(words[0], blanks) {
		return words, nil
	}
	split, err := shellquote.Split(words[0])
	switch {
	case err != nil:
		return nil, errors.New("the command is one word with blanks, which is split as a shell does, and its quotes are not closed; quote each word by itself")
	case len(split) == 0 || split[0] == "":
		return nil, errors.New("the command is blank")
	}
	return split, nil
}

// JoinCommand is the opposite of SplitCommand: the words from which it makes these.
func JoinCommand(words []string) []string {
	if len(words) != 1 || !strings.ContainsAny(words[0], blanks) {
		return words
	}
	return []string{shellquote.Join(words[0])}
}
