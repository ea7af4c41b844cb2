package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// AnnotationPods is a JSON list, on a Job that is shared, of the names of its pods: who can use the
// pods by name, but not list them, finds them there.
const AnnotationPods = "apolo.us/pods"

// listPage is how many objects one answer brings.
const listPage = 500

// RefOf names a Job that was read.
func RefOf(job *batchv1.Job) Ref {
	return Ref{Namespace: job.Namespace, Name: job.Name, UID: job.UID}
}

// Get reads a job of the client's namespace. It is an error where there is none, and where the Job was
// made by another tool.
func (c *Client) Get(ctx context.Context, name string) (*batchv1.Job, error) {
	job, err := ask[batchv1.Job](ctx, c, c.batch.Get().Namespace(c.kube.Namespace).Resource(jobsResource).Name(name))
	switch {
	case apierrors.IsNotFound(err):
		return nil, &NotFoundError{Namespace: c.kube.Namespace, Name: name}
	case err != nil:
		return nil, fmt.Errorf("job %s: %w", name, c.explain(err, "get", jobsResource, name))
	case job.Labels[LabelJob] != labelTrue:
		return nil, fmt.Errorf("the Job %s in namespace %s is another tool's; look at it with: kubectl describe job %s -n %s",
			name, c.kube.Namespace, name, c.kube.Namespace)
	}
	return job, nil
}

// NotFoundError says that there is no job of a name.
type NotFoundError struct{ Namespace, Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no job %q in namespace %s; 'apolo job ls -a' lists all that there are", e.Name, e.Namespace)
}

// Listed is a job with its state at the moment of a List. Of jobs whose pods were not read, or that
// have ended, it is what the Job's own status tells.
type Listed struct {
	*batchv1.Job
	State State
}

// ListOptions say which jobs to list.
type ListOptions struct {
	AllNamespaces bool
	Tags          []string // jobs that have all of them
	// Orphans has List add the pods whose job is gone, and Leftovers, with more requests, all else that is left of such
	// jobs. Jobs that are gone have no tags.
	Orphans, Leftovers bool
	// Trouble, which may be nil, gets from Follow why the cluster can't be reached, after every attempt,
	// and nil once it can again.
	Trouble func(error)
}

// selectors of what List reads.
const (
	jobSelector = LabelJob + "=" + labelTrue
	// livingPods leaves out the pods of jobs that have ended, which are most.
	livingPods = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)
)

// List lists the jobs of the client's namespace, or of all, the oldest first. It takes two requests at
// the same time, for jobs and for the pods that have not ended, one more where a job has ended this
// very second, and more where there are over 500. Anyone who can't list pods gets what the Jobs tell.
func (c *Client) List(ctx context.Context, options ListOptions) ([]Listed, error) {
	namespace := c.listNamespace(options)
	var (
		group            sync.WaitGroup
		jobs             []*batchv1.Job
		pods             []*corev1.Pod
		jobsErr, podsErr error
	)
	group.Go(func() {
		jobsErr = pages(metav1.ListOptions{LabelSelector: jobSelector}, func(page *metav1.ListOptions) (string, error) {
			list, err := ask[batchv1.JobList](ctx, c, c.batch.Get().Namespace(namespace).Resource(jobsResource).VersionedParams(page, metav1.ParameterCodec))
			for i := range list.Items {
				jobs = append(jobs, &list.Items[i])
			}
			return list.Continue, err
		})
	})
	group.Go(func() {
		podsErr = pages(metav1.ListOptions{LabelSelector: jobSelector, FieldSelector: livingPods}, func(page *metav1.ListOptions) (string, error) {
			list, err := ask[corev1.PodList](ctx, c, c.core.Get().Namespace(namespace).Resource(podsResource).VersionedParams(page, metav1.ParameterCodec))
			for i := range list.Items {
				pods = append(pods, &list.Items[i])
			}
			return list.Continue, err
		})
	})
	group.Wait()
	if jobsErr != nil {
		return nil, c.kube.Explain(jobsErr, kube.Request{Verb: "list", Resource: jobsResource, Namespace: namespace})
	}
	if podsErr != nil && !apierrors.IsForbidden(podsErr) {
		return nil, c.kube.Explain(podsErr, kube.Request{Verb: "list", Resource: podsResource, Namespace: namespace})
	}
	justEnded, err := c.justEnded(ctx, namespace, jobs, pods)
	if err != nil {
		return nil, err
	}
	found := listed(options, slices.Values(jobs), slices.Values(append(pods, justEnded...)))
	found = append(found, options.orphans(pods)...)
	if options.Leftovers && len(options.Tags) == 0 {
		return c.withLeftovers(ctx, namespace, found)
	}
	return found, nil
}

