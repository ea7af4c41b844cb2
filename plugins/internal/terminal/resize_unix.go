//go:build !windows

package terminal

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// resized tells when the window may have another size.
func (t *Terminal) resized() (changed <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}
