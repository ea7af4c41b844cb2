package secret

import "os"

// defaultEditor is the one of kubectl edit.
const defaultEditor = "notepad"

// deadly are the signals that would end a process, and can be caught.
func deadly() []os.Signal { return []os.Signal{os.Interrupt} }

// isKey reports whether a signal comes from a key of a console, which sends it to the editor too.
func isKey(os.Signal) bool { return true }

// leaveKeys takes out, when takeBack is called, what was typed in the editor. Windows ends a process that ignores it.
func leaveKeys(arrived chan os.Signal) (takeBack func()) {
	return func() {
		select {
		case <-arrived:
		default:
		}
	}
}
