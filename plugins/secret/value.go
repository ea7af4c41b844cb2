package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// readValue turns the VALUE of the command line into bytes: the text itself, @path for a file,
// @- for standard input as it is, - for standard input as typed, and \@text for a text that
// begins with @. Nothing on the way turns bytes into characters and back.
func readValue(s *cmdline.Session, arg string) ([]byte, error) {
	switch {
	case arg == "-":
		data, err := readStdin(s)
		return notEmpty(trimOneLine(data), err)
	case arg == "@-":
		return notEmpty(readStdin(s))
	case strings.HasPrefix(arg, "@"):
		return readFileValue(s, arg[1:])
	case strings.HasPrefix(arg, `\@`):
		return []byte(arg[1:]), nil
	}
	return []byte(arg), nil
}

var errNoValue = fmt.Errorf("%w; write '' for an empty value", cmdline.ErrNothingRead)

func notEmpty(data []byte, err error) ([]byte, error) {
	if errors.Is(err, cmdline.ErrNothingRead) || err == nil && len(data) == 0 {
		return nil, fmt.Errorf("standard input: %w", errNoValue)
	}
	return data, err
}

// trimOneLine removes the line end of a single line, which echo or the Enter key added. Where
// there are several lines it belongs to the text: OpenSSH refuses a key without its last one.
func trimOneLine(data []byte) []byte {
	line := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsRune(line, '\n') || len(data) == len(line)+1 && bytes.HasSuffix(data, []byte("\r")) {
		return data
	}
	return line
}

func readFileValue(s *cmdline.Session, path string) ([]byte, error) {
	if path == "" {
		return nil, cmdline.Usagef(`"@" must be followed by the path of a file, or by "-" for standard input`)
	}
	data, err := readFile(s, "@", path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf(`%w; a text that begins with "@" is written \@`, err)
	}
	return data, err
}

// readFile reads the file of a path in an argument, which errors call argument where there is no such file.
func readFile(s *cmdline.Session, argument, path string) ([]byte, error) {
	if path == "-" {
		path = "./-" // standard input is "@-", which is not a path
	}
	data, err := s.ReadFile(path, secrets.MaxValueSize)
	switch {
	case errors.Is(err, cmdline.ErrNothingRead): // such as /dev/stdin, or the shell's <(command)
		return nil, fmt.Errorf("%s: %w", argument, errNoValue)
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, cmdline.CannotRead(argument, path, err)
	case len(data) > secrets.MaxValueSize:
		return nil, cmdline.CannotRead(argument, path, errTooLarge)
	}
	return data, nil
}

func readStdin(s *cmdline.Session) ([]byte, error) {
	data, err := s.ReadFile("-", secrets.MaxValueSize)
	if err == nil && len(data) > secrets.MaxValueSize {
		err = errTooLarge
	}
	return data, err
}

func unreadable(path string, err error) error {
	return fmt.Errorf("cannot read the file %s: %w", path, withoutPath(err))
}

// withoutPath leaves out what package os says of the file and of the call, for errors that name the file themselves.
func withoutPath(err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return pathError.Err
	}
	if linkError := (*os.LinkError)(nil); errors.As(err, &linkError) {
		return linkError.Err
	}
	return err
}

var errTooLarge = fmt.Errorf("the value has more than %d bytes, which is the largest possible", secrets.MaxValueSize)

// readAll stops a byte after the largest value, so that a device or an endless pipe can't fill
// the memory.
func readAll(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, secrets.MaxValueSize+1))
	if err == nil && len(data) > secrets.MaxValueSize {
		return nil, errTooLarge
	}
	return data, err
}

// askValue asks twice for a value at the terminal, without showing it.
func askValue(ctx context.Context, s *cmdline.Session, key string) ([]byte, error) {
	first, err := askHidden(ctx, s, fmt.Sprintf("Value of %s (not shown): ", key))
	if err != nil {
		return nil, err
	}
	second, err := askHidden(ctx, s, "Repeat value: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two values differ; nothing was stored")
	}
	return first, nil
}

var errSeveralLines = errors.New("several lines at once: nothing was stored; use @FILE for a value of several lines")

func askHidden(ctx context.Context, s *cmdline.Session, prompt string) ([]byte, error) {
	terminal := int(s.In.(*os.File).Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	if err := hideInput(terminal); err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(terminal, before) }() // nothing more can be done about it

	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	fmt.Fprint(s.ErrOut, prompt)
	go func() {
		text, err := readHidden(terminal)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		fmt.Fprintln(s.ErrOut)
		if errors.Is(a.err, io.EOF) || a.err == nil && len(a.text) == 0 {
			return nil, errors.New("no value was entered; nothing was stored; write '' for an empty value")
		}
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprintln(s.ErrOut)
		return nil, ctx.Err()
	}
}

// offerValue completes the path of a file; a value itself can't be known.
func offerValue(_ context.Context, c *completion.Word) { c.OfferPaths("@") }

// offerPath completes a path.
func offerPath(_ context.Context, c *completion.Word) { c.OfferPaths("") }

// offerFile completes the path in [KEY=]PATH.
func offerFile(_ context.Context, c *completion.Word) {
	key, _, found := strings.Cut(c.Text, "=")
	if found {
		key += "="
	} else {
		key = ""
	}
	c.OfferPaths(key)
}

// nothing is for what can't be known without reading values, or is new.
func nothing(context.Context, *completion.Word) {}
