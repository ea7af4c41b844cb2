//go:build !linux && !darwin

package secret

import "golang.org/x/term"

// hideInput leaves it to term.ReadPassword.
func hideInput(int) error { return nil }

// readHidden reads a line from a terminal without showing it.
func readHidden(terminal int) ([]byte, error) { return term.ReadPassword(terminal) }
