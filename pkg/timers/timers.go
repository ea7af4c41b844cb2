// Package timers ends things at a time by the cluster's own clock, with nobody online and nothing installed there.
//
// A timer is a Job of batch/v1 without pods: completions and parallelism are 0, so that the Job controller completes it at
// once, and ttlSecondsAfterFinished is how long it stays then. The TTL controller deletes it at the end, and the garbage
// collector what it owns (KEP-592, "TTL After Finished").
package timers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// Prefix begins the names of all timers.
const Prefix = "apolo-timer-"

const (
	// patience is how long a Job controller is given to complete a timer. It takes a moment, and longer where it has
	// hundreds of Jobs to look at.
	patience = time.Minute
	interval = 100 * time.Millisecond
	// cleanup is how long the removal of a timer may take that is of no use, also after an interrupt.
	cleanup = 10 * time.Second
	// parallel is how many timers are read at once.
	parallel = 64
	// tolerance is how much a timer's end may differ from the one that was asked for: Kubernetes counts whole seconds.
	tolerance = time.Second
)

var jobs = schema.GroupVersion{Group: "batch", Version: "v1"}

// End is when something ends: after a time, or at one. One of them is set.
type End struct {
	After time.Duration
	At    time.Time
}

// Timer is a timer that runs.
type Timer struct {
	Name string
	UID  types.UID
	// Ends is when the cluster deletes it, in whole seconds. It is zero for one that never ends by itself, because somebody
	// has changed it.
	Ends time.Time
	// Object is the label wellknown.LabelObject: whose timer it is.
	Object string
	// Level is the annotation wellknown.AnnotationLevel: which level of access ends; empty where a secret does.
	Level string
}

// Owner is the reference that lets something end with the timer.
func (t Timer) Owner() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: jobs.String(), Kind: "Job", Name: t.Name, UID: t.UID}
}

// Ending is when something ends.
type Ending struct {
	// Timer is the name of the timer that ends it. It is empty for what has no end.
	Timer string
	// At is when the cluster ends it. It is zero where it never does or where that can't be seen; Problem says so then.
	At time.Time
	// Problem is what is wrong with the timer, and empty where nothing is.
	Problem string
}

// What Ending.Problem says where there is no At.
const (
	Never  = "never: its timer was changed"
	Ended  = "now: its timer has ended"
	Unseen = "unknown: you can't list jobs"
)

// ending is when what a timer owns ends; known is the timer of that name, if there is one.
func (t Timer) ending(known Timer, exists bool) Ending {
	switch {
	case !exists || known.UID != t.UID:
		return Ending{Timer: t.Name, Problem: Ended}
	case known.Ends.IsZero():
		return Ending{Timer: t.Name, Problem: Never}
	}
	return Ending{Timer: t.Name, At: known.Ends}
}

// Known are the timers of a namespace, as Client.Known finds them.
type Known struct {
	byName map[string]Timer
	unseen bool // the user may not list Jobs
}

// Ending is when what a timer owns ends. A Timer without a name is none.
func (k Known) Ending(timer Timer) Ending {
	switch {
	case timer.Name == "":
		return Ending{}
	case k.unseen:
		return Ending{Timer: timer.Name, Problem: Unseen}
	}
	known, exists := k.byName[timer.Name]
	return timer.ending(known, exists)
}

// OwnerOf is the timer that owns an object, by its name and UID; false where none does.
func OwnerOf(object metav1.Object) (Timer, bool) {
	for _, owner := range object.GetOwnerReferences() {
		if owner.Kind == "Job" && owner.APIVersion == jobs.String() && IsTimer(owner.Name) {
			return Timer{Name: owner.Name, UID: owner.UID}, true
		}
	}
	return Timer{}, false
}

// Client starts, reads and stops the timers of one namespace. It is safe for use by several goroutines.
type Client struct {
	kube      *kube.Client
	namespace string
	api       func() (*rest.RESTClient, error) // made when it is needed: most commands meet no timer
}

// NewClient returns a Client for a namespace; an empty one is all of them, for Known. It makes no request.
func NewClient(client *kube.Client, namespace string) *Client {
	return &Client{client, namespace, sync.OnceValues(func() (*rest.RESTClient, error) { return client.REST(jobs, kube.NewScheme(jobs)) })}
}

