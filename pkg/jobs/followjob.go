package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// FollowJob follows a job to its end: its states go to observer, its log to out, from the first line of
// its first attempt to the last line of its last. It returns the final state once all of the log was
// written, or the error of Watch or joblog.Copy. Where only the log of the last attempt could not be read
// to its end, both the final state and the error are there; of an earlier attempt, that is a notice.
func (c *Client) FollowJob(ctx context.Context, job Ref, observer Observer, out io.Writer, options joblog.Options) (jobstatus.State, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &follower{
		client: c, job: job, observer: oneAtATime(observer), out: out, options: options,
		known: map[types.UID]*attemptLog{}, news: make(chan struct{}, 1), done: make(chan error, 1),
	}
	go func() {
		err := a.copyLogs(ctx)
		if errors.As(err, &joblog.OutputError{}) {
			cancel(err) // nobody reads what the job says
		}
		a.done <- err
	}()

	watched := a.observer
	watched.State = a.state
	w := newJobWatch(c, job, watched)
	w.attempts = a.update
	state, err := w.run(ctx)
	if err != nil {
		if cause := context.Cause(ctx); errors.As(cause, &joblog.OutputError{}) {
			return jobstatus.State{}, cause
		}
		return jobstatus.State{}, err
	}
	a.end()
	return state, <-a.done
}

// follower is one call of FollowJob: the watch says which attempts there are, and a goroutine of its
// own copies their logs, one after the other.
type follower struct {
	client   *Client
	job      Ref
	observer Observer
	out      io.Writer
	options  joblog.Options
	news     chan struct{} // something below has changed
	done     chan error

	mutex    sync.Mutex
	known    map[types.UID]*attemptLog
	attempts []*attemptLog     // that have started, or ended without that, in order
	final    bool              // there will be no more
	read     int               // how many of them have nothing left to copy
	held     []jobstatus.State // to be told once more is read
}

type attemptLog struct {
	pod     string
	life    joblog.Life
	started bool
	ended   chan struct{}
	isEnded bool
}

func (a *attemptLog) end() {
	if !a.isEnded {
		a.isEnded = true
		close(a.ended)
	}
}

// update takes what the watch knows of the pods, in order.
func (a *follower) update(pods []*corev1.Pod) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for i, pod := range pods {
		attempt := a.known[pod.UID]
		if attempt == nil {
			// The one after it says that an attempt is over, also where its own end was not seen.
			if !jobstatus.HasRun(pod) && !jobstatus.HasEnded(pod) && i == len(pods)-1 {
				break
			}
			attempt = &attemptLog{pod: pod.Name, life: lifeOf(pod), started: jobstatus.HasRun(pod), ended: make(chan struct{})}
			a.known[pod.UID] = attempt
			a.attempts = append(a.attempts, attempt)
		}
		if jobstatus.HasEnded(pod) || i < len(pods)-1 {
			attempt.end()
		}
	}
	a.changed()
}

// end says that the job is final.
func (a *follower) end() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.final = true
	for _, attempt := range a.attempts {
		attempt.end()
	}
	a.changed()
}

// changed wakes copyLogs up.
func (a *follower) changed() {
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// state is an Observer's. What comes after the end of an attempt is told after the end of its log.
func (a *follower) state(state jobstatus.State) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.early(state) || len(a.held) > 0 && !state.Phase.Final() {
		a.held = append(a.held, state)
		return
	}
	a.observer.State(state)
}

// early reports whether a state is of a time that the log has not come to.
func (a *follower) early(state jobstatus.State) bool {
	if state.Phase == jobstatus.Restarting || state.Phase == jobstatus.Finishing {
		return state.Attempt > a.read
	}
	return state.Attempt > a.read+1 && !state.Phase.Final()
}

// hasRead notes that one more attempt has nothing left to copy.
func (a *follower) hasRead(number int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.read = number
	for len(a.held) > 0 && !a.early(a.held[0]) {
		if !a.final { // the final state says more
			a.observer.State(a.held[0])
		}
		a.held = a.held[1:]
	}
}

