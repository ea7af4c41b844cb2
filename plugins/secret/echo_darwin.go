package secret

import "golang.org/x/sys/unix"

const (
	getTermios  = unix.TIOCGETA
	setTermios  = unix.TIOCSETA
	setAndFlush = unix.TIOCSETAF // what was not read yet is dropped
)