// job is what matters of a Job. The types that Kubernetes has for it would make each binary larger by a megabyte
// (docs/decisions/0001).
type job struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Completions             *int32          `json:"completions,omitempty"`
		Parallelism             *int32          `json:"parallelism,omitempty"`
		BackoffLimit            *int32          `json:"backoffLimit,omitempty"`
		TTLSecondsAfterFinished *int32          `json:"ttlSecondsAfterFinished,omitempty"`
		Suspend                 *bool           `json:"suspend,omitempty"`
		Template                json.RawMessage `json:"template,omitempty"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type               string      `json:"type"`
			Status             string      `json:"status"`
			LastTransitionTime metav1.Time `json:"lastTransitionTime"`
		} `json:"conditions,omitempty"`
	} `json:"status"`
}

// finished is when the Job was complete, and zero while it is not.
func (j *job) finished() time.Time {
	for _, condition := range j.Status.Conditions {
		if (condition.Type == "Complete" || condition.Type == "Failed") && condition.Status == "True" {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func (j *job) timer() Timer {
	timer := Timer{Name: j.Name, UID: j.UID, Object: j.Labels[wellknown.LabelObject], Level: j.Annotations[wellknown.AnnotationLevel]}
	if ttl, finished := j.Spec.TTLSecondsAfterFinished, j.finished(); ttl != nil && !finished.IsZero() {
		timer.Ends = finished.Add(time.Duration(*ttl) * time.Second)
	}
	return timer
}

// neverPod is a pod that is never made: a Job can't be without one. It satisfies the Pod Security Standard restricted, so
// that no API server warns of it.
const neverPod = `{"spec": {"restartPolicy": "Never", "automountServiceAccountToken": false,
	"securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
	"containers": [{"name": "never", "image": "registry.k8s.io/pause:3.10",
		"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
		"resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}}}]}}`

// HeldError says that a Job is not completed, because something in the cluster suspends Jobs, as queueing systems do, or
// changes them.
type HeldError struct{ Reason string }

func (e *HeldError) Error() string { return "the timer can't run: " + e.Reason }

// Spec is a timer as it is asked for.
type Spec struct {
	// Object is the name of the Secret whose timer it is.
	Object string
	// Level is the level of access that ends; empty for the secret itself.
	Level string
	// Owner is what the timer goes with before its end; nil for nothing.
	Owner *metav1.OwnerReference
	End   End
}

// Start starts a timer, and waits until its end is certain. On an error, such as a *HeldError, no timer is left, or,
// where even that fails, one that ends by itself and owns nothing.
func (c *Client) Start(ctx context.Context, spec Spec) (Timer, error) {
	end := spec.End
	seconds := end.After
	if !end.At.IsZero() {
		if seconds = end.At.Sub(c.kube.Now()); seconds < tolerance {
			return Timer{}, pastError(end)
		}
	}
	timer, err := c.start(ctx, manifest(spec, wholeSeconds(seconds)), end)
	if err != nil && timer.UID != "" {
		if left := c.Discard(ctx, timer); left != nil {
			err = fmt.Errorf("%w; %w", err, left)
		}
	}
	return timer, err
}

// wholeSeconds never ends earlier than it was asked for.
func wholeSeconds(d time.Duration) int32 {
	return int32(min(max(1, math.Ceil(d.Seconds())), math.MaxInt32)) // #nosec G115 -- it is between 1 and the maximum
}

func manifest(spec Spec, seconds int32) *job {
	none := int32(0)
	manifest := &job{TypeMeta: metav1.TypeMeta{APIVersion: jobs.String(), Kind: "Job"}}
	manifest.ObjectMeta = metav1.ObjectMeta{
		Name:   Prefix + rand.String(10),
		Labels: map[string]string{wellknown.LabelTimer: wellknown.LabelTrue, wellknown.LabelObject: wellknown.Hash(spec.Object)},
	}
	if spec.Level != "" {
		manifest.Annotations = map[string]string{wellknown.AnnotationLevel: spec.Level}
	}
	if spec.Owner != nil {
		manifest.OwnerReferences = []metav1.OwnerReference{*spec.Owner}
	}
	manifest.Spec.Completions, manifest.Spec.Parallelism, manifest.Spec.BackoffLimit = &none, &none, &none
	manifest.Spec.TTLSecondsAfterFinished = &seconds
	manifest.Spec.Template = json.RawMessage(neverPod)
	return manifest
}

// start returns the timer also with an error, once there is a Job.
func (c *Client) start(ctx context.Context, wanted *job, end End) (Timer, error) {
	made := &job{}
	if err := c.send(ctx, "create", "", wanted, made); err != nil {
		return Timer{}, err
	}
	known := true
	err := wait.PollUntilContextTimeout(ctx, interval, patience, true, func(ctx context.Context) (bool, error) {
		if !known {
			made = &job{ObjectMeta: made.ObjectMeta}
			if err := c.send(ctx, "get", made.Name, nil, made); err != nil {
				return false, err
			}
		}
		known = false
		switch ttl := made.Spec.TTLSecondsAfterFinished; {
		case ttl == nil || *ttl != *wanted.Spec.TTLSecondsAfterFinished:
			return false, &HeldError{"something in the cluster changed when its Job is to be deleted"}
		case made.Spec.Suspend != nil && *made.Spec.Suspend:
			return false, &HeldError{"a queueing system, or an admission rule, suspends new Jobs in this namespace"}
		}
		return !made.finished().IsZero(), nil
	})
	switch {
	case err == nil:
		return c.adjust(ctx, made, end)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		err = &HeldError{fmt.Sprintf("the cluster did not complete its Job within %s", patience)}
	}
	return made.timer(), err
}

func pastError(end End) error {
	return fmt.Errorf("%s is in the past by the cluster's clock", end.At.UTC().Format(time.RFC3339))
}

// adjust corrects the end of a timer that is to end at a time: how long the Job takes was not known before, and this
// machine's clock need not be the cluster's.
func (c *Client) adjust(ctx context.Context, made *job, end End) (Timer, error) {
	timer := made.timer()
	if end.At.IsZero() || timer.Ends.Sub(end.At).Abs() < tolerance {
		return timer, nil
	}
	remaining := end.At.Sub(made.finished())
	if remaining < tolerance {
		return timer, pastError(end)
	}
	patch := map[string]any{"metadata": map[string]any{"uid": timer.UID}, "spec": map[string]any{"ttlSecondsAfterFinished": wholeSeconds(remaining)}}
	patched := &job{}
	if err := c.send(ctx, "patch", timer.Name, patch, patched); err != nil {
		return timer, err
	}
	return patched.timer(), nil
}

// send sends a request about one Job, and reads the answer.
func (c *Client) send(ctx context.Context, verb, name string, body, answer any) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	var request *rest.Request
	switch verb {
	case "create":
		request = api.Post().SetHeader("Content-Type", runtime.ContentTypeJSON)
	case "patch":
		request = api.Patch(types.MergePatchType).Name(name)
	default:
		request = api.Get().Name(name)
	}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		request = request.Body(data)
	}
	return c.read(ctx, request, kube.Request{Verb: verb, Resource: "jobs", Namespace: c.namespace, Name: name}, answer)
}

func (c *Client) read(ctx context.Context, request *rest.Request, of kube.Request, answer any) error {
	data, err := kube.Body(request.Namespace(c.namespace).Resource("jobs").SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx))
	if err != nil {
		return c.kube.Explain(err, of)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("unexpected response from %s (not a Job); is a proxy intercepting requests?", c.kube.Host())
	}
	return nil
}

// Stop removes a timer; the garbage collector removes what it owns. One that is gone is no error.
func (c *Client) Stop(ctx context.Context, timer Timer) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	err = kube.Delete(ctx, api.Delete().Namespace(c.namespace).Resource("jobs").Name(timer.Name), &metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: metav1.NewUIDPreconditions(string(timer.UID)),
	})
	if held := (*kube.BeingDeletedError)(nil); apierrors.IsNotFound(err) || kube.IsReplaced(err) || errors.As(err, &held) {
		return nil // it ends, or has ended
	}
	return c.kube.Explain(err, kube.Request{Verb: "delete", Resource: "jobs", Namespace: c.namespace, Name: timer.Name})
}

