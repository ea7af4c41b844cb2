// Package docblocks finds the blocks of commands in the documentation, for the tests that run and check them.
package docblocks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Block is a fenced block of commands.
type Block struct {
	File string // from the root of the repository
	Line int    // of its first line
	Kind string // sh, bash or console
	Text string
}

// Read returns the blocks of README.md and of every page below docs.
func Read(root string) ([]Block, error) {
	files := []string{filepath.Join(root, "README.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	var all []Block
	for _, file := range files {
		content, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		name, relErr := filepath.Rel(root, file)
		err = errors.Join(err, relErr)
		all = append(all, blocks(filepath.ToSlash(name), string(content))...)
	}
	return all, err
}

func blocks(file, content string) []Block {
	var all []Block
	var open *Block
	number := 0
	for line := range strings.Lines(content) {
		number++
		kind, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &Block{File: file, Line: number + 1, Kind: kind}
		case fence:
			if slices.Contains([]string{"sh", "bash", "console"}, open.Kind) {
				all = append(all, *open)
			}
			open = nil
		case open != nil:
			open.Text += line
		}
	}
	return all
}
