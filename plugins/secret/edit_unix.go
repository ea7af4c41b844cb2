//go:build unix

package secret

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// defaultEditor is the one of kubectl edit.
const defaultEditor = "vi"

// deadly are the signals that would end a process, and can be caught.
func deadly() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP}
}

// isKey reports whether a signal comes from a key of a terminal, which sends it to the editor too.
func isKey(signal os.Signal) bool { return slices.Contains(keys(), signal) }

func keys() []os.Signal { return []os.Signal{syscall.SIGINT, syscall.SIGQUIT} }

// leaveKeys lets the system drop the signals of keys until takeBack is called. Merely not reading them is not enough: on a
// busy machine one that was typed in the editor arrives after the editor's end. It is called once the editor runs,
// since a process that starts takes over what is ignored.
func leaveKeys(arrived chan os.Signal) (takeBack func()) {
	signal.Ignore(keys()...)
	return func() { signal.Notify(arrived, keys()...) }
}
