package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
)

const (
	// lastWords is how long a terminal may still show what a container wrote before its end.
	lastWords = 5 * time.Second
	// confirmation is how long the end of a stream waits for word that its container has ended.
	confirmation = 2 * time.Second

	inputChunk = 32 << 10 // bytes read at once
)

// InputError says that a job got only a part of its input, or none.
type InputError struct{ cause error }

func (e *InputError) Error() string {
	return "the job did not get all of its input: " + e.cause.Error()
}

// Unwrap returns why.
func (e *InputError) Unwrap() error { return e.cause }

// FollowWithStdin is FollowJob for a job that reads its standard input: in is handed to its first
// attempt, up to its end. All output is that of the log, so that nothing of it is lost that came
// before the input was connected. Where the input was cut off it returns an InputError, together with
// the final state.
func (c *Client) FollowWithStdin(ctx context.Context, job Ref, observer Observer, in io.Reader, out io.Writer, options joblog.Options) (jobstatus.State, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	observer = oneAtATime(observer)
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	var fed chan error // nil: nothing was begun
	watched := observer
	watched.State = func(state jobstatus.State) {
		observer.State(state)
		if fed != nil || state.Pod == "" || !state.Started {
			return
		}
		fed = make(chan error, 1)
		go func() {
			err := c.feed(feeding, job.Namespace, state.Pod, newInput(in), observer.Notice)
			if apierrors.IsForbidden(err) {
				cancel(err) // it would wait forever
			}
			fed <- err
		}()
	}
	state, err := c.FollowJob(ctx, job, watched, out, options)
	if cause := context.Cause(ctx); err != nil && apierrors.IsForbidden(cause) {
		return state, &InputError{cause}
	}
	stop()
	if fed == nil || err != nil {
		return state, err
	}
	if err := <-fed; err != nil {
		return state, &InputError{err}
	}
	return state, nil
}

// feed hands input to a container. Where the connection is cut after a part of it, it can't continue:
// how much came through is unknown, and the container's input has ended.
func (c *Client) feed(ctx context.Context, namespace, pod string, in *input, notice func(string)) error {
	backoff := watchBackoff()
	for {
		attempt, stop := context.WithCancel(ctx)
		err := c.Attach(attempt, namespace, pod, remote.Streams{In: in.reader(attempt)})
		stop()
		switch {
		case ctx.Err() != nil:
			return nil
		case in.err() != nil:
			return in.err()
		case err == nil, (errors.Is(err, remote.ErrNotRunning) || apierrors.IsNotFound(err)) && in.used.Load():
			if !in.over.Load() {
				notice("the job ended without reading all of its input")
			}
			return nil
		case in.used.Load(), apierrors.IsForbidden(err):
			return err
		}
		joblog.Pause(ctx, backoff.Step(), nil)
	}
}

// AttachJob connects a terminal to a job's container, and to that of each further attempt, until the
// job ends. What the container wrote before is read from its log, as far as the log has whole lines.
// These lines go to earlier: other than what comes from a terminal, they end with a line feed alone.
// Who comes back to a job gives nil, and only sees what it writes from now on.
//
// A connection that is cut is made again while the container runs, and notice given. The final state
// is returned once all was shown; errors are those of Watch and remote.Client.Attach, and the cause of the end of ctx.
func (c *Client) AttachJob(ctx context.Context, job Ref, observer Observer, streams remote.Streams, earlier io.Writer) (jobstatus.State, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	observer = oneAtATime(observer)
	in := newInput(streams.In)
	var current *session
	watched := observer
	watched.State = func(state jobstatus.State) {
		observer.State(state)
		if current != nil && (state.Pod != current.pod || state.Phase.Final() || state.ExitCode != jobstatus.UnknownExitCode) {
			current.end()
		}
		if state.Started && (current == nil || state.Pod != current.pod) {
			before := current
			current = &session{
				client: c, namespace: job.Namespace, pod: state.Pod, streams: streams, earlier: earlier, in: in, notice: observer.Notice,
				ended: make(chan struct{}), done: make(chan struct{}),
			}
			if state.Phase.Final() || state.ExitCode != jobstatus.UnknownExitCode {
				current.end()
			}
			go current.run(ctx, before, cancel)
		}
	}
	state, err := c.Watch(ctx, job, watched)
	if current != nil && err == nil {
		current.end()
		select {
		case <-current.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return state, context.Cause(ctx)
	}
	return state, nil
}

// session is a terminal's time with one container.
type session struct {
	client         *Client
	namespace, pod string
	streams        remote.Streams
	earlier        io.Writer
	in             *input
	notice         func(string)
	ended          chan struct{} // the container has ended
	once           sync.Once
	done           chan struct{}
}

func (s *session) end() { s.once.Do(func() { close(s.ended) }) }

func (s *session) run(ctx context.Context, before *session, fail context.CancelCauseFunc) {
	defer close(s.done)
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return
		}
	}
	if err := s.show(ctx); err != nil {
		fail(err)
	}
}

