package cmdline

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// defaultWaitTimeout is how long --wait waits: long enough for a controller that does its work, and no more.
const defaultWaitTimeout = "5m"

// Wait is the flags --wait and --timeout of commands that delete.
type Wait struct {
	wait    bool
	timeout string
	limit   time.Duration
}

// Flags are those of a command.
func (w *Wait) Flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "wait", Usage: "wait until what a finalizer holds is gone", Destination: &w.wait, DisableDefaultText: true},
		&cli.StringFlag{Name: "timeout", Usage: "how long --wait waits for each, such as 30s; 0 for no limit", Value: defaultWaitTimeout, Destination: &w.timeout},
	}
}

// Complete reads the flags.
func (w *Wait) Complete() (err error) {
	if w.limit, err = time.ParseDuration(w.timeout); err != nil || w.limit < 0 {
		return Usagef("--timeout %q is not a time such as 30s or 5m", w.timeout)
	}
	if !w.wait && w.timeout != defaultWaitTimeout {
		return Usagef("--timeout is for --wait")
	}
	return nil
}

// Until waits until something is gone that is being deleted, if that was asked for. Otherwise it returns the error that
// says so.
func (w *Wait) Until(ctx context.Context, s *Session, held error, wait func(context.Context) error) error {
	if !w.wait {
		return fmt.Errorf("%w; --wait waits for that", held)
	}
	s.Hint("%s", held)
	inTime, cancel := ctx, context.CancelFunc(func() {})
	if w.limit > 0 {
		inTime, cancel = context.WithTimeout(ctx, w.limit)
	}
	defer cancel()
	err := wait(inTime)
	if err != nil && inTime.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; waited %s", held, w.limit)
	}
	return err
}
