//go:build !linux && !darwin

package secret

// echoOff leaves it to term.ReadPassword.
func echoOff(int) error { return nil }

// discardRest finds nothing where terminals are no files.
func discardRest(int) bool { return false }