// mostJustEnded bounds the length of a request's URL.
const mostJustEnded = 100

// justEnded reads the pods of jobs that have ended, but whose controller, which takes a second, has
// not said so yet. Mostly there are none, and no request is made.
func (c *Client) justEnded(ctx context.Context, namespace string, jobs []*batchv1.Job, living []*corev1.Pod) ([]*corev1.Pod, error) {
	hasPod := map[types.UID]bool{}
	for _, pod := range living {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			hasPod[owner.UID] = true
		}
	}
	var unclear []string
	for _, job := range jobs {
		if l := (Listed{Job: job}); l.Finished().IsZero() && !l.Started().IsZero() && !deref(job.Spec.Suspend) && !hasPod[job.UID] {
			unclear = append(unclear, string(job.UID))
		}
	}
	if len(unclear) == 0 {
		return nil, nil
	}
	list, err := ask[corev1.PodList](ctx, c, c.core.Get().Namespace(namespace).Resource(podsResource).VersionedParams(&metav1.ListOptions{
		LabelSelector: batchv1.ControllerUidLabel + " in (" + strings.Join(unclear[:min(len(unclear), mostJustEnded)], ",") + ")",
	}, metav1.ParameterCodec))
	var pods []*corev1.Pod
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return pods, c.kube.Explain(err, kube.Request{Verb: "list", Resource: podsResource, Namespace: namespace})
}

func (c *Client) listNamespace(options ListOptions) string {
	if options.AllNamespaces {
		return ""
	}
	return c.kube.Namespace
}

