package cmdline

import "golang.org/x/sys/unix"

// keepPrivate leaves no core dump with the values of secrets behind, and shows the process's memory to no other of
// the same user's (prctl(2), PR_SET_DUMPABLE). It does not reach the programs that the process starts.
func keepPrivate() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) } // a kernel that can't is no reason to stop