// Discard stops a timer that ends nothing any more, also after an interrupt. Its error names the Job that is left, and is
// no reason for a command to fail.
func (c *Client) Discard(ctx context.Context, timer Timer) error {
	if timer.Name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	if err := c.Stop(ctx, timer); err != nil {
		return fmt.Errorf("the Job %s is left, and ends by itself: %w", timer.Name, err)
	}
	return nil
}

// Known lists the timers of the namespace, for when something ends. Of one who may not list Jobs it says so.
func (c *Client) Known(ctx context.Context) (Known, error) {
	found, err := c.List(ctx)
	if apierrors.IsForbidden(err) {
		return Known{unseen: true}, nil
	}
	return Known{byName: found}, err
}

// Ending is when what one timer owns ends. A Timer without a name is none.
func (c *Client) Ending(ctx context.Context, timer Timer) (Ending, error) {
	if timer.Name == "" {
		return Ending{}, nil
	}
	found, err := c.Get(ctx, []string{timer.Name})
	return Known{byName: found}.Ending(timer), err
}

// List lists the timers of the namespace by name. Where the user may not list Jobs, the error is forbidden.
func (c *Client) List(ctx context.Context) (map[string]Timer, error) {
	api, err := c.api()
	if err != nil {
		return nil, err
	}
	found := map[string]Timer{}
	err = kube.EachPage(metav1.ListOptions{LabelSelector: wellknown.LabelTimer, Limit: 500}, func(options *metav1.ListOptions) (string, error) {
		var list struct {
			Metadata metav1.ListMeta `json:"metadata"`
			Items    []job           `json:"items"`
		}
		err := c.read(ctx, api.Get().VersionedParams(options, metav1.ParameterCodec), kube.Request{Verb: "list", Resource: "jobs", Namespace: c.namespace}, &list)
		for i := range list.Items {
			found[list.Items[i].Name] = list.Items[i].timer()
		}
		return list.Metadata.Continue, err
	})
	return found, err
}

// Get reads the timers of some names; those that are gone, or that the user may not read, are missing. That is for
// somebody whose access ends with them, who may read each by name.
func (c *Client) Get(ctx context.Context, names []string) (map[string]Timer, error) {
	var (
		lock     sync.Mutex
		found    = map[string]Timer{}
		requests errgroup.Group
	)
	requests.SetLimit(parallel)
	for _, name := range names {
		requests.Go(func() error {
			var one job
			err := c.send(ctx, "get", name, nil, &one)
			switch {
			case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
				return nil
			case err != nil:
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			found[name] = one.timer()
			return nil
		})
	}
	return found, requests.Wait()
}

// IsTimer reports whether a Job's name is that of a timer.
func IsTimer(name string) bool { return strings.HasPrefix(name, Prefix) }
