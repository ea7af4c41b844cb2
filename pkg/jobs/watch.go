package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// eventsAfter is how long a job may take to start before its events are asked for why it doesn't.
const eventsAfter = 500 * time.Millisecond

// refusalPatience is how long the user must have been refused what was allowed before, until it is
// believed: an API server that starts refuses everything until it has read the RBAC objects.
const refusalPatience = 30 * time.Second

// refusals are errors in a row that refuse what was allowed before; the zero value is none.
type refusals struct{ since time.Time }

// isBelieved reports whether an error refuses, and others have done so for refusalPatience. How long ago the last
// answer came says nothing: a job may run for days without a change.
func (r *refusals) isBelieved(err error, now time.Time) bool {
	if !isRefusal(err) {
		r.since = time.Time{}
		return false
	}
	if r.since.IsZero() {
		r.since = now
	}
	return now.Sub(r.since) > refusalPatience
}

func isRefusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// watchBackoff is the pause between attempts to reach the API server.
func watchBackoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 2 * time.Second}
}

// objects is a set of objects to observe.
type objects struct {
	unary, streaming rest.Interface
	resource         string
	namespace        string
	options          metav1.ListOptions // selectors
	newList          func() runtime.Object
}

// change is one thing that happened to objects.
type change struct {
	resource string           // what all is about
	all      []runtime.Object // where not nil: all that there are now
	changed  runtime.Object   // where not nil: new or changed
	deleted  runtime.Object   // where not nil
	// trouble says why the API server can't be reached at the moment; nil with all else.
	trouble error
}

// observe lists objects and watches them until the context ends or the user may not. Cut watches
// and ones that the API server has no history for (410 Gone) begin with a new list, so that
// what was deleted meanwhile is noticed.
func (c *Client) observe(ctx context.Context, o objects, each func(change)) error {
	backoff := watchBackoff()
	allowed := false // the API server has answered with objects
	var refused refusals
	for {
		started := time.Now()
		err := c.observeOnce(ctx, o, func(change change) {
			allowed, refused = true, refusals{}
			each(change)
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isRefusal(err) && !allowed, refused.isBelieved(err, time.Now()):
			return err
		case err != nil:
			each(change{trouble: err})
		}
		if time.Since(started) > backoff.Cap {
			backoff = watchBackoff()
		}
		joblog.Pause(ctx, backoff.Step(), nil)
	}
}

// list returns all objects there are, and the version of the list.
func (c *Client) list(ctx context.Context, o objects) (all []runtime.Object, version string, err error) {
	list, err := c.decode(ctx, o.unary.Get().Namespace(o.namespace).Resource(o.resource).
		VersionedParams(&o.options, metav1.ParameterCodec), o.newList)
	if err != nil {
		return nil, "", c.explain(err, "list", o.resource, "")
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, "", err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, "", err
	}
	return append([]runtime.Object{}, items...), accessor.GetResourceVersion(), nil
}

// observeOnce returns nil where the watch ended as watches do.
func (c *Client) observeOnce(ctx context.Context, o objects, each func(change)) error {
	all, version, err := c.list(ctx, o)
	if err != nil {
		return err
	}
	each(change{resource: o.resource, all: all})
	options := o.options
	options.ResourceVersion = version
	options.Watch = true
	options.AllowWatchBookmarks = true
	for {
		err := c.watchOnce(ctx, o, &options, each)
		if err != nil || ctx.Err() != nil {
			if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
				return nil
			}
			return err
		}
	}
}

