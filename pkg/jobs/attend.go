package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// Attend follows a job to its end: its states go to observer, its log to out, from the first line
// to the last. It returns the final state once all of the log was written, or the error of Watch or
// CopyLog. Where only the log could not be read to its end, both the final state and the error are
// there.
func (c *Client) Attend(ctx context.Context, job Ref, observer Observer, out io.Writer) (State, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	observer = oneAtATime(observer)

	ended := make(chan struct{})
	var log chan error // nil: there is none yet
	watched := observer
	watched.State = func(state State) {
		observer.State(state)
		if log != nil || !state.Started {
			return
		}
		log = make(chan error, 1)
		go func() {
			err := CopyLog(ctx, c.Log(job.Namespace, state.Pod), ended, out, observer.Notice)
			if errors.As(err, &outError{}) {
				cancel(err) // nobody reads what the job says
			}
			log <- err
		}()
	}
	state, err := c.Watch(ctx, job, watched)
	if err != nil {
		if cause := context.Cause(ctx); errors.As(cause, &outError{}) {
			return State{}, cause
		}
		return State{}, err
	}
	if log != nil {
		close(ended)
		err = <-log
	}
	return state, err
}

// oneAtATime returns an observer whose functions are all there, and never run at the same time.
func oneAtATime(o Observer) Observer {
	var mutex sync.Mutex
	return Observer{
		State:   locked(&mutex, o.State),
		Trouble: locked(&mutex, o.Trouble),
		Notice:  locked(&mutex, o.Notice),
	}
}

func locked[T any](mutex *sync.Mutex, f func(T)) func(T) {
	return func(value T) {
		if f == nil {
			return
		}
		mutex.Lock()
		defer mutex.Unlock()
		f(value)
	}
}

// Log is the log of a job's container, for CopyLog.
func (c *Client) Log(namespace, pod string) LogSource {
	return &podLog{client: c, namespace: namespace, pod: pod}
}

type podLog struct {
	client         *Client
	namespace, pod string
}

// Open is part of LogSource.
func (l *podLog) Open(ctx context.Context, part LogPart) (io.ReadCloser, error) {
	request := l.client.streamingCore.Get().
		Namespace(l.namespace).
		Resource(podsResource).
		Name(l.pod).
		SubResource("log").
		Param("container", ContainerName).
		Param("timestamps", "true").
		Param("follow", strconv.FormatBool(part.Follow))
	if !part.Since.IsZero() {
		request = request.Param("sinceTime", part.Since.UTC().Format(time.RFC3339))
	}
	if part.Last > 0 {
		request = request.Param("tailLines", strconv.Itoa(part.Last))
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		err = l.client.kube.Explain(err, kube.Request{Verb: "get", Resource: "pods/log", Namespace: l.namespace, Name: l.pod})
		return nil, fmt.Errorf("pod %s: %w", l.pod, err)
	}
	return stream, nil
}
