package secret

import "golang.org/x/sys/unix"

const (
	getTermios  = unix.TCGETS
	setTermios  = unix.TCSETS
	setAndFlush = unix.TCSETSF // what was not read yet is dropped
)
