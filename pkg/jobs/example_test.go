package jobs_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

func environment(string) (string, bool) { return "", false }

// A job as a user describes it becomes a Job of Kubernetes, without a request.
func ExampleNewPlan() {
	spec := jobspec.New()
	spec.Name, spec.Image, spec.Args = "train", "python:3", []string{"python", "train.py"}
	variable, err := jobspec.ParseVariable("WANDB=secret:wandb-token", environment)
	if err != nil {
		fmt.Println(err)
		return
	}
	spec.Variables = []jobspec.Variable{variable}
	plan, err := jobs.NewPlan(&spec, "team")
	if err != nil {
		fmt.Println(err)
		return
	}
	container := plan.Job().Spec.Template.Spec.Containers[0]
	fmt.Println(plan.Job().Namespace, plan.Job().Name, container.Image, container.Args)
	fmt.Println(container.Env[0].Name, "is from the Secret", container.Env[0].ValueFrom.SecretKeyRef.Name)
	// Output:
	// team train python:3 [python train.py]
	// WANDB is from the Secret wandb-token
}
