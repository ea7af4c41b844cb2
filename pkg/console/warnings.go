package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// warningHeader has one warning of the API server, percent-encoded; an answer may have several.
const warningHeader = "Apolo-Warning"

// An API server can make up any number of warnings, of any length.
const (
	maxWarnings      = 10
	maxWarningLength = 1000
)

// warnings are what the API server warned of while a request was answered, each once.
type warnings struct {
	mutex sync.Mutex
	texts []string
}

func (w *warnings) add(text string) {
	text = shortened(sanitize.Line(text), maxWarningLength)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.texts) < maxWarnings && !slices.Contains(w.texts, text) {
		w.texts = append(w.texts, text)
	}
}

func (w *warnings) write(header http.Header) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, text := range w.texts {
		header.Add(warningHeader, strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
	}
}
