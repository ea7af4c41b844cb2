package console

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// nonceMark stands in the page's index.html where the nonce of a response belongs.
const nonceMark = "__CSP_NONCE__"

// notBuilt is shown by a binary that was built without Node.
const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Apolo Console</title>
<h1>This binary has no page</h1>
<p>It was built without it. To build both, run <code>make web build</code> where the sources are; that needs Node.js and npm.</p>
</html>
`

// Built reports whether a folder holds the page.
func Built(page fs.FS) bool {
	_, err := fs.Stat(page, "index.html")
	return err == nil
}

// servePage answers everything outside the API: the page's files, and for all else its index.html,
// which shows what the address says.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		newProblem(http.StatusMethodNotAllowed, "only the API takes "+r.Method).write(w)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	isPage := strings.HasPrefix(name, "jobs/") // whose names may have a dot
	if isHidden(name) || name != "index.html" && path.Ext(name) != "" && !isPage {
		s.files.ServeHTTP(w, r)
		return
	}
	index, err := fs.ReadFile(s.page, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		index = []byte(notBuilt)
	}
	nonce := rand.Text()
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store") // the nonce is for once
	header.Set("Content-Security-Policy", pagePolicy(nonce))
	_, _ = w.Write(bytes.ReplaceAll(index, []byte(nonceMark), []byte(nonce)))
}

// isHidden tells of names that no page has; among the files they are notes of the build.
func isHidden(name string) bool { return strings.Contains("/"+name, "/.") }

// fileHandler answers for the files of the page. Over a network they are compressed; what visitors type or
// see is not among them, so that their size tells nothing.
func (s *Server) fileHandler() http.Handler {
	if s.team == nil {
		return http.HandlerFunc(s.serveFile)
	}
	return gzhttp.GzipHandler(http.HandlerFunc(s.serveFile))
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if info, err := fs.Stat(s.page, name); err != nil || info.IsDir() || isHidden(name) {
		newProblem(http.StatusNotFound, "there is no "+name+" here").write(w)
		return
	}
	if strings.HasPrefix(name, "assets/") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // their names are hashes
	}
	http.ServeFileFS(w, r, s.page, name) // #nosec G703 -- from the embedded page, which has nothing else
}

// pagePolicy lets the page run its own scripts and no others, talk to its own server and to no other,
// and be in no frame. The nonce is for the styles that Material UI makes while it runs.
func pagePolicy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// filePolicy is for everything that is no page.
const filePolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"
