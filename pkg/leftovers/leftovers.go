// Package leftovers finds what is left of jobs that are gone: whoever deletes a Job can tell the cluster to leave what it
// owns (kubectl delete --cascade=orphan), and then nothing removes that by itself.
//
// It reads metadata only, so that doctor, which asks, stays small.
package leftovers

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

const (
	// labelJobName is on every pod of a Job: its name (https://kubernetes.io/docs/reference/labels-annotations-taints/).
	labelJobName = "batch.kubernetes.io/job-name"

	isTrue = "=true"
	page   = 500
)

// Object is one thing that is left.
type Object struct {
	Resource  string // pods, secrets, roles or rolebindings
	Namespace string
	Name      string
	UID       types.UID
	Job       string // the name of the job that it was part of; empty where that can't be seen any more
	Created   metav1.Time
	// Deleted is set where the object is being deleted, and then Finalizers are what holds it.
	Deleted    bool
	Finalizers []string
}

// What is the object in words.
func (o Object) What() string {
	return map[string]string{"pods": "pod", "secrets": "copy of a secret", "roles": "Role", "rolebindings": "RoleBinding"}[o.Resource] + " " + o.Name
}

// kind is one resource that belongs to jobs.
type kind struct {
	resource schema.GroupVersionResource
	selector string
	job      func(*metav1.PartialObjectMetadata) string
}

// kinds are in the order in which they are removed: rights first.
func kinds() []kind {
	core, rbac := schema.GroupVersion{Version: "v1"}, schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	return []kind{
		{rbac.WithResource("roles"), wellknown.LabelShare + isTrue, jobOfShare},
		{rbac.WithResource("rolebindings"), wellknown.LabelShare + isTrue, jobOfShare},
		{core.WithResource("pods"), wellknown.LabelJob + isTrue, JobOfPod},
		{core.WithResource("secrets"), wellknown.LabelJobCopy + isTrue, jobOfCopy},
	}
}

// JobOfPod is the name of the job that a pod was made by.
func JobOfPod(pod *metav1.PartialObjectMetadata) string { return pod.Labels[labelJobName] }

// jobOfShare reads apolo:job:NAME:UID.
func jobOfShare(o *metav1.PartialObjectMetadata) string {
	if parts := strings.Split(o.Name, ":"); len(parts) == 4 && parts[0] == "apolo" && parts[1] == "job" {
		return parts[2]
	}
	return ""
}

var copyName = regexp.MustCompile(`^(.+)-[a-z2-7]{5}-[0-9]+$`)

// jobOfCopy reads NAME-SUFFIX-NUMBER.
func jobOfCopy(o *metav1.PartialObjectMetadata) string {
	if match := copyName.FindStringSubmatch(o.Name); match != nil {
		return match[1]
	}
	return ""
}

// Find returns what is left in a namespace, or in all where it is empty, sorted by namespace and job. Resources that the
// user may not list are in unseen.
func Find(ctx context.Context, client *kube.Client, namespace string) (found []Object, unseen []string, err error) {
	metadata, err := client.Metadata()
	if err != nil {
		return nil, nil, err
	}
	all := kinds()
	lists, problems := make([][]Object, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	for i, k := range all {
		group.Go(func() {
			options := metav1.ListOptions{LabelSelector: k.selector, Limit: page}
			problems[i] = kube.EachMetadata(ctx, metadata.Resource(k.resource).Namespace(namespace), options, func(o *metav1.PartialObjectMetadata) {
				if len(o.OwnerReferences) == 0 {
					lists[i] = append(lists[i], Object{
						Resource: k.resource.Resource, Namespace: o.Namespace, Name: o.Name, UID: o.UID, Job: k.job(o), Created: o.CreationTimestamp,
						Deleted: o.DeletionTimestamp != nil, Finalizers: o.Finalizers,
					})
				}
			})
		})
	}
	group.Wait()
	for i, problem := range problems {
		switch {
		case apierrors.IsForbidden(problem):
			unseen = append(unseen, all[i].resource.Resource)
		case problem != nil:
			return nil, nil, client.Explain(problem, kube.Request{Verb: "list", Resource: all[i].resource.Resource, Namespace: namespace})
		}
	}
	found = slices.Concat(lists...)
	slices.SortStableFunc(found, func(a, b Object) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Job, b.Job))
	})
	return found, unseen, nil
}

// isTracking reports whether a finalizer is the job controller's own, which takes it off pods that no Job has any more.
// Its constant, batchv1.JobTrackingFinalizer, would link all types of Jobs into doctor.
func isTracking(finalizer string) bool { return finalizer == "batch.kubernetes.io/job-tracking" }

// Remove removes what Find has returned. What is gone already is no error; what finalizers hold is one.
func Remove(ctx context.Context, client *kube.Client, objects []Object) error {
	metadata, err := client.Metadata()
	if err != nil {
		return err
	}
	var held error
	hold := func(o Object, finalizers []string) {
		problem := fmt.Errorf("%s %w", o.What(), &kube.BeingDeletedError{Finalizers: finalizers})
		if held != nil {
			problem = fmt.Errorf("%w; %w", held, problem)
		}
		held = problem
	}
	for _, k := range kinds() {
		for _, o := range objects {
			if o.Resource != k.resource.Resource {
				continue
			}
			if o.Deleted && len(o.Finalizers) > 0 {
				hold(o, o.Finalizers)
				continue
			}
			// Of a copy of a secret, an admission rule may quote the value in a warning.
			err := metadata.Resource(k.resource).Namespace(o.Namespace).Delete(kube.WithholdWarnings(ctx, o.What()), o.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &o.UID}})
			if err != nil && !apierrors.IsNotFound(err) && !kube.IsReplaced(err) {
				return client.Explain(err, kube.Request{Verb: "delete", Resource: o.Resource, Namespace: o.Namespace, Name: o.Name})
			}
			if finalizers := slices.DeleteFunc(slices.Clone(o.Finalizers), isTracking); err == nil && len(finalizers) > 0 {
				hold(o, finalizers)
			}
		}
	}
	return held
}
