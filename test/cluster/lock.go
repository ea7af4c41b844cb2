package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const lockFile = ".lock"

// pollInterval is how often conditions are looked at while waiting for them.
const pollInterval = 50 * time.Millisecond

// lock takes the cluster's lock, making its folder if need be. Two runs
// against one cluster go one after the other.
func lock(ctx context.Context, dir string, waiting func()) (unlock func(), err error) {
	said := false
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the cluster's folder: %w", err)
		}
		unlock, err := tryLock(filepath.Join(dir, lockFile), os.O_CREATE)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("lock the cluster: %w", err)
		}
		if !said && waiting != nil {
			waiting()
			said = true
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for another run on the same cluster: %w", err)
		}
	}
}

// lockExisting is lock for verbs that need a cluster that is there.
func lockExisting(ctx context.Context, dir string) (unlock func(), err error) {
	if _, err := os.Stat(filepath.Join(dir, stateFile)); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, errNoCluster)
	}
	return lock(ctx, dir, nil)
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
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
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
	for {
		l, err := net.Listen("unix", "@apolo-cluster-machine-lock")
		if err == nil {
			return func() { l.Close() }, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("lock the machine: %w", err)
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for another cluster that is starting: %w", err)
		}
	}
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
