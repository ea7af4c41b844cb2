// Package logview is the output of a job's log: without the values of secrets, and for a log that is
// followed, without waiting for whoever reads it.
package logview

import (
	"context"
	"io"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/spool"
)

// Output takes a log. Its Flush passes on what masking holds back, and does not wait for the reader.
type Output struct {
	*mask.Writer
	spool *spool.Writer // nil: each write waits for the reader
}

// Following is the output for a log that is still written, which nodes rotate meanwhile. Values are
// hidden before anything is kept for the reader.
func Following(out io.Writer, options mask.Options) *Output {
	s := spool.New(out, spool.Limits{})
	return &Output{mask.New(s, options), s}
}

// Direct is the output for a log as it is now.
func Direct(out io.Writer, options mask.Options) *Output {
	return &Output{Writer: mask.New(out, options)}
}

// After calls a function once the reader has taken everything written so far, and in order.
func (o *Output) After(call func()) {
	if o.spool == nil {
		call()
		return
	}
	o.spool.After(call)
}

// InOrder returns an observer whose functions, but for State, are called in the place of the log where
// they belong.
func (o *Output) InOrder(observer jobs.Observer) jobs.Observer {
	trouble, notice, attempt := observer.Trouble, observer.Notice, observer.Attempt
	if trouble != nil {
		observer.Trouble = func(err error) { o.After(func() { trouble(err) }) }
	}
	if notice != nil {
		observer.Notice = func(text string) { o.After(func() { notice(text) }) }
	}
	if attempt != nil {
		observer.Attempt = func(number int) {
			_ = o.Flush() // its error comes again with the next line
			o.After(func() { attempt(number) })
		}
	}
	return observer
}

// Context returns a context that ends when the output can't be written any more.
func (o *Output) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.spool == nil {
		return context.WithCancel(ctx)
	}
	return o.spool.Context(ctx)
}

// Err is why the output can't be written any more, also where that was found out by itself.
func (o *Output) Err() error {
	if o.spool == nil {
		return nil
	}
	return o.spool.Err()
}

// Drain ends the log: it waits until the reader has taken all of it, and returns why that can't be.
func (o *Output) Drain(ctx context.Context) error {
	err := o.Flush()
	if o.spool != nil {
		err = o.spool.Flush(ctx)
	}
	return err
}

// Close drops what the reader has not taken.
func (o *Output) Close() {
	if o.spool != nil {
		o.spool.Close()
	}
}

// End ends a log of which err says whether it was read to its end. It returns why the reader does not have
// all of it.
func (o *Output) End(ctx context.Context, err error) error {
	if drained := o.Drain(ctx); drained != nil {
		return drained
	}
	return err
}
