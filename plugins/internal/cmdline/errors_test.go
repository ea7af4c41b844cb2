package cmdline

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

func TestExitCodeOfSignals(t *testing.T) {
	interrupted := errors.New(syscall.SIGINT.String() + " signal received")
	terminated := errors.New(syscall.SIGTERM.String() + " signal received")
	for _, test := range []struct {
		cause error // of the context's end; nil: it goes on
		err   error
		want  int
	}{
		{interrupted, context.Canceled, 130},
		{terminated, context.Canceled, 143},
		{terminated, &ExitError{Code: ExitInterrupted}, 143},
		{terminated, &ExitError{Code: 3}, 3},
		{terminated, nil, 0},
		{nil, &ExitError{Code: 130}, 130},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		if test.cause != nil {
			cancel(test.cause)
		}
		if got := signalled(ctx, exitCode(test.err)); got != test.want {
			t.Errorf("%v after %v: code %d, want %d", test.err, test.cause, got, test.want)
		}
	}
}
