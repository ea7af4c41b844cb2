package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// LabelShare marks the Role and the RoleBinding of a job that is shared.
const LabelShare = "apolo.us/job-share"

// Share has the job of a plan shared from its beginning: those named may look at the job and its log,
// run commands in it, and delete it. With a command in it they see the values of its secrets.
func (p *Plan) Share(with []grantee.Grantee) {
	if p.shared = with; len(with) > 0 {
		p.prepare()
	}
}

// prepare has the job wait until Create has made what it needs.
func (p *Plan) prepare() {
	p.job.Annotations[annotationPreparing] = labelTrue
	p.job.Spec.Suspend = ptr.To(true)
}

// rbacVersion is the API of Roles. Its types are left out here for the size of the binaries.
var rbacVersion = schema.GroupVersion{Group: grantee.APIGroup, Version: "v1"}

func (c *Client) rbac() (rest.Interface, error) {
	return c.kube.REST(rbacVersion, kube.NewScheme(rbacVersion))
}

// shareName is the name of a shared job's Role and RoleBinding. The UID keeps the Role of one job from
// the next of its name.
func shareName(job Ref) string { return fmt.Sprintf("apolo:job:%s:%.8s", job.Name, job.UID) }

// share makes a Role and a RoleBinding, both owned by the job.
func (c *Client) share(ctx context.Context, job Ref, with []grantee.Grantee) error {
	api, err := c.rbac()
	if err != nil {
		return err
	}
	metadata := map[string]any{
		"name":   shareName(job),
		"labels": map[string]string{LabelShare: labelTrue},
		"ownerReferences": []map[string]any{{
			"apiVersion": "batch/v1", "kind": "Job", "name": job.Name, "uid": job.UID,
		}},
	}
	subjects := make([]map[string]string, 0, len(with))
	for _, g := range with {
		subject := map[string]string{"kind": g.Kind, "name": g.Name}
		if g.Kind == grantee.ServiceAccount {
			subject["namespace"] = g.Namespace
		} else {
			subject["apiGroup"] = grantee.APIGroup
		}
		subjects = append(subjects, subject)
	}
	for _, object := range []struct {
		resource string
		content  map[string]any
	}{
		{"roles", map[string]any{"rules": shareRules(job, nil)}},
		{"rolebindings", map[string]any{
			"subjects": subjects,
			"roleRef":  map[string]string{"apiGroup": rbacVersion.Group, "kind": "Role", "name": shareName(job)},
		}},
	} {
		object.content["metadata"] = metadata
		body, err := json.Marshal(object.content)
		if err != nil {
			return err
		}
		err = api.Post().Namespace(job.Namespace).Resource(object.resource).
			SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body).Do(ctx).Error()
		switch {
		case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource"):
			// The API server asks of who makes a Role that he has all that it gives.
			return fmt.Errorf("you can't share the job %s: you may not do yourself all that others would then do with it; to share jobs you need to be admin of the namespace %s",
				job.Name, job.Namespace)
		case err != nil:
			return fmt.Errorf("the job %s can't be shared: %w", job.Name, c.explain(err, "create", object.resource, ""))
		}
	}
	return nil
}

type rule struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames"`
	Verbs         []string `json:"verbs"`
}

// shareRules name one job and its pods. There is no rule for pods where there are none: one without
// names would be for all.
func shareRules(job Ref, pods []string) []rule {
	rules := []rule{{[]string{"batch"}, []string{jobsResource}, []string{job.Name}, []string{"get", "watch", "patch", "delete"}}}
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
	err = api.Patch(types.MergePatchType).Namespace(job.Namespace).Resource("roles").Name(shareName(job)).Body(rules).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("the pods of job %s can't be shared: %w", job.Name, c.explain(err, "patch", "roles", shareName(job)))
	}
	names, err := json.Marshal(pods)
	if err != nil {
		return err
	}
	annotation, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": job.UID, "annotations": map[string]string{AnnotationPods: string(names)},
	}})
	if err != nil {
		return err
	}
	err = c.batch.Patch(types.MergePatchType).Namespace(job.Namespace).Resource(jobsResource).Name(job.Name).Body(annotation).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("the pods of job %s can't be shared: %w", job.Name, c.explain(err, "patch", jobsResource, job.Name))
	}
	return nil
}
