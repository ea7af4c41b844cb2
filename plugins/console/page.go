package console

import (
	"embed"
	"io/fs"
)

// dist is what 'make web' left; without Node only a placeholder is there.
//
//go:embed all:web/dist
var dist embed.FS

func page() (fs.FS, error) { return fs.Sub(dist, "web/dist") }
