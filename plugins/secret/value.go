package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// readValue turns the VALUE of the command line into bytes: the text itself, @path for a file,
// @- for standard input as it is, - for standard input as typed, and \@text for a text that
// begins with @. Nothing on the way turns bytes into characters and back.
func readValue(in io.Reader, arg string) ([]byte, error) {
	switch {
	case arg == "-":
		data, err := readAll(in)
		return notEmpty(trimOneLine(data), err)
	case arg == "@-":
		return notEmpty(readAll(in))
	case strings.HasPrefix(arg, "@"):
		return readFileValue(arg[1:])
	case strings.HasPrefix(arg, `\@`):
		return []byte(arg[1:]), nil
	}
	return []byte(arg), nil
}

var errNoValue = fmt.Errorf("%w; write '' for an empty value", cmdline.ErrNothingRead)

func notEmpty(data []byte, err error) ([]byte, error) {
	if err == nil && len(data) == 0 {
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

func readFileValue(path string) ([]byte, error) {
	if path == "" {
		return nil, cmdline.Usagef(`"@" must be followed by the path of a file, or by "-" for standard input`)
	}
	data, err := readFile("@", path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf(`%w; a text that begins with "@" is written \@`, err)
	}
	return data, err
}

// readFile reads the file of a path in an argument, which errors call argument where there is no such file.
func readFile(argument, path string) ([]byte, error) {
	path, err := atHome(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path) // #nosec G304 -- the file that the user names
	if err != nil {
		return nil, cmdline.CannotRead(argument, path, err)
	}
	defer file.Close()
	data, err := readAll(file)
	if err != nil {
		return nil, cmdline.CannotRead(argument, path, err)
	}
	if cmdline.CheckEmpty(file, len(data)) != nil { // such as /dev/stdin, or the shell's <(command)
		return nil, fmt.Errorf("%s: %w", argument, errNoValue)
	}
	return data, nil
}

// atHome puts the user's home in place of a "~/" that no shell has replaced, as in "@~/file".
func atHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return filepath.Join(home, rest), nil
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

// readAll stops a byte behind the largest value, so that a device or an endless pipe can't fill
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
	second, err := askHidden(ctx, s, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two values differ; nothing was stored")
	}
	return first, nil
}

func askHidden(ctx context.Context, s *cmdline.Session, prompt string) ([]byte, error) {
	terminal := int(s.In.(*os.File).Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	if err := echoOff(terminal); err != nil {
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
		text, err := term.ReadPassword(terminal)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		fmt.Fprintln(s.ErrOut)
		if errors.Is(a.err, io.EOF) {
			return nil, errors.New("no value was entered; nothing was stored")
		}
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprintln(s.ErrOut)
		return nil, ctx.Err()
	}
}

// offerValue completes the path of a file; a value itself can't be known.
func offerValue(_ context.Context, c *cmdline.Completion) { c.OfferPaths("@") }

// offerPath completes a path.
func offerPath(_ context.Context, c *cmdline.Completion) { c.OfferPaths("") }

// offerFile completes the path in [KEY=]PATH.
func offerFile(_ context.Context, c *cmdline.Completion) {
	key, _, found := strings.Cut(c.Text, "=")
	if found {
		key += "="
	} else {
		key = ""
	}
	c.OfferPaths(key)
}

// nothing is for what can't be known without reading values, or is new.
func nothing(context.Context, *cmdline.Completion) {}
