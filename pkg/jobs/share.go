package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

const (
	rolesResource    = "roles"
	bindingsResource = "rolebindings"
)

// rbacVersion is the API of Roles. Its types are left out here for the size of the binaries.
var rbacVersion = schema.GroupVersion{Group: grantee.APIGroup, Version: "v1"}

func (c *Client) rbac() (rest.Interface, error) {
	return c.kube.REST(rbacVersion, kube.NewScheme(rbacVersion))
}

// sharePrefix begins the names of the Roles and RoleBindings of all jobs of a name.
func sharePrefix(job string) string { return "apolo:job:" + job + ":" }

// shareName is the name of a shared job's Role and RoleBinding. RBAC names the job, not its UID, so the Role of a job that
// is gone would be the Role of the next one of that name: removeOldShares sees to it.
func shareName(job Ref) string { return fmt.Sprintf("%s%.8s", sharePrefix(job.Name), job.UID) }

// subject is one of those in a RoleBinding.
type subject struct {
	Kind      string `json:"kind"`
	APIGroup  string `json:"apiGroup,omitempty"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

func subjectOf(g grantee.Grantee) subject {
	s := subject{Kind: g.Kind, Name: g.Name, Namespace: g.Namespace}
	if g.Kind != grantee.ServiceAccount {
		s.APIGroup = grantee.APIGroup
	}
	return s
}

func (s subject) grantee() grantee.Grantee {
	return grantee.Grantee{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}
}

// binding is a RoleBinding, with all of its metadata, so that it can be written back.
type binding struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]any    `json:"metadata"`
	RoleRef    map[string]string `json:"roleRef"`
	Subjects   []subject         `json:"subjects,omitempty"`
}

// share makes a Role and a RoleBinding, both owned by the job. A Role that is there already stays.
func (c *Client) share(ctx context.Context, job Ref, with []grantee.Grantee) error {
	metadata := map[string]any{
		"name":   shareName(job),
		"labels": map[string]string{wellknown.LabelShare: wellknown.LabelTrue},
		"ownerReferences": []map[string]any{{
			"apiVersion": "batch/v1", "kind": "Job", "name": job.Name, "uid": job.UID,
		}},
	}
	var subjects []subject
	for _, g := range with {
		if s := subjectOf(g); !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	for _, object := range []struct {
		resource string
		content  any
	}{
		{rolesResource, map[string]any{"metadata": metadata, "rules": shareRules(job, nil)}},
		{bindingsResource, binding{
			APIVersion: rbacVersion.String(), Kind: "RoleBinding", Metadata: metadata, Subjects: subjects,
			RoleRef: map[string]string{"apiGroup": rbacVersion.Group, "kind": "Role", "name": shareName(job)},
		}},
	} {
		_, err := c.sendRBAC(ctx, job, object.resource, object.content, func(api rest.Interface) *rest.Request { return api.Post() })
		switch {
		case apierrors.IsAlreadyExists(err) && object.resource == rolesResource:
		case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource"):
			// The API server lets a user make a Role only if they have all that it gives.
			return fmt.Errorf("you can't share the job %s: you lack some of the permissions that others would get with it; to share jobs you need to be admin of the namespace %s",
				job.Name, job.Namespace)
		case err != nil:
			return fmt.Errorf("the job %s can't be shared: %w", job.Name, c.explain(err, "create", object.resource, ""))
		}
	}
	return nil
}

func (c *Client) sendRBAC(ctx context.Context, job Ref, resource string, content any, verb func(rest.Interface) *rest.Request) ([]byte, error) {
	api, err := c.rbac()
	if err != nil {
		return nil, err
	}
	request := verb(api).Namespace(job.Namespace).Resource(resource).SetHeader("Accept", runtime.ContentTypeJSON)
	if content != nil {
		body, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		request = request.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body)
	}
	return kube.Body(request.Do(ctx))
}

type rule struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames"`
	Verbs         []string `json:"verbs"`
}

// shareRules name one job and its pods. There is no rule for pods where there are none: one without
// names would be for all. There is no patch and no update: with these one could change the labels of
// the pod before it is made, hold the job with finalizers, and have it run for years.
func shareRules(job Ref, pods []string) []rule {
	rules := []rule{{[]string{"batch"}, []string{jobsResource}, []string{job.Name}, []string{"get", "watch", "delete"}}}
	if len(pods) > 0 {
		rules = append(rules,
			rule{[]string{""}, []string{podsResource, "pods/log"}, pods, []string{"get", "watch"}},
			// A WebSocket begins with GET; whether that counts as get or create is for the API server's version.
			rule{[]string{""}, []string{"pods/exec", "pods/attach", "pods/portforward"}, pods, []string{"get", "create"}})
	}
	return rules
}

