//go:build !linux

package secret

import "os"

// memoryFolder is the usual folder for temporary files: there is none in memory that all may use.
func memoryFolder() (path string, inMemory bool) { return os.TempDir(), false }
