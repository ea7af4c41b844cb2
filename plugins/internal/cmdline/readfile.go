package cmdline

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ReadFile reads a file that the user names, where "-" is standard input. It stops one byte after limit, so that an
// endless pipe can't fill the memory. A read that waits, as of a terminal or a pipe, ends with the first SIGINT.
// Where nothing comes out of anything but a regular file, it returns ErrNothingRead.
func (s *Session) ReadFile(path string, limit int64) ([]byte, error) {
	ctx := s.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	return Interruptible(ctx, func() ([]byte, error) {
		in := s.In
		if path != "-" {
			path, err := HomePath(path)
			if err != nil {
				return nil, err
			}
			file, err := os.Open(path) // #nosec G304 -- the file that the user names
			if err != nil {
				return nil, err
			}
			defer file.Close()
			in = file
		}
		content, err := io.ReadAll(io.LimitReader(in, limit+1))
		if err == nil {
			err = CheckEmpty(in, len(content))
		}
		return content, err
	})
}

// HomePath puts the user's home in place of a "~/" at the beginning of a path. Shells leave it as it is in
// "@~/file" and in "--flag=~/file"; a folder that is called "~" is "./~".
func HomePath(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, rest), nil
}

// HomePaths is HomePath for the values of several flags, in place.
func HomePaths(paths ...*string) (err error) {
	for _, path := range paths {
		if *path, err = HomePath(*path); err != nil {
			return err
		}
	}
	return nil
}

// Interruptible calls do, which may wait forever and heeds no context, and returns the error of ctx where that ends first.
// What waits is then left to the end of the process, which is near.
func Interruptible[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
