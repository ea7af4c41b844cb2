// Package envfile reads files of variables in the format of docker run --env-file, which is Apolo's
// too: a NAME=VALUE or NAME a line.
//
// White space before a line, empty lines, lines that begin with '#', a byte order mark and the CR of
// a CRLF are dropped. Where no line ends with LF, CR alone ends one. All else is taken as it is: quotes, '$', '#', "export" and spaces around "=" or
// after the value mean nothing, and no value has more than one line.
//
// The parser that docker has (github.com/docker/cli/pkg/kvfile) does the same, but it quotes the
// line in its errors, which may hold a password, skips variables that are not set, and stops at
// lines of 64 KiB. Formats with quotes and expansion (github.com/joho/godotenv) would change a
// password with a '$', '#' or '\'.
package envfile

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"
)

const byteOrderMark = "\ufeff"

// Line is a line that says something.
type Line struct {
	Number int // from 1
	Name   string
	Value  string
	Bare   bool // it is NAME alone, whose value is to be found elsewhere
}

// Lines reads the content of a file, line by line. A line that is wrong comes with an error that says
// why, with the line's number, and never quotes a value; what follows it can be read on.
func Lines(content string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		number := 0
		for text := range strings.Lines(withLineFeeds(strings.TrimPrefix(content, byteOrderMark))) {
			number++
			text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
			if text == "" || text[0] == '#' {
				continue
			}
			line := Line{Number: number}
			var found bool
			line.Name, line.Value, found = strings.Cut(text, "=")
			line.Bare = !found
			err := validateLineName(line.Name, line.Bare)
			if err != nil && line.Bare {
				// Without a "=" it could be anything, such as the second line of a key.
				line.Name, err = "", errors.New("neither NAME=VALUE, nor the NAME of a variable")
			}
			if err != nil {
				err = fmt.Errorf("line %d: %w", number, err)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// Resolve returns the line's value, which lookup knows where the line is NAME alone. The error for one that it
// does not know names the line and not the variable, which may be a line of a value that nobody put into one.
func (l Line) Resolve(lookup func(name string) (value string, ok bool)) (string, error) {
	if !l.Bare {
		return l.Value, nil
	}
	value, ok := lookup(l.Name)
	if !ok {
		return "", fmt.Errorf("line %d: neither NAME=VALUE, nor the NAME of a variable that is set here", l.Number)
	}
	return value, nil
}

// ValidateName says why a variable can't have a name, or returns nil: the rule of Kubernetes since 1.32
// (k8s.io/apimachinery/pkg/util/validation, IsRelaxedEnvVarName). Older API servers take fewer names, and say so.
// Its error does not quote the name: what stands before a "=" may be the last line of a key.
func ValidateName(name string) error {
	if len(validation.IsRelaxedEnvVarName(name)) > 0 {
		return errors.New("invalid name of a variable: use printable ASCII characters other than '='")
	}
	return nil
}

// validateLineName is ValidateName for a name in a file. As in docker's files it has no white space: such a line was
// more likely meant for another format, as "export NAME=VALUE" is. A bare name is one that a shell can set.
func validateLineName(name string, bare bool) error {
	if strings.ContainsFunc(name, unicode.IsSpace) {
		return errors.New("invalid name of a variable in a file: it contains white space")
	}
	if bare && len(validation.IsEnvVarName(name)) > 0 {
		return errors.New("no shell can set such a variable")
	}
	return ValidateName(name)
}

// Format is the line for a variable, with its line end. It returns an error, which does not quote the
// value, where Lines would read something else.
func Format(name, value string) (string, error) {
	text := name + "=" + value + "\n"
	for line, err := range Lines(text) {
		if err == nil && !line.Bare && line.Name == name && line.Value == value {
			return text, nil
		}
		break
	}
	switch err := validateLineName(name, false); {
	case err != nil:
		return "", err
	case strings.HasPrefix(name, "#"):
		return "", errors.New("invalid name of a variable in a file: the line would be a comment")
	case strings.Contains(value, "\n"):
		return "", errors.New("the value has several lines")
	}
	return "", errors.New("the value ends with a carriage return")
}
