package jobstatus

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Snapshot is what is known of one job and its pods. Whoever watches them keeps it up to date.
type Snapshot struct {
	uid      types.UID    // of the job
	job      *batchv1.Job // nil: not seen yet
	jobGone  bool
	pods     map[types.UID]*corev1.Pod
	gone     map[types.UID]bool          // pods that are not there any more
	events   map[types.UID]*corev1.Event // the latest one that explains something about the job or a pod
	failures map[podContainer]int        // failed pulls of a container's image
	values   [][]byte                    // of secrets, hidden in messages
}

// podContainer names a container of one pod.
type podContainer struct {
	pod  types.UID
	name string
}

// NewSnapshot begins with nothing known of the job of that UID. The values, of its secrets, are hidden in messages.
func NewSnapshot(job types.UID, values [][]byte) *Snapshot {
	return &Snapshot{
		uid:      job,
		pods:     map[types.UID]*corev1.Pod{},
		gone:     map[types.UID]bool{},
		events:   map[types.UID]*corev1.Event{},
		failures: map[podContainer]int{},
		values:   values,
	}
}

// PodsAreBehind reports whether the job has pods that have ended of which that was not seen yet: the two watches don't
// wait for one another.
func (s *Snapshot) PodsAreBehind() bool {
	if s.jobGone || s.job == nil {
		return false
	}
	var ended int32
	for _, pod := range s.pods {
		if HasEnded(pod) {
			ended++
		}
	}
	return ended < s.job.Status.Succeeded+s.job.Status.Failed
}

// ReplaceJobs takes what a new list of jobs says: the job is gone where it is not in it.
func (s *Snapshot) ReplaceJobs(all []runtime.Object) {
	listed := s.setAll(all)
	s.jobGone = s.jobGone || !listed[s.uid]
}

// ReplacePods takes what a new list of the job's pods says: those that are not in it any more are gone.
func (s *Snapshot) ReplacePods(all []runtime.Object) {
	listed := s.setAll(all)
	for uid := range s.pods {
		s.gone[uid] = s.gone[uid] || !listed[uid]
	}
}

func (s *Snapshot) setAll(all []runtime.Object) (listed map[types.UID]bool) {
	listed = map[types.UID]bool{}
	for _, object := range all {
		s.Set(object)
		if accessor, err := meta.Accessor(object); err == nil {
			listed[accessor.GetUID()] = true
		}
	}
	return listed
}

// Remove takes a Job or a pod that was deleted.
func (s *Snapshot) Remove(object runtime.Object) {
	switch object := object.(type) {
	case *batchv1.Job:
		s.jobGone = s.jobGone || object.UID == s.uid
	case *corev1.Pod:
		s.Set(object)
		s.gone[object.UID] = true
	}
}

// Set takes a Job, a pod or an event that is new or has changed.
func (s *Snapshot) Set(object runtime.Object) {
	switch object := object.(type) {
	case *batchv1.Job:
		if object.UID != s.uid {
			s.jobGone = true // another one has its name now
			return
		}
		s.job = object
	case *corev1.Pod:
		before := failedPulls(s.pods[object.UID])
		for _, name := range failedPulls(object) {
			if !slices.Contains(before, name) {
				s.failures[podContainer{object.UID, name}]++
			}
		}
		s.pods[object.UID] = object
	case *corev1.Event:
		about := object.InvolvedObject.UID
		if before := s.events[about]; explainsPending(object) && (before == nil || !EventTime(object).Before(EventTime(before))) {
			s.events[about] = object
		}
	}
}

// failedPulls returns the containers the last attempt to pull whose image has just failed; between
// attempts the reason is ImagePullBackOff.
func failedPulls(pod *corev1.Pod) []string {
	if pod == nil {
		return nil
	}
	var names []string
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if waiting := container.State.Waiting; waiting != nil && waiting.Reason == "ErrImagePull" {
			names = append(names, container.Name)
		}
	}
	return names
}

// EventTime is when an event happened, or happened last.
func EventTime(event *corev1.Event) time.Time {
	latest := event.CreationTimestamp.Time
	for _, t := range []time.Time{event.LastTimestamp.Time, event.EventTime.Time} {
		if t.After(latest) {
			latest = t
		}
	}
	if event.Series != nil && event.Series.LastObservedTime.After(latest) {
		latest = event.Series.LastObservedTime.Time
	}
	return latest
}

// Attempts are the pods in the order in which they were made. There is one at a time, and the
// controller lets about a second pass between two.
func (s *Snapshot) Attempts() []*corev1.Pod {
	return slices.SortedFunc(maps.Values(s.pods), s.comparePods)
}

// Latest is the latest pod; nil where there is none.
func (s *Snapshot) Latest() *corev1.Pod {
	if attempts := s.Attempts(); len(attempts) > 0 {
		return attempts[len(attempts)-1]
	}
	return nil
}

// comparePods is for sorting pods by age. Of two that are equally old, the one that lives is the
// younger.
func (s *Snapshot) comparePods(a, b *corev1.Pod) int {
	alive := func(p *corev1.Pod) int {
		switch {
		case s.gone[p.UID]:
			return 0
		case p.DeletionTimestamp != nil:
			return 1
		}
		return 2
	}
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		startOf(a).Compare(startOf(b)),
		cmp.Compare(alive(a), alive(b)),
		strings.Compare(a.Name, b.Name),
	)
}

func startOf(pod *corev1.Pod) time.Time {
	if pod.Status.StartTime == nil {
		return pod.CreationTimestamp.Time
	}
	return pod.Status.StartTime.Time
}

// ByAge sorts the pods of a job, the oldest first.
func ByAge(pods []*corev1.Pod) []*corev1.Pod {
	s := NewSnapshot("", nil)
	for _, pod := range pods {
		s.pods[pod.UID] = pod
	}
	return s.Attempts()
}
