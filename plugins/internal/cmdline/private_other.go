//go:build !linux

package cmdline

// keepPrivate does nothing: Go programs leave no core dump, unless GOTRACEBACK=crash asks for one.
func keepPrivate() {}
