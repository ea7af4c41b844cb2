package candidates

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// page is how many objects are asked for at once.
const page = 500

var jobsResource = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}

const (
	jobSelector = wellknown.LabelJob + "=true"
	// jobNameLabel is put on the pods of a Job by Kubernetes.
	jobNameLabel      = "batch.kubernetes.io/job-name"
	activePodSelector = "status.phase!=Succeeded,status.phase!=Failed"
)

// Jobs offers all of our jobs.
func Jobs(ctx context.Context, c *completion.Word) { jobNames(allJobs).complete(ctx, c) }

// RunningJobs offers jobs that have a pod which has not ended.
func RunningJobs(ctx context.Context, c *completion.Word) { jobNames(runningJobs).complete(ctx, c) }

type jobNames func(ctx context.Context, c *completion.Word, where place, offer func(string))

func (each jobNames) complete(ctx context.Context, c *completion.Word) {
	if len(c.Text) >= len(uri.JobScheme) {
		names{uri.JobScheme, each}.complete(ctx, c, "", "")
	}
	each(ctx, c, place{}, func(name string) { c.Offer(name, "") })
}

func allJobs(ctx context.Context, c *completion.Word, where place, offer func(string)) {
	_ = list(ctx, c, where, jobsResource, metav1.ListOptions{LabelSelector: jobSelector}, func(job *metav1.ObjectMeta) { offer(job.Name) })
}

// runningJobs asks for pods, since a Job tells in its status alone that it has ended, and that is no metadata.
func runningJobs(ctx context.Context, c *completion.Word, where place, offer func(string)) {
	err := list(ctx, c, where, core("pods"), metav1.ListOptions{LabelSelector: jobSelector, FieldSelector: activePodSelector},
		func(pod *metav1.ObjectMeta) { offer(pod.Labels[jobNameLabel]) })
	if err != nil {
		allJobs(ctx, c, where, offer)
	}
}

// Tags offers the tags of jobs, which are in an annotation of that name.
func Tags(annotation string) completion.Completer {
	return func(ctx context.Context, c *completion.Word) {
		_ = list(ctx, c, place{}, jobsResource, metav1.ListOptions{LabelSelector: jobSelector}, func(job *metav1.ObjectMeta) {
			var tags []string
			if json.Unmarshal([]byte(job.Annotations[annotation]), &tags) != nil {
				return // somebody broke it
			}
			for _, tag := range tags {
				c.Offer(tag, "")
			}
		})
	}
}

// Objects offers the names of core objects that a field selector chooses, all where it is empty.
func Objects(resource, selector string) completion.Completer {
	return func(ctx context.Context, c *completion.Word) {
		_ = list(ctx, c, place{}, core(resource), metav1.ListOptions{FieldSelector: selector}, func(object *metav1.ObjectMeta) {
			c.Offer(object.Name, "")
		})
	}
}

// ObjectsWith offers the names of all core objects of a kind, with text before and after each; the word
// continues.
func ObjectsWith(ctx context.Context, c *completion.Word, resource, before, after string) {
	_ = list(ctx, c, place{}, core(resource), metav1.ListOptions{}, func(object *metav1.ObjectMeta) {
		c.OfferOpen(before + object.Name + after)
	})
}

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

// list calls each for the metadata of objects.
func list(ctx context.Context, c *completion.Word, where place, resource schema.GroupVersionResource, options metav1.ListOptions, each func(*metav1.ObjectMeta)) error {
	client, err := kube.NewClientFor(c.Kube, where.cluster)
	if err != nil {
		return err
	}
	md, err := client.Metadata()
	if err != nil {
		return err
	}
	options.Limit = page
	for {
		found, err := md.Resource(resource).Namespace(client.In(where.namespace).Namespace).List(ctx, options)
		if err != nil {
			return err
		}
		for i := range found.Items {
			each(&found.Items[i].ObjectMeta)
		}
		if options.Continue = found.Continue; options.Continue == "" {
			return nil
		}
	}
}
