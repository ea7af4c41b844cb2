package cmdline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNothingRead says that a program that was to write something wrote nothing: mostly it has failed.
var ErrNothingRead = errors.New("it is empty; the command that writes it may have failed")

// CheckEmpty returns ErrNothingRead where no bytes came out of anything but a regular file, such as a pipe.
func CheckEmpty(stream any, length int) error {
	if length > 0 {
		return nil
	}
	file, ok := stream.(*os.File)
	if ok {
		info, err := file.Stat()
		ok = err == nil && info.Mode().IsRegular() && file != os.Stdin
	}
	if ok {
		return nil
	}
	return ErrNothingRead
}

// CannotRead is the error of a file that an argument names. Where there is no such file the argument may be a value
// that a shell has put in the place of a path, and is not quoted: argument says where it stood.
func CannotRead(argument, path string, err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	if _, statErr := os.Lstat(path); statErr != nil {
		return fmt.Errorf("cannot read the file of %s: %w", argument, err)
	}
	return fmt.Errorf("cannot read the file %s: %w", path, err)
}
