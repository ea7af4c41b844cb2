//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
)

// Elsewhere the program is compiled only to say that it needs Linux:
// checkMachine ends it before it comes to any of these.

func unmountLazily(string) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }

func mountOverlay(_, _ string) error { return errors.ErrUnsupported }

func lockNow(*os.File) error { return errors.ErrUnsupported }

func closeOnExec(int) {}

func ownSession() *syscall.SysProcAttr { return nil }
