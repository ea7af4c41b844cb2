package uri

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// JobScheme begins every URI of a job.
const JobScheme = "job:"

// Job points at one job. An empty Cluster or Namespace means the current one.
type Job struct {
	Cluster   string
	Namespace string
	Name      string
}

// ParseJob reads a plain NAME, or a URI in one of the three forms. Its errors quote s and say which
// part is wrong and why. Any name that a Job of Kubernetes can have is a name, those of other tools
// included (k8s.io/apimachinery/pkg/util/validation, IsDNS1123Subdomain).
func ParseJob(s string) (Job, error) {
	rest, isURI := strings.CutPrefix(s, JobScheme)
	parsed := Job{Name: s}
	if isURI {
		var err error
		if parsed.Cluster, parsed.Namespace, parsed.Name, err = split(s, JobScheme, rest, "NAME"); err != nil {
			return Job{}, err
		}
	}
	if len(validation.IsDNS1123Subdomain(parsed.Name)) > 0 {
		return Job{}, fmt.Errorf("%q can't be the name of a job", parsed.Name)
	}
	return parsed, nil
}

// String is the shortest form that holds all that is set: the plain name where that is all.
func (j Job) String() string {
	switch {
	case j.Cluster != "":
		return JobScheme + "//" + j.Cluster + "/" + j.Namespace + "/" + j.Name
	case j.Namespace != "":
		return JobScheme + "/" + j.Namespace + "/" + j.Name
	default:
		return j.Name
	}
}