// watchOnce returns nil where the next watch can continue from options.ResourceVersion.
func (c *Client) watchOnce(ctx context.Context, o objects, options *metav1.ListOptions, each func(change)) error {
	stream, err := o.streaming.Get().Namespace(o.namespace).Resource(o.resource).
		VersionedParams(options, metav1.ParameterCodec).Watch(ctx)
	if err != nil {
		return c.explain(err, "watch", o.resource, "")
	}
	defer stream.Stop()
	progress := false
	for event := range stream.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		if accessor, err := meta.Accessor(event.Object); err == nil {
			options.ResourceVersion = accessor.GetResourceVersion()
			progress = true
		}
		switch event.Type {
		case watch.Added, watch.Modified:
			each(change{changed: event.Object})
		case watch.Deleted:
			each(change{deleted: event.Object})
		}
	}
	if !progress && ctx.Err() == nil {
		return errors.New("the API server closed the connection") // not at once again
	}
	return nil
}

func (c *Client) jobObjects(job Ref) objects {
	return objects{
		unary: c.batch, streaming: c.streamingBatch, resource: jobsResource, namespace: job.Namespace,
		options: metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", job.Name).String()},
		newList: func() runtime.Object { return &batchv1.JobList{} },
	}
}

func (c *Client) podObjects(job Ref) objects {
	return objects{
		unary: c.core, streaming: c.streamingCore, resource: podsResource, namespace: job.Namespace,
		options: metav1.ListOptions{LabelSelector: batchv1.ControllerUidLabel + "=" + string(job.UID)},
		newList: func() runtime.Object { return &corev1.PodList{} },
	}
}

func (c *Client) eventObjects(namespace string, about types.UID) objects {
	return objects{
		unary: c.core, streaming: c.streamingCore, resource: eventsResource, namespace: namespace,
		options: metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(about)).String()},
		newList: func() runtime.Object { return &corev1.EventList{} },
	}
}

// observeJob calls each with the job of that name, nil where there is none, until it returns true,
// and returns nil then.
func (c *Client) observeJob(ctx context.Context, job Ref, each func(*batchv1.Job) (done bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errDone := errors.New("done")
	err := c.observe(ctx, c.jobObjects(job), func(change change) {
		var found *batchv1.Job
		switch {
		case change.trouble != nil || ctx.Err() != nil:
			return
		case len(change.all) > 0:
			found, _ = change.all[0].(*batchv1.Job)
		case change.changed != nil:
			found, _ = change.changed.(*batchv1.Job)
		}
		if each(found) {
			cancel(errDone)
		}
	})
	if errors.Is(context.Cause(ctx), errDone) {
		return nil
	}
	return err
}

// Observer hears what happens to a job. Its functions are called one after the other.
type Observer struct {
	// State gets every state that differs from the one before.
	State func(jobstatus.State)
	// Trouble gets why the cluster can't be reached, after every attempt, and nil once it can again;
	// all continues by itself then. It may be nil.
	Trouble func(error)
	// Notice gets what joblog.Copy has to say besides the log. It may be nil. Watch doesn't call it.
	Notice func(string)
	// Attempt gets the number of an attempt after the first, right before its log. It may be nil.
	// Watch doesn't call it.
	Attempt func(int)
	// Values are those of the job's secrets. They are hidden in the messages of states, as package mask hides them.
	Values [][]byte
}

// Watch follows a job to its end and returns the final state. Errors are the context's, and those
// of a user who can't watch jobs and pods.
func (c *Client) Watch(ctx context.Context, job Ref, observer Observer) (jobstatus.State, error) {
	return newJobWatch(c, job, observer).run(ctx)
}

func newJobWatch(c *Client, job Ref, observer Observer) *jobWatch {
	return &jobWatch{client: c, job: job, observer: observer, changes: make(chan change), failed: make(chan error, 2)}
}

type jobWatch struct {
	client    *Client
	job       Ref
	observer  Observer
	changes   chan change
	failed    chan error
	snapshot  *jobstatus.Snapshot
	asked     map[types.UID]bool // whose events are observed
	listed    map[string]bool    // resources of which all objects were seen
	observers sync.WaitGroup
	troubled  bool // the last attempt to reach the cluster failed

	attempts func([]*corev1.Pod) // where not nil: gets the pods, in order, after each state
}

// run watches the job, or polls it where the user may not watch.
func (w *jobWatch) run(ctx context.Context) (jobstatus.State, error) {
	state, err := w.watch(ctx)
	if apierrors.IsForbidden(err) {
		return w.poll(ctx, err)
	}
	return state, err
}

func (w *jobWatch) watch(ctx context.Context) (jobstatus.State, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer w.observers.Wait() // no observer outlives the call
	defer cancel()
	w.snapshot = jobstatus.NewSnapshot(w.job.UID, w.observer.Values)
	w.asked, w.listed = map[types.UID]bool{}, map[string]bool{}
	for _, o := range []objects{w.client.podObjects(w.job), w.client.jobObjects(w.job)} {
		w.observe(ctx, o, true)
	}

	slow := time.NewTimer(eventsAfter)
	defer slow.Stop()
	isSlow := false
	var last jobstatus.State
	for {
		select {
		case change := <-w.changes:
			w.apply(change)
		case <-slow.C:
			isSlow = true
		case err := <-w.failed:
			return jobstatus.State{}, err
		case <-ctx.Done():
			return jobstatus.State{}, ctx.Err()
		}
		if !w.listed[podsResource] || !w.listed[jobsResource] {
			continue // that would be half of the story
		}
		state := w.snapshot.Describe()
		if state.Phase.Final() && w.snapshot.PodsAreBehind() {
			if err := w.catchUp(ctx); err != nil {
				return jobstatus.State{}, err
			}
			state = w.snapshot.Describe()
		}
		if state != last && w.observer.State != nil {
			w.observer.State(state)
		}
		last = state
		if w.attempts != nil {
			w.attempts(w.snapshot.Attempts())
		}
		if state.Phase.Final() {
			return state, nil
		}
		if isSlow && !state.Started {
			w.askWhy(ctx)
		}
	}
}

// catchUp lists the pods of a job that has ended, so that none of their logs is left out.
func (w *jobWatch) catchUp(ctx context.Context) error {
	backoff := watchBackoff()
	var refused refusals
	for {
		all, _, err := w.client.list(ctx, w.client.podObjects(w.job))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			w.apply(change{resource: podsResource, all: all})
			return nil
		case refused.isBelieved(err, time.Now()):
			return err
		}
		w.apply(change{trouble: err})
		joblog.Pause(ctx, backoff.Step(), nil)
	}
}