// SharePods lets those with whom a job is shared at its pods, which are all that it has had: rights to
// a pod can only be given by its name, once there is one.
func (c *Client) SharePods(ctx context.Context, job Ref, pods []string) error {
	api, err := c.rbac()
	if err != nil {
		return err
	}
	pods = slices.Sorted(slices.Values(pods))
	rules, err := json.Marshal(map[string]any{"rules": shareRules(job, pods)})
	if err != nil {
		return err
	}
	err = api.Patch(types.MergePatchType).Namespace(job.Namespace).Resource(rolesResource).Name(shareName(job)).Body(rules).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("the pods of job %s can't be shared: %w", job.Name, c.explain(err, "patch", rolesResource, shareName(job)))
	}
	names, err := json.Marshal(pods)
	if err != nil {
		return err
	}
	annotation, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": job.UID, "annotations": map[string]string{wellknown.AnnotationPods: string(names)},
	}})
	if err != nil {
		return err
	}
	if _, err = c.patchJob(ctx, job, annotation); err != nil {
		return fmt.Errorf("the pods of job %s can't be shared: %w", job.Name, c.explain(err, "patch", jobsResource, job.Name))
	}
	return nil
}

// ShareJob shares a job that exists, and its pods. It returns with whom it was not shared before, and whether the job has
// a pod: until it has one, only the job itself can be seen.
func (c *Client) ShareJob(ctx context.Context, job *batchv1.Job, with []grantee.Grantee) (added []grantee.Grantee, hasPod bool, err error) {
	if err := kube.CheckNotBeingDeleted(job); err != nil {
		return nil, false, fmt.Errorf("job %s %w", job.Name, err)
	}
	ref := RefOf(job)
	if err := c.removeOldShares(ctx, ref.Namespace, ref.Name); err != nil {
		return nil, false, err
	}
	pods, err := c.PodsOf(ctx, job)
	if err != nil {
		return nil, false, err
	}
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
		if err := c.limitPod(ctx, job, pod); err != nil {
			return nil, false, err
		}
	}
	if added, err = c.addToShare(ctx, ref, with); err != nil {
		return nil, false, err
	}
	if len(names) > 0 {
		err = c.SharePods(ctx, ref, names)
	}
	return added, len(names) > 0, err
}

// addToShare adds those who are not in it yet to the RoleBinding of a job, or makes it.
func (c *Client) addToShare(ctx context.Context, job Ref, with []grantee.Grantee) (added []grantee.Grantee, err error) {
	again := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	err = retry.OnError(retry.DefaultBackoff, again, func() error {
		found, err := c.shareBinding(ctx, job)
		if err != nil {
			return err
		}
		if found == nil {
			added = with
			return c.share(ctx, job, with)
		}
		added = nil
		for _, g := range with {
			if s := subjectOf(g); !slices.Contains(found.Subjects, s) {
				found.Subjects = append(found.Subjects, s)
				added = append(added, g)
			}
		}
		if len(added) == 0 {
			return nil
		}
		return c.putShare(ctx, job, found)
	})
	return added, err
}

// shareBinding reads the RoleBinding of a job; nil where it has none.
func (c *Client) shareBinding(ctx context.Context, job Ref) (*binding, error) {
	body, err := c.sendRBAC(ctx, job, bindingsResource, nil, func(api rest.Interface) *rest.Request { return api.Get().Name(shareName(job)) })
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", job.Name, c.explain(err, "get", bindingsResource, shareName(job)))
	}
	found := &binding{}
	return found, json.Unmarshal(body, found)
}

func (c *Client) putShare(ctx context.Context, job Ref, changed *binding) error {
	_, err := c.sendRBAC(ctx, job, bindingsResource, changed, func(api rest.Interface) *rest.Request { return api.Put().Name(shareName(job)) })
	if apierrors.IsConflict(err) {
		return err
	}
	return c.explain(err, "update", bindingsResource, shareName(job))
}

