package terminal

import "time"

// resizePoll is how often the size is looked at. Windows has no signal for its change.
const resizePoll = 250 * time.Millisecond

// resized tells when the window may have another size.
func (t *Terminal) resized() (changed <-chan time.Time, stop func()) {
	ticker := time.NewTicker(resizePoll)
	return ticker.C, ticker.Stop
}
