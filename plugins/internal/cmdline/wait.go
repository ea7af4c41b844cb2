package cmdline

import (
	"context"
	"errors"
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

// Flags are those of a command, with what --wait does there.
func (w *Wait) Flags(usage string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "wait", Usage: usage, Destination: &w.wait, DisableDefaultText: true},
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

// Until waits until something is gone that was deleted, if that was asked for. Otherwise it returns held, the error that
// says that it is still there; nil where nothing is known to hold it.
func (w *Wait) Until(ctx context.Context, s *Session, held error, wait func(context.Context) error) error {
	switch {
	case !w.wait && held == nil:
		return nil
	case !w.wait:
		return fmt.Errorf("%w; --wait waits for that", held)
	case held == nil:
		held = errors.New("not all of it is gone yet")
	default:
		s.Hint("%s", held)
	}
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