// limitPod gives the pod of a job that is to be shared the deadline of the job, as Plan.Share does.
func (c *Client) limitPod(ctx context.Context, job *batchv1.Job, pod *corev1.Pod) error {
	limit := job.Spec.ActiveDeadlineSeconds
	if limit == nil || pod.Spec.ActiveDeadlineSeconds != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "spec": map[string]any{"activeDeadlineSeconds": *limit}})
	if err != nil {
		return err
	}
	if err = c.patchPod(ctx, pod, patch); apierrors.IsNotFound(err) || kube.IsReplaced(err) {
		return nil
	}
	return c.explain(err, "patch", podsResource, pod.Name)
}

// podsAreLimited reports whether the pods of a job may have a deadline, which Kubernetes never raises.
func podsAreLimited(job *batchv1.Job) bool {
	return job.Spec.Template.Spec.ActiveDeadlineSeconds != nil || job.Annotations[wellknown.AnnotationPods] != ""
}

// NotSharedError says that a job is not shared with somebody.
type NotSharedError struct {
	Job string
	Who grantee.Grantee
}

func (e *NotSharedError) Error() string {
	return fmt.Sprintf("job %s is not shared with %s", e.Job, e.Who)
}

// UnshareJob takes a job from those with whom it is shared, and returns those who still have it. The Role stays as long as
// the job; it gives nothing to those who are not in the RoleBinding.
func (c *Client) UnshareJob(ctx context.Context, job *batchv1.Job, from []grantee.Grantee) (left []grantee.Grantee, err error) {
	ref := RefOf(job)
	if err := c.removeOldShares(ctx, ref.Namespace, ref.Name); err != nil {
		return nil, err
	}
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		found, err := c.shareBinding(ctx, ref)
		if err != nil {
			return err
		}
		for _, g := range from {
			if found == nil || !slices.Contains(found.Subjects, subjectOf(g)) {
				return &NotSharedError{job.Name, g}
			}
			found.Subjects = slices.DeleteFunc(found.Subjects, func(s subject) bool { return s == subjectOf(g) })
		}
		left = found.grantees()
		return c.putShare(ctx, ref, found)
	})
	return left, err
}

func (b *binding) grantees() (all []grantee.Grantee) {
	if b == nil {
		return nil
	}
	for _, s := range b.Subjects {
		all = append(all, s.grantee())
	}
	return all
}

// SharedWith are those with whom a job is shared, as far as the user may see it.
func (c *Client) SharedWith(ctx context.Context, job *batchv1.Job) ([]grantee.Grantee, error) {
	found, err := c.shareBinding(ctx, RefOf(job))
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return found.grantees(), err
}

// removeOldShares removes the rights on jobs of a name that are left of jobs that are gone. Where the user may not list
// Roles, nothing can be seen of them.
func (c *Client) removeOldShares(ctx context.Context, namespace, name string) error {
	metadata, err := c.kube.Metadata()
	if err != nil {
		return err
	}
	old := map[string]types.UID{}
	roles := metadata.Resource(rbacVersion.WithResource(rolesResource)).Namespace(namespace)
	options := metav1.ListOptions{Limit: listPage, LabelSelector: wellknown.LabelShare + "=" + wellknown.LabelTrue}
	err = kube.EachMetadata(ctx, roles, options, func(role *metav1.PartialObjectMetadata) {
		if strings.HasPrefix(role.Name, sharePrefix(name)) {
			old[role.Name] = role.UID
		}
	})
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return c.explain(err, "list", rolesResource, "")
	case len(old) == 0:
		return nil
	}
	job, err := do[batchv1.Job](ctx, c, c.batch.Get().Namespace(namespace).Resource(jobsResource).Name(name))
	switch {
	case err == nil:
		delete(old, shareName(Ref{Name: name, UID: job.UID}))
	case !apierrors.IsNotFound(err):
		return c.explain(err, "get", jobsResource, name)
	}
	bindings := metadata.Resource(rbacVersion.WithResource(bindingsResource)).Namespace(namespace)
	for _, role := range slices.Sorted(maps.Keys(old)) {
		err := roles.Delete(ctx, role, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(old[role])}})
		if err == nil {
			err = bindings.Delete(ctx, role, metav1.DeleteOptions{}) // its name has the UID of the job that is gone
		}
		if err != nil && !apierrors.IsNotFound(err) && !kube.IsReplaced(err) {
			return fmt.Errorf("a job %s that is gone was shared, and its Role %s would be one for the next job of that name: %w",
				name, role, c.explain(err, "delete", rolesResource, role))
		}
	}
	return nil
}
