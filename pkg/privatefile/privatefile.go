// Package privatefile writes files that only this user can read.
package privatefile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write replaces path, all at once, by a file with mode 0600 and this content: whoever reads it meanwhile, or after the
// process was killed, finds the old content or the new one. A symbolic link at path is replaced too, not followed. It
// returns the errors of the file system, and then leaves nothing of its own.
//
// The libraries for this may put their temporary file into /tmp, keep the mode of the file that was there, or do without a
// rename on Windows.
func Write(path string, data []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".apolo-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
