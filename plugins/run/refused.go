package run

import (
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// advice says, after a semicolon, which flags let a job start that the cluster does not start as it is.
func (o *options) advice(state jobstatus.State) string {
	contains := func(text string) bool { return strings.Contains(state.Message, text) }
	restricted := o.spec.Security.Level == jobspec.SecurityRestricted
	switch {
	case contains(`violates PodSecurity "restricted`) && !restricted && !o.spec.Privileged:
		return "; add --security restricted, and --run-as-user UID where the image runs as root"
	case contains("violates PodSecurity ") && o.spec.Privileged:
		return "; leave out --privileged"
	case contains("runAsNonRoot and image"):
		return "; add --run-as-user UID, such as --run-as-user 1000"
	case contains("must specify "):
		return "; add --cpu and --memory, or --preset"
	case contains(" usage per Container is "), contains(" usage per Pod is "):
		return "; change --cpu and --memory"
	}
	return ""
}
