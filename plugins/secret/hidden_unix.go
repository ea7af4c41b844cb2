//go:build linux || darwin

package secret

import (
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// hideInput keeps a terminal from showing what is typed, and from keeping lines: a terminal that does cuts a pasted line
// at 4095 bytes, silently. Keys that send signals still do.
func hideInput(terminal int) error {
	settings, err := unix.IoctlGetTermios(terminal, getTermios)
	if err != nil {
		return err
	}
	settings.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN
	settings.Lflag |= unix.ISIG
	settings.Iflag |= unix.ICRNL
	settings.Cc[unix.VMIN], settings.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(terminal, setTermios, settings)
}

// quiet is how long nothing must come from a terminal until what was pasted is taken to be over, in tenths of a second.
const quiet = 2

// readHidden reads a line from a terminal that hideInput has prepared. It reads what comes after the line too, so that it
// reaches no shell, and then returns errSeveralLines.
func readHidden(terminal int) ([]byte, error) {
	settings, err := unix.IoctlGetTermios(terminal, getTermios)
	if err != nil {
		return nil, err
	}
	line := hiddenLine{erase: settings.Cc[unix.VERASE], kill: settings.Cc[unix.VKILL], end: settings.Cc[unix.VEOF]}
	buffer := make([]byte, 4096)
	for {
		waiting := line.complete
		n, err := unix.Read(terminal, buffer)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0 && !waiting: // the terminal is gone
			return nil, io.EOF
		}
		for _, key := range buffer[:n] {
			line.take(key)
		}
		if waiting && n == 0 {
			break
		}
		if line.complete && !waiting {
			settings.Cc[unix.VMIN], settings.Cc[unix.VTIME] = 0, quiet
			if err := unix.IoctlSetTermios(terminal, setTermios, settings); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case line.more:
		return nil, errSeveralLines
	case line.tooLarge:
		return nil, errTooLarge
	case line.ended:
		return nil, io.EOF
	}
	return line.text, nil
}

// hiddenLine is a line that is being typed.
type hiddenLine struct {
	erase, kill, end byte // keys; 0: there is none

	text     []byte
	complete bool // the line has ended
	ended    bool // with the key that ends the input
	more     bool // something came after the line
	tooLarge bool
}

// take takes one key.
func (l *hiddenLine) take(key byte) {
	switch {
	case l.complete:
		l.more = true
	case key == '\n':
		l.complete = true
	case key == '\b', key == l.erase && key != 0:
		_, size := utf8.DecodeLastRune(l.text)
		l.shorten(len(l.text) - size)
	case key == l.kill && key != 0:
		l.shorten(0)
		l.tooLarge = false
	case key == l.end && key != 0:
		if l.ended = len(l.text) == 0; l.ended {
			l.complete = true
		}
	case len(l.text) == secrets.MaxValueSize:
		l.tooLarge = true
	default:
		l.text = append(l.text, key)
	}
}

// shorten cuts the line, and leaves nothing of the rest in memory.
func (l *hiddenLine) shorten(length int) {
	clear(l.text[length:])
	l.text = l.text[:length]
}
