package run

import (
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
)

// printDetached prints the name, which is what a script that starts jobs needs.
func (o *options) printDetached(plan *jobs.Plan, job jobs.Ref) error {
	switch {
	case o.output.IsObject():
		manifest := plan.Job()
		manifest.Name, manifest.UID = job.Name, job.UID
		return o.print(manifest)
	case o.output.Name == "name":
		return o.Lines("job/" + job.Name)
	}
	err := o.Lines(job.Name)
	o.Hint("its log: %sjob logs -f %s -n %s", strings.TrimSuffix(o.Typed, "run"), job.Name, job.Namespace)
	return err
}

// print shows a job that was not created.
func (o *options) print(job *batchv1.Job) error {
	switch {
	case o.output.Name == "name":
		o.Done("job/%s", job.Name)
		return nil
	case !o.output.IsObject():
		o.Done("job/%s created%s", job.Name, map[string]string{"client": " (dry run)", "server": " (server dry run)"}[o.dryRun])
		return nil
	}
	job.ManagedFields = nil // as kubectl does
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
	if err != nil {
		return err
	}
	delete(object, "status") // a job that was not created has none
	return o.output.Print(o.Out, object)
}
