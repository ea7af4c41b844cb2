package jobs

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestPatiently(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	hang := func() (int, error) { <-forever; return 1, nil }
	if n, err := withDecodeTimeout(t.Context(), time.Millisecond, hang); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beyond the limit: %d, %v", n, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if n, err := withDecodeTimeout(ended, 0, hang); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %d, %v", n, err)
	}
	failed := errors.New("failed")
	if n, err := withDecodeTimeout(t.Context(), time.Minute, func() (int, error) { return 1, failed }); n != 1 || !errors.Is(err, failed) {
		t.Errorf("in time: %d, %v", n, err)
	}
}