// listed joins jobs and their pods.
func listed(options ListOptions, jobs iter.Seq[*batchv1.Job], pods iter.Seq[*corev1.Pod]) []Listed {
	owned := map[types.UID][]*corev1.Pod{}
	for pod := range pods {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	found := []Listed{}
	for job := range jobs {
		if hasTags(job, options.Tags) {
			found = append(found, Listed{Job: job, State: StateOf(job, owned[job.UID], nil)})
		}
	}
	slices.SortFunc(found, func(a, b Listed) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return found
}

// gathering is how long Follow waits for more, once something has changed: a job that starts or ends
// changes several times in a row.
const gathering = 100 * time.Millisecond

// Follow gives each what List would return without Leftovers, now and after every change, until the context ends, whose
// error it returns, or the user may not list or watch jobs any more. Where the API server can't be
// reached for a while it continues by itself.
func (c *Client) Follow(ctx context.Context, options ListOptions, each func([]Listed)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	namespace := c.listNamespace(options)
	changes := make(chan change)
	observe := func(o objects) {
		err := c.observe(ctx, o, func(change change) {
			select {
			case changes <- change:
			case <-ctx.Done():
			}
		})
		if o.resource == jobsResource && ctx.Err() == nil {
			cancel(err)
		}
	}
	go observe(objects{
		unary: c.batch, streaming: c.streamingBatch, resource: jobsResource, namespace: namespace,
		options: metav1.ListOptions{LabelSelector: jobSelector},
		newList: func() runtime.Object { return &batchv1.JobList{} },
	})
	go observe(objects{
		unary: c.core, streaming: c.streamingCore, resource: podsResource, namespace: namespace,
		options: metav1.ListOptions{LabelSelector: jobSelector, FieldSelector: livingPods},
		newList: func() runtime.Object { return &corev1.PodList{} },
	})

	jobs, pods := map[types.UID]*batchv1.Job{}, map[types.UID]*corev1.Pod{}
	complete := false // the jobs were listed
	troubled := false
	timer := time.NewTimer(gathering)
	timer.Stop()
	for {
		select {
		case change := <-changes:
			if (change.trouble != nil || troubled) && options.Trouble != nil {
				options.Trouble(change.trouble)
			}
			if troubled = change.trouble != nil; troubled {
				continue
			}
			if change.resource == jobsResource {
				complete = true
				clear(jobs)
			}
			if change.resource == podsResource {
				clear(pods)
			}
			for _, object := range append(change.all, change.changed) {
				switch object := object.(type) {
				case *batchv1.Job:
					jobs[object.UID] = object
				case *corev1.Pod:
					pods[object.UID] = object
				}
			}
			switch object := change.deleted.(type) {
			case *batchv1.Job:
				delete(jobs, object.UID)
				maps.DeleteFunc(pods, func(_ types.UID, pod *corev1.Pod) bool { return metav1.IsControlledBy(pod, object) })
			case *corev1.Pod:
				// One that ended has only left the selection; its job's status follows.
				if object.DeletionTimestamp != nil {
					delete(pods, object.UID)
				}
			}
			if complete {
				timer.Reset(gathering)
			}
		case <-timer.C:
			found := listed(options, maps.Values(jobs), maps.Values(pods))
			byName := slices.SortedFunc(maps.Values(pods), func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
			each(append(found, options.orphans(byName)...))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pages calls read for a page after the other.
func pages(page metav1.ListOptions, read func(*metav1.ListOptions) (next string, err error)) error {
	page.Limit = listPage
	var turned kube.Pages
	for {
		if err := turned.Turn(page.Continue); err != nil {
			return err
		}
		next, err := read(&page)
		if err != nil || next == "" {
			return err
		}
		page.Continue = next
	}
}

func hasTags(job *batchv1.Job, tags []string) bool {
	own := TagsOf(job)
	return !slices.ContainsFunc(tags, func(tag string) bool { return !slices.Contains(own, tag) })
}

// TagsOf are the tags of a job.
func TagsOf(job *batchv1.Job) []string { return stringList(job.Annotations[AnnotationTags]) }

// SecretsOf are the URIs of the secrets that a job uses, in the form secret:/NAMESPACE/KEY.
func SecretsOf(job *batchv1.Job) []string { return stringList(job.Annotations[AnnotationSecrets]) }

// stringList reads an annotation that holds a JSON list. One that somebody broke counts as empty.
func stringList(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	return list
}

// PodsOf reads the pods of a job, one an attempt, the oldest first. Anyone who can't list pods gets those
// that a shared job names.
func (c *Client) PodsOf(ctx context.Context, job *batchv1.Job) ([]*corev1.Pod, error) {
	options := c.podObjects(RefOf(job)).options
	list, err := ask[corev1.PodList](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(podsResource).VersionedParams(&options, metav1.ParameterCodec))
	names := stringList(job.Annotations[AnnotationPods])
	var pods []*corev1.Pod
	switch {
	case apierrors.IsForbidden(err) && len(names) > 0:
		if pods, err = c.podsNamed(ctx, job, names); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("job %s: %w", job.Name, c.explain(err, "list", podsResource, ""))
	}
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	s := &seen{job: job, pods: map[types.UID]*corev1.Pod{}}
	for _, pod := range pods {
		s.pods[pod.UID] = pod
	}
	return s.attempts(), nil
}

func (c *Client) podsNamed(ctx context.Context, job *batchv1.Job, names []string) ([]*corev1.Pod, error) {
	pods := make([]*corev1.Pod, len(names))
	problems := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			pod, err := ask[corev1.Pod](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(podsResource).Name(name))
			switch {
			case apierrors.IsNotFound(err):
			case err != nil:
				problems[i] = fmt.Errorf("pod %s: %w", name, c.explain(err, "get", podsResource, name))
			case metav1.IsControlledBy(pod, job):
				pods[i] = pod
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(pods, func(pod *corev1.Pod) bool { return pod == nil }), inOneLine(ctx, problems)
}

// Events reads what the cluster noted about a job and its pods, the oldest first. Events are kept for
// an hour, where nobody set it otherwise.
func (c *Client) Events(ctx context.Context, job *batchv1.Job, pods []*corev1.Pod) ([]*corev1.Event, error) {
	about := []types.UID{job.UID}
	for _, pod := range pods {
		about = append(about, pod.UID)
	}
	found := make([][]*corev1.Event, len(about))
	problems := make([]error, len(about))
	var group sync.WaitGroup
	for i, uid := range about {
		group.Go(func() {
			options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(uid)).String()}
			list, err := ask[corev1.EventList](ctx, c, c.core.Get().Namespace(job.Namespace).Resource(eventsResource).VersionedParams(&options, metav1.ParameterCodec))
			problems[i] = c.explain(err, "list", eventsResource, "")
			for j := range list.Items {
				found[i] = append(found[i], &list.Items[j])
			}
		})
	}
	group.Wait()
	events := slices.Concat(found...)
	specs := []*corev1.PodSpec{&job.Spec.Template.Spec}
	for _, pod := range pods {
		specs = append(specs, &pod.Spec)
	}
	for _, event := range events {
		event.Message = hideVariables(event.Message, specs...)
	}
	// Some parts of Kubernetes note whole seconds only; what happened in one is told in the order in
	// which it was stored.
	slices.SortStableFunc(events, func(a, b *corev1.Event) int {
		return cmp.Or(cmp.Compare(EventTime(a).Unix(), EventTime(b).Unix()), compareVersions(a.ResourceVersion, b.ResourceVersion))
	})
	return events, inOneLine(ctx, problems)
}

// compareVersions compares numbers of any length (KEP-5504 has resource versions compared so).
func compareVersions(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// StateOf is what can be said of a job from what was read of it at one moment. The job may be nil;
// then it is what its pods say.
func StateOf(job *batchv1.Job, pods []*corev1.Pod, events []*corev1.Event) State {
	s := &seen{
		job: job, pods: map[types.UID]*corev1.Pod{}, gone: map[types.UID]bool{},
		events: map[types.UID]*corev1.Event{}, failures: map[podContainer]int{},
	}
	for _, pod := range pods {
		s.pods[pod.UID] = pod
	}
	for _, event := range events {
		if about := event.InvolvedObject.UID; telling(event) {
			s.events[about] = event
		}
	}
	state := s.describe()
	if len(pods) > 0 || job == nil {
		return withDeletion(job, state)
	}
	// Its pods were not read.
	switch {
	case state.Phase == Pending && deref(job.Status.Ready) > 0:
		state.Phase, state.Started = Running, true
	case state.Reason == batchv1.JobReasonBackoffLimitExceeded: // says no more than that it failed
		state.Reason, state.Message = "", ""
	}
	return withDeletion(job, state)
}

// Status is the word that users know for how a job fares; it is Apolo's.
type Status string

// The statuses.
const (
	StatusPending   Status = "pending"
	StatusSuspended Status = "suspended"
	StatusRunning   Status = "running"
	StatusSucceeded Status = "succeeded"
	StatusFailed    Status = "failed"
	StatusCancelled Status = "cancelled" // it is being deleted
	StatusOrphaned  Status = "orphaned"  // it is gone, and something of it is left
)

// Statuses lists all there are, in the order in which a job comes to them.
func Statuses() []Status {
	return []Status{StatusPending, StatusSuspended, StatusRunning, StatusSucceeded, StatusFailed, StatusCancelled, StatusOrphaned}
}

// Ended reports whether a job of this status will not run any more.
func (s Status) Ended() bool {
	return s == StatusSucceeded || s == StatusFailed || s == StatusCancelled
}

// Ended reports whether nothing of a job runs any more. One that is being deleted, and has not ended before, may still
// run: a finalizer can hold it.
func (l *Listed) Ended() bool {
	return l.Status().Ended() && (l.DeletionTimestamp == nil || !l.Finished().IsZero())
}

// Status puts the state of a job into a word.
func (l *Listed) Status() Status {
	switch {
	case l.IsOrphaned():
		return StatusOrphaned
	case l.DeletionTimestamp != nil:
		return StatusCancelled
	case l.State.Phase == Succeeded:
		return StatusSucceeded
	case l.State.Phase == Failed:
		return StatusFailed
	case deref(l.Spec.Suspend):
		return StatusSuspended
	case l.State.Phase == Running, l.State.Phase == Finishing, l.State.Phase == Restarting:
		return StatusRunning
	}
	return StatusPending
}

// Finished is when a job ended; zero while it continues.
func (l *Listed) Finished() time.Time {
	if l.Job.Status.CompletionTime != nil {
		return l.Job.Status.CompletionTime.Time
	}
	for _, condition := range l.Job.Status.Conditions {
		if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// Started is when a job was first let start; zero before.
func (l *Listed) Started() time.Time {
	if l.Job.Status.StartTime == nil {
		return time.Time{}
	}
	return l.Job.Status.StartTime.Time
}

// LifeSpan is how long a job may run; 0 means forever.
func (l *Listed) LifeSpan() time.Duration {
	return ofSeconds(deref(l.Spec.ActiveDeadlineSeconds))
}

// Deadline is when a job's life span ends; zero where it has none, or has not started.
func (l *Listed) Deadline() time.Time {
	if l.LifeSpan() == 0 || l.Started().IsZero() {
		return time.Time{}
	}
	return l.Started().Add(l.LifeSpan())
}

// When is the time of the last change that matters: the end, else the start, else the creation.
func (l *Listed) When() time.Time {
	if end := l.Finished(); !end.IsZero() {
		return end
	}
	if start := l.Started(); !start.IsZero() && l.Status() == StatusRunning {
		return start
	}
	return l.CreationTimestamp.Time
}

// Image is what a job's container is made of.
func Image(job *batchv1.Job) string {
	if container := containerOf(job); container != nil {
		return container.Image
	}
	return ""
}

// Command is what a job runs: the image's own where it is empty.
func Command(job *batchv1.Job) []string {
	container := containerOf(job)
	if container == nil {
		return nil
	}
	return allLiteral(slices.Concat(container.Command, container.Args))
}

func containerOf(job *batchv1.Job) *corev1.Container {
	containers := job.Spec.Template.Spec.Containers
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == ContainerName })
	if i < 0 {
		return nil
	}
	return &containers[i]
}

// ResourcesOf is what a job's container asks for, and what it may use at most.
func ResourcesOf(job *batchv1.Job) corev1.ResourceRequirements {
	if container := containerOf(job); container != nil {
		return container.Resources
	}
	return corev1.ResourceRequirements{}
}

// Attempt is one pod of a job, with its state.
type Attempt struct {
	*corev1.Pod
	State State
}

// Attempts are the pods of a job, the oldest first, each with the state that it alone would give.
func Attempts(pods []*corev1.Pod) []Attempt {
	attempts := make([]Attempt, 0, len(pods))
	for i, pod := range pods {
		state := StateOf(nil, []*corev1.Pod{pod}, nil)
		state.Attempt = i + 1
		attempts = append(attempts, Attempt{Pod: pod, State: state})
	}
	return attempts
}
