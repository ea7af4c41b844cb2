package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const lockFile = ".lock"

// pollInterval is how often conditions are looked at while waiting for them.
const pollInterval = 50 * time.Millisecond

// lock takes the lock of a folder, making the folder if need be. Two runs
// against one cluster go one after the other.
func lock(ctx context.Context, dir string, waiting func()) (unlock func(), err error) {
	return waitLock(ctx, waiting, func() (func(), error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		return tryLock(filepath.Join(dir, lockFile), os.O_CREATE)
	}, syscall.EWOULDBLOCK, fs.ErrNotExist)
}

// lockExisting is lock for verbs that need a cluster that is there. It makes
// nothing, so that nothing is left if the cluster goes away meanwhile.
func lockExisting(ctx context.Context, dir string) (unlock func(), err error) {
	unlock, err = waitLock(ctx, nil, func() (func(), error) {
		return tryLock(filepath.Join(dir, lockFile), 0)
	}, syscall.EWOULDBLOCK)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, errNoCluster)
	}
	return unlock, err
}

// waitLock tries until it has the lock, or until an error that is not among
// those to be waited out. waiting is called once if it has to wait.
func waitLock(ctx context.Context, waiting func(), try func() (func(), error), wait ...error) (func(), error) {
	for {
		unlock, err := try()
		if err == nil {
			return unlock, nil
		}
		if !slices.ContainsFunc(wait, func(target error) bool { return errors.Is(err, target) }) {
			return nil, fmt.Errorf("take the lock: %w", err)
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for another run: %w", err)
		}
	}
}

// lockCache is the lock of the cache of binaries. Its file stays, as the cache
// does.
func lockCache(ctx context.Context, cache string, waiting func()) (unlock func(), err error) {
	return lock(ctx, cache, waiting)
}

// tryLock locks a file. The holder of the lock may remove the file (down
// does), so a lock counts only if the path still names the locked file.
func tryLock(path string, flags int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockNow(f); err != nil {
		f.Close()
		return nil, err
	}
	locked, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	current, err := os.Stat(path)
	if err != nil || !os.SameFile(locked, current) {
		f.Close()
		return nil, fs.ErrNotExist
	}
	return func() { f.Close() }, nil
}

// lockMachine serialises what concerns all clusters of a machine: the choice
// of ports and addresses. It is a socket without a file, so that it vanishes
// with the process that holds it and leaves nothing behind.
func lockMachine(ctx context.Context) (unlock func(), err error) {
	return waitLock(ctx, nil, func() (func(), error) {
		l, err := net.Listen("unix", "@apolo-cluster-machine-lock")
		if err != nil {
			return nil, err
		}
		return func() { l.Close() }, nil
	}, syscall.EADDRINUSE)
}

// pause waits for one polling interval.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollInterval):
		return nil
	}
}

// poll waits until check says yes. What check last answered instead is part
// of the message when the time is over; an error from it ends the wait.
func poll(ctx context.Context, timeout time.Duration, what string, check func(context.Context) (done bool, state string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		done, state, err := check(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if done {
			return nil
		}
		if err := pause(ctx); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("%s: not within %s (%s)", what, timeout, state)
			}
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
