//go:build linux || darwin

package secret

import (
	"time"

	"golang.org/x/sys/unix"
)

// echoOff keeps a terminal from showing what is typed. term.ReadPassword does so too, but only
// after the prompt, and who is quick would be seen.
func echoOff(terminal int) error {
	settings, err := unix.IoctlGetTermios(terminal, getTermios)
	if err != nil {
		return err
	}
	settings.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(terminal, setTermios, settings)
}

// quiet is how long nothing must come from a terminal until what was pasted is taken to be over.
const quiet = 150 * time.Millisecond

// discardRest reads what has come from a terminal after the line that was asked for, so that it reaches no shell, and
// reports whether there was anything. It needs the terminal without echo.
func discardRest(terminal int) (found bool) {
	buffer := make([]byte, 4096)
	for {
		waiting, err := unix.Poll([]unix.PollFd{{Fd: int32(terminal), Events: unix.POLLIN}}, int(quiet.Milliseconds())) // #nosec G115 -- a file descriptor
		if err == unix.EINTR {
			continue
		}
		if err != nil || waiting == 0 {
			break
		}
		n, err := unix.Read(terminal, buffer)
		if err != nil || n == 0 {
			break
		}
		found = true
	}
	// A last line without its end is not read yet.
	settings, err := unix.IoctlGetTermios(terminal, getTermios)
	if err != nil {
		return found
	}
	_ = unix.IoctlSetTermios(terminal, setAndFlush, settings) // nothing more can be done about it
	return found
}
