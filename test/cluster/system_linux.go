package main

import (
	"os"
	"syscall"
)

// umountNoFollow is UMOUNT_NOFOLLOW, which package syscall does not name.
const umountNoFollow = 8

// unmountLazily takes a mount out of sight, even one that is still in use.
func unmountLazily(point string) error {
	return syscall.Unmount(point, syscall.MNT_DETACH|umountNoFollow)
}

func unmount(point string) error { return syscall.Unmount(point, 0) }

func mountOverlay(point, options string) error {
	return syscall.Mount("overlay", point, "overlay", 0, options)
}

// lockNow locks an open file, or fails with EWOULDBLOCK if another has it.
func lockNow(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

// ownSession detaches a process from this one's terminal.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
