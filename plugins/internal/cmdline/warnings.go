package cmdline

import "sync"

// maxWarnings bounds how many warnings of an API server one process shows: a server can make up any number.
const maxWarnings = 20

// serverWarnings shows the warnings of API servers, each once.
type serverWarnings struct {
	mutex sync.Mutex
	shown map[string]bool
	warn  func(format string, args ...any)
}

func (w *serverWarnings) show(text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.shown[text] || len(w.shown) >= maxWarnings {
		return
	}
	if w.shown == nil {
		w.shown = map[string]bool{}
	}
	w.shown[text] = true
	w.warn("%s", text)
}
