package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// moveAll moves files from one folder of a file system to another, and replaces those that are there: all of them, or
// none. Each is replaced at once. Only a process that is killed in the middle can leave some of the new ones beside old
// ones, since no file system replaces several files in one step.
func moveAll(from, to string, names []string) error {
	old, err := os.MkdirTemp(from, ".old-*")
	if err != nil {
		return withoutPath(err)
	}
	for _, name := range names {
		if err := keepFile(filepath.Join(to, name), filepath.Join(old, name)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("%s can't be kept for the case that another file fails: %w; nothing was written", name, withoutPath(err))
		}
	}
	for i, name := range names {
		err := os.Rename(filepath.Join(from, name), filepath.Join(to, name))
		if err == nil {
			continue
		}
		var lost []error
		for _, done := range names[:i] {
			if err := os.Rename(filepath.Join(old, done), filepath.Join(to, done)); os.IsNotExist(err) {
				err = os.Remove(filepath.Join(to, done)) // it is new
				lost = append(lost, err)
			} else if err != nil {
				lost = append(lost, err)
			}
		}
		if lostErr := errors.Join(lost...); lostErr != nil {
			return fmt.Errorf("%s: %w; some files are replaced, and can't be put back: %w", name, withoutPath(err), withoutPath(lostErr))
		}
		return fmt.Errorf("%s: %w; nothing was written", name, withoutPath(err))
	}
	return nil
}

// keepFile gives a file a second name, or copies it where the file system has no such links.
func keepFile(path, second string) error {
	if err := os.Link(path, second); err == nil || os.IsNotExist(err) {
		return err
	}
	file, err := os.Open(path) // #nosec G304 -- a file that is about to be replaced
	if err != nil {
		return err
	}
	defer file.Close()
	kept, err := os.OpenFile(second, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- in our own folder, and new
	if err != nil {
		return err
	}
	_, err = io.Copy(kept, file)
	return errors.Join(err, kept.Close())
}
