package forward

import (
	"errors"
	"io"
	"os/exec"
	"strings"

	"github.com/cli/browser"
	"github.com/kballard/go-shellquote"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// openBrowser shows a URL with the command of the variable BROWSER, or else with the system's browser.
func openBrowser(url string, lookup jobspec.Lookup) error {
	if command, ok := lookup("BROWSER"); ok && command != "" {
		words, err := browserCommand(command, url)
		if err != nil {
			return err
		}
		return exec.Command(words[0], words[1:]...).Run() // #nosec G204 -- the user's own $BROWSER; no shell reads it
	}
	browser.Stdout, browser.Stderr = io.Discard, io.Discard // standard output is the job's
	return browser.OpenURL(url)
}

// browserCommand is BROWSER with the URL in place of %s, or after it.
func browserCommand(command, url string) ([]string, error) {
	words, err := shellquote.Split(command)
	if err != nil || len(words) == 0 {
		return nil, errors.New("the variable BROWSER is no command")
	}
	placed := false
	for i, word := range words {
		placed = placed || strings.Contains(word, "%s")
		words[i] = strings.ReplaceAll(word, "%s", url)
	}
	if !placed {
		words = append(words, url)
	}
	return words, nil
}
