//go:build linux || darwin

package secret

import "golang.org/x/sys/unix"

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
