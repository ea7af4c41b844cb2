//go:build !linux && !darwin

package secret

// echoOff leaves it to term.ReadPassword.
func echoOff(int) error { return nil }
