package console

import (
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"

	"github.com/cli/browser"
)

// open opens the browser. Other users of the machine see the arguments of processes, so the link is not
// among them: the browser is given a file that only the user can read, and that leads on to it.
func (o *options) open(link string) {
	if err := openFile(link); err != nil {
		o.Hint("no browser could be opened (%s); open the link yourself", err)
	}
}

func openFile(link string) error {
	folder, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	folder = filepath.Join(folder, "kubectl-apolo")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	path := filepath.Join(folder, "console.html") // the next call takes the place of the last one's
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- in our own folder, and new
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url=%[1]s"><title>Apolo Console</title><a href="%[1]s">Apolo Console</a>`,
		html.EscapeString(link))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	return browser.OpenFile(path)
}