// copyLogs copies the logs of all attempts until there are no more.
func (a *follower) copyLogs(ctx context.Context) error {
	var last error
	for number := 1; ; number++ {
		attempt := a.next(ctx, number)
		if attempt == nil {
			return last
		}
		if last != nil {
			a.observer.Notice(fmt.Sprintf("attempt %d: %s", number-1, last))
			last = nil
		}
		if !attempt.started {
			a.hasRead(number)
			continue
		}
		if number > 1 {
			a.observer.Attempt(number)
		}
		last = joblog.Copy(ctx, a.client.Log(a.job.Namespace, attempt.pod), attempt.life, attempt.ended, a.out, a.observer.Notice, a.options)
		if errors.As(last, &joblog.OutputError{}) || ctx.Err() != nil {
			return last
		}
		a.hasRead(number)
	}
}

// next waits for an attempt and returns it, or nil where it will not come.
func (a *follower) next(ctx context.Context, number int) *attemptLog {
	for {
		a.mutex.Lock()
		if len(a.attempts) >= number {
			defer a.mutex.Unlock()
			return a.attempts[number-1]
		}
		final := a.final
		a.mutex.Unlock()
		if final {
			return nil
		}
		select {
		case <-a.news:
		case <-ctx.Done():
			return nil
		}
	}
}

// oneAtATime returns an observer whose functions are all there, and never run at the same time.
func oneAtATime(o Observer) Observer {
	var mutex sync.Mutex
	return Observer{
		State:   locked(&mutex, o.State),
		Trouble: locked(&mutex, o.Trouble),
		Notice:  locked(&mutex, o.Notice),
		Attempt: locked(&mutex, o.Attempt),
		Values:  o.Values,
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

// Logs writes what there is now of the logs of a job's attempts, whose pods are as PodsOf returns
// them. It returns ErrNotStarted where none has run, and else what joblog.Copy returns for the last of
// them; that an earlier log can't be read any more is a notice.
func (c *Client) Logs(ctx context.Context, pods []*corev1.Pod, observer Observer, out io.Writer, options joblog.Options) error {
	observer = oneAtATime(observer)
	ended := make(chan struct{})
	close(ended) // so that a log is read to its present end
	started := false
	var last error
	for i, pod := range pods {
		if !jobstatus.HasRun(pod) {
			continue
		}
		if last != nil {
			observer.Notice(fmt.Sprintf("attempt %d: %s", i, last))
		}
		if i > 0 {
			observer.Attempt(i + 1)
		}
		started = true
		source := c.Log(pod.Namespace, pod.Name)
		if jobstatus.HasEnded(pod) {
			last = joblog.CopyEnded(ctx, source, lifeOf(pod), out, observer.Notice, options)
		} else {
			last = joblog.Copy(ctx, source, lifeOf(pod), ended, out, observer.Notice, options)
		}
		if errors.As(last, &joblog.OutputError{}) || ctx.Err() != nil {
			return last
		}
	}
	if !started {
		return ErrNotStarted
	}
	return last
}

// ErrNotStarted says that a job has no log yet.
var ErrNotStarted = errors.New("the job has not started, so there is no log yet")

// lifeOf is the life of a job's container in a pod.
func lifeOf(pod *corev1.Pod) joblog.Life {
	started, ended := jobstatus.Times(pod)
	return joblog.Life{Started: started, Ended: ended}
}

// Log is the log of a job's container, for joblog.Copy.
func (c *Client) Log(namespace, pod string) joblog.Source {
	return &podLog{client: c, namespace: namespace, pod: pod}
}

type podLog struct {
	client         *Client
	namespace, pod string
}

// Now is the time by the cluster's clock, as far as it is known.
func (l *podLog) Now() time.Time { return l.client.Now() }

// Open is part of joblog.Source.
func (l *podLog) Open(ctx context.Context, part joblog.Part) (io.ReadCloser, error) {
	request := l.client.streamingCore.Get().
		Namespace(l.namespace).
		Resource(podsResource).
		Name(l.pod).
		SubResource("log").
		Param("container", jobspec.ContainerName).
		Param("timestamps", strconv.FormatBool(!part.Plain)).
		Param("follow", strconv.FormatBool(part.Follow))
	if !part.Since.IsZero() {
		request = request.Param("sinceTime", part.Since.UTC().Format(time.RFC3339))
	}
	if part.Last > 0 {
		request = request.Param("tailLines", strconv.Itoa(part.Last))
	}
	if part.First > 0 {
		request = request.Param("limitBytes", strconv.Itoa(part.First))
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		err = l.client.kube.Explain(err, kube.Request{Verb: "get", Resource: "pods/log", Namespace: l.namespace, Name: l.pod})
		return nil, fmt.Errorf("pod %s: %w", l.pod, err)
	}
	return stream, nil
}
