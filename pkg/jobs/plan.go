package jobs

import (
	batchv1 "k8s.io/api/batch/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// Plan is all that is to be created for one job.
type Plan struct {
	manifest *jobspec.Manifest
	copied   [][]byte          // the values of the manifest's copies, as CheckAndRead has read them
	shared   []grantee.Grantee // with whom
	unread   []string          // URIs of own secrets that the user may not read
	replaced jobstatus.Status  // of the job that had the name
}

// Plan lays out a job in the client's namespace. It makes no request, and returns an error for all
// that can be known to be wrong without one.
func (c *Client) Plan(spec *jobspec.Spec) (*Plan, error) {
	return newPlan(spec, c.kube.Cluster, c.kube.Namespace)
}

// NewPlan is Client.Plan where there is no cluster to connect to; secrets of a named one are
// errors then.
func NewPlan(spec *jobspec.Spec, namespace string) (*Plan, error) {
	return newPlan(spec, "", namespace)
}

func newPlan(spec *jobspec.Spec, cluster, namespace string) (*Plan, error) {
	manifest, err := jobspec.Build(spec, cluster, namespace)
	if err != nil {
		return nil, err
	}
	return &Plan{manifest: manifest, copied: make([][]byte, len(manifest.Copies))}, nil
}

// Job is the object that Client.Create sends; it holds the names of secrets and no values.
func (p *Plan) Job() *batchv1.Job { return p.manifest.Job.DeepCopy() }

// Share has the job of a plan shared from its beginning: those named can look at the job and its log,
// run commands in it, and delete it. With a command in it they see the values of its secrets.
//
// Whoever can delete a job can leave its pod behind (kubectl delete --cascade=orphan), so the pods of a
// shared job have a deadline too.
func (p *Plan) Share(with []grantee.Grantee) {
	if p.shared = with; len(with) > 0 {
		p.manifest.Prepare()
		p.manifest.Job.Spec.Template.Spec.ActiveDeadlineSeconds = p.manifest.Job.Spec.ActiveDeadlineSeconds
	}
}

// Unread are the URIs of the secrets that CheckAndRead found that the user may not read, and the job may use. Their
// values can't be hidden, and nobody can say whether they fit where they are to be.
func (p *Plan) Unread() []string { return p.unread }

// Replaced is the status of the job of the same name that Client.Create has deleted, because it had ended; "" where
// there was none. With it went its log.
func (p *Plan) Replaced() jobstatus.Status { return p.replaced }