// observe feeds the changes of objects to run. The end of what is vital ends run.
func (w *jobWatch) observe(ctx context.Context, o objects, vital bool) {
	w.observers.Go(func() {
		err := w.client.observe(ctx, o, func(change change) {
			if change.trouble != nil && !vital {
				return
			}
			select {
			case w.changes <- change:
			case <-ctx.Done():
			}
		})
		if vital {
			w.failed <- err
		}
	})
}

// askWhy begins to observe the events of what doesn't start: of the job, then of its pod. Who may
// not read events learns less.
func (w *jobWatch) askWhy(ctx context.Context) {
	about := w.job.UID
	if pod := w.snapshot.Latest(); pod != nil {
		about = pod.UID
	}
	if !w.asked[about] {
		w.asked[about] = true
		w.observe(ctx, w.client.eventObjects(w.job.Namespace, about), false)
	}
}

func (w *jobWatch) apply(change change) {
	if (change.trouble != nil || w.troubled) && w.observer.Trouble != nil {
		w.observer.Trouble(change.trouble)
	}
	w.troubled = change.trouble != nil
	switch {
	case change.trouble != nil:
	case change.changed != nil:
		w.snapshot.Set(change.changed)
	case change.deleted != nil:
		w.snapshot.Remove(change.deleted)
	case change.resource == jobsResource:
		w.listed[jobsResource] = true
		w.snapshot.ReplaceJobs(change.all)
	case change.resource == podsResource:
		w.listed[podsResource] = true
		w.snapshot.ReplacePods(change.all)
	default:
		for _, event := range change.all {
			w.snapshot.Set(event)
		}
	}
}
