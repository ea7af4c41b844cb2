package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// AnnotationPods is a JSON list, on a Job that is shared, of the names of its pods: who may use the
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
	job := &batchv1.Job{}
	err := c.batch.Get().Namespace(c.kube.Namespace).Resource(jobsResource).Name(name).Do(ctx).Into(job)
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
}

// List lists the jobs of the client's namespace, or of all, the oldest first. It takes two requests at
// the same time, for jobs and for the pods of those that have not ended, and more where there are
// over 500. Who may not list pods gets what the Jobs tell.
func (c *Client) List(ctx context.Context, options ListOptions) ([]Listed, error) {
	namespace := c.kube.Namespace
	if options.AllNamespaces {
		namespace = ""
	}
	selector := LabelJob + "=" + labelTrue
	var (
		group   sync.WaitGroup
		found   []Listed
		jobsErr error
		pods    = map[types.UID][]*corev1.Pod{}
		podsErr error
	)
	group.Go(func() {
		jobsErr = pages(func(page metav1.ListOptions) (string, error) {
			page.LabelSelector = selector
			list := &batchv1.JobList{}
			err := c.batch.Get().Namespace(namespace).Resource(jobsResource).VersionedParams(&page, metav1.ParameterCodec).Do(ctx).Into(list)
			for i := range list.Items {
				if hasTags(&list.Items[i], options.Tags) {
					found = append(found, Listed{Job: &list.Items[i]})
				}
			}
			return list.Continue, err
		})
	})
	group.Go(func() {
		podsErr = pages(func(page metav1.ListOptions) (string, error) {
			page.LabelSelector = selector
			page.FieldSelector = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)
			list := &corev1.PodList{}
			err := c.core.Get().Namespace(namespace).Resource(podsResource).VersionedParams(&page, metav1.ParameterCodec).Do(ctx).Into(list)
			for i := range list.Items {
				pod := &list.Items[i]
				if owner := metav1.GetControllerOf(pod); owner != nil {
					pods[owner.UID] = append(pods[owner.UID], pod)
				}
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
	for i := range found {
		found[i].State = StateOf(found[i].Job, pods[found[i].UID], nil)
	}
	slices.SortStableFunc(found, func(a, b Listed) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	return found, nil
}

// pages calls read for a page after the other.
func pages(read func(metav1.ListOptions) (next string, err error)) error {
	page := metav1.ListOptions{Limit: listPage}
	for {
		next, err := read(page)
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

// PodsOf reads the pods of a job, one an attempt, the oldest first. Who may not list pods gets those
// that a shared job names.
func (c *Client) PodsOf(ctx context.Context, job *batchv1.Job) ([]*corev1.Pod, error) {
	list := &corev1.PodList{}
	options := c.podObjects(RefOf(job)).options
	err := c.core.Get().Namespace(job.Namespace).Resource(podsResource).VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(list)
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
			pod := &corev1.Pod{}
			err := c.core.Get().Namespace(job.Namespace).Resource(podsResource).Name(name).Do(ctx).Into(pod)
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
			list := &corev1.EventList{}
			err := c.core.Get().Namespace(job.Namespace).Resource(eventsResource).VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(list)
			problems[i] = c.explain(err, "list", eventsResource, "")
			for j := range list.Items {
				found[i] = append(found[i], &list.Items[j])
			}
		})
	}
	group.Wait()
	events := slices.Concat(found...)
	slices.SortStableFunc(events, func(a, b *corev1.Event) int { return EventTime(a).Compare(EventTime(b)) })
	return events, inOneLine(ctx, problems)
}

// EventTime is when an event happened, or happened last.
func EventTime(event *corev1.Event) time.Time { return eventTime(event) }

// StateOf is what can be said of a job from what was read of it at one moment.
func StateOf(job *batchv1.Job, pods []*corev1.Pod, events []*corev1.Event) State {
	s := &seen{
		job: job, pods: map[types.UID]*corev1.Pod{}, gone: map[types.UID]bool{},
		events: map[types.UID]*corev1.Event{}, failures: map[types.UID]int{},
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
	if len(pods) == 0 && state.Phase == Pending && deref(job.Status.Ready) > 0 {
		state.Phase, state.Started = Running, true // its pods were not read
	}
	return state
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
)

// Statuses lists all there are, in the order in which a job comes to them.
func Statuses() []Status {
	return []Status{StatusPending, StatusSuspended, StatusRunning, StatusSucceeded, StatusFailed, StatusCancelled}
}

// Ended tells whether a job of this status will not run any more.
func (s Status) Ended() bool {
	return s == StatusSucceeded || s == StatusFailed || s == StatusCancelled
}

// Status puts the state of a job into a word.
func (l *Listed) Status() Status {
	switch {
	case l.DeletionTimestamp != nil:
		return StatusCancelled
	case l.State.Phase == Succeeded:
		return StatusSucceeded
	case l.State.Phase == Failed:
		return StatusFailed
	case deref(l.Spec.Suspend):
		return StatusSuspended
	case l.State.Phase == Running, l.State.Phase == Restarting:
		return StatusRunning
	}
	return StatusPending
}

// Finished is when a job ended; zero while it goes on.
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

// Command is what a job runs, in one line as it could be typed: the image's own where it is empty.
func Command(job *batchv1.Job) []string {
	for _, container := range job.Spec.Template.Spec.Containers {
		if container.Name == ContainerName {
			words := slices.Concat(container.Command, container.Args)
			for i, word := range words {
				words[i] = strings.ReplaceAll(word, "$$", "$") // as Plan wrote it
			}
			return words
		}
	}
	return nil
}
