//go:build unix

package secret

import (
	"os"
	"syscall"
)

// defaultEditor is the one of kubectl edit.
const defaultEditor = "vi"

// deadly are the signals that would end a process, and can be caught.
func deadly() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP}
}

// isKey reports whether a signal comes from a key of a terminal, which sends it to the editor too.
func isKey(signal os.Signal) bool { return signal == syscall.SIGINT || signal == syscall.SIGQUIT }
