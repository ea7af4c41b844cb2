package cmdline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Exit codes of every command; run ends with its job's own instead of ExitFailed.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitInterrupted = 130 // 128 + SIGINT, as shells report it
	ExitTerminated  = 143 // 128 + SIGTERM; Run puts it in place of ExitInterrupted
)

// UsageError is an error in how a command was typed. Its text is followed by where help is.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{text: fmt.Sprintf(format, args...)}
}

// ExitError ends the command with its own code. A nil Err prints nothing. Hint is for a person at a
// terminal, after the error.
type ExitError struct {
	Code int
	Err  error
	Hint string
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// signalled puts the exit code of SIGTERM in place of the other signal's, where that ended ctx.
func signalled(ctx context.Context, code int) int {
	cause := context.Cause(ctx)
	if code == ExitInterrupted && cause != nil && strings.HasPrefix(cause.Error(), syscall.SIGTERM.String()) {
		return ExitTerminated // the words are those of os/signal.NotifyContext
	}
	return code
}

// exitCode is the one place that maps errors to exit codes.
func exitCode(err error) int {
	var (
		usage *UsageError
		exit  *ExitError
	)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailed
}

// each splits what errors.Join joined, so that every failure gets its own line. A sentence of fmt.Errorf that wraps
// several errors stays one sentence: its own words are part of it.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, each(e)...)
		}
		return all
	}
	return []error{err}
}
