package completion

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// What was found in time is shown, and a Completer that does not heed its context is left alone.
func TestAnswerEndsInTime(t *testing.T) {
	t.Setenv(patienceVariable, "10ms")
	forever := make(chan struct{})
	defer close(forever)
	with := func(ctx context.Context, c *Word) {
		c.Offer("found", "")
		if _, ok := ctx.Deadline(); !ok {
			panic(errors.New("there is no deadline"))
		}
		<-forever
		c.Offer("late", "")
	}
	var out bytes.Buffer
	Answer(t.Context(), &out, NewWord(&kube.Options{}, ""), with, func() error { return nil })
	if got := out.String(); got != "found\n:4\n" {
		t.Errorf("answered %q", got)
	}
}

func TestPatienceIsShorterThanAnybodyNotices(t *testing.T) {
	if patience > 150*time.Millisecond {
		t.Errorf("completion may take %s", patience)
	}
}