// show returns nil once the container has ended and all was shown.
func (s *session) show(ctx context.Context) error {
	log := joblog.NewCopier(s.client.Log(s.namespace, s.pod), s.ended, s.earlier, nil)
	if s.earlier != nil && !log.Ended() {
		// An error here is one of the attachment too, or else no loss.
		if err := log.CopyNow(ctx); errors.As(err, &joblog.OutputError{}) {
			return err
		}
	}
	backoff := watchBackoff()
	// A program that is come back to has drawn its screen already.
	noticed := false
	shown, cut := s.earlier == nil, s.earlier == nil
	for !log.Ended() {
		n, err := s.attach(ctx, cut)
		shown = shown || n > 0
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &remote.OutputError{}), apierrors.IsForbidden(err):
			return err
		}
		if n > 0 {
			backoff = watchBackoff()
		}
		if err == nil || errors.Is(err, remote.ErrNotRunning) || apierrors.IsNotFound(err) {
			// Most probably the container has ended, and word of it is on its way.
			joblog.Pause(ctx, confirmation, s.ended)
			cut = cut || err == nil
			continue
		}
		if !noticed || n > 0 {
			noticed = true
			s.notice(fmt.Sprintf("%s; attaching again", err))
		}
		cut = true
		joblog.Pause(ctx, backoff.Step(), s.ended)
	}
	if shown {
		return nil
	}
	return log.Run(ctx) // it was too quick to be attached to
}

// attach connects the terminal once, and returns how many bytes the container sent.
func (s *session) attach(ctx context.Context, again bool) (received int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-s.ended:
			select {
			case <-time.After(lastWords):
				cancel()
			case <-finished:
			}
		case <-finished:
		}
	}()
	streams := s.streams
	streams.TTY = true
	streams.In = s.in.reader(ctx)
	counter := &countingWriter{to: s.streams.Out}
	streams.Out = counter
	if again && streams.Sizes != nil {
		streams.Sizes = func(ctx context.Context) <-chan remote.Size { return redrawn(ctx, s.streams.Sizes(ctx)) }
	}
	err = s.client.Attach(ctx, s.namespace, s.pod, streams)
	return counter.n.Load(), err
}

// redrawn makes a program that is attached to anew draw its screen again: it does so when the size
// of its window changes.
func redrawn(ctx context.Context, sizes <-chan remote.Size) <-chan remote.Size {
	all := make(chan remote.Size)
	go func() {
		defer close(all)
		first := true
		for size := range sizes {
			next := []remote.Size{size}
			if first {
				next = []remote.Size{{Width: size.Width + 1, Height: size.Height + 1}, size}
				first = false
			}
			for _, size := range next {
				select {
				case all <- size:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return all
}

type countingWriter struct {
	to io.Writer
	n  atomic.Int64
}

func (w *countingWriter) Write(data []byte) (int, error) {
	n, err := w.to.Write(data)
	w.n.Add(int64(n))
	return n, err
}

// input is read by one goroutine for all connections that it is handed to, one after the other: a
// read can't be called off.
type input struct {
	from   io.Reader
	begin  sync.Once
	chunks chan []byte // closed at the end
	used   atomic.Bool // something of it, or its end, was handed on
	over   atomic.Bool // its end was

	lock   sync.Mutex
	failed error
}

func newInput(from io.Reader) *input { return &input{from: from, chunks: make(chan []byte)} }

func (in *input) err() error {
	in.lock.Lock()
	defer in.lock.Unlock()
	return in.failed
}

func (in *input) read() {
	defer close(in.chunks)
	for {
		buffer := make([]byte, inputChunk)
		n, err := in.from.Read(buffer)
		if n > 0 {
			in.chunks <- buffer[:n]
		}
		if err != nil {
			if err != io.EOF {
				in.lock.Lock()
				in.failed = err
				in.lock.Unlock()
			}
			return
		}
	}
}

// reader returns the input for one connection, until ctx ends.
func (in *input) reader(ctx context.Context) io.Reader {
	in.begin.Do(func() { go in.read() })
	return &inputReader{input: in, ctx: ctx}
}

type inputReader struct {
	*input
	ctx  context.Context
	rest []byte
}

// Read is part of io.Reader.
func (r *inputReader) Read(data []byte) (int, error) {
	if len(r.rest) == 0 {
		select {
		case chunk, ok := <-r.chunks:
			r.used.Store(true)
			if !ok {
				r.over.Store(true)
				if err := r.err(); err != nil {
					return 0, err
				}
				return 0, io.EOF
			}
			r.rest = chunk
		case <-r.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(data, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
