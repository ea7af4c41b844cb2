package jobspec

import (
	"fmt"
	"math"

	"github.com/distribution/reference"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// RestartPolicy says whether a job's command is run again after it has ended.
type RestartPolicy string

// The policies. Every run is an attempt in its own pod (docs/decisions/0006).
const (
	RestartNever     RestartPolicy = "never"
	RestartOnFailure RestartPolicy = "on-failure" // until it succeeds
	RestartAlways    RestartPolicy = "always"     // until the job's life span ends
)

func (r RestartPolicy) validate() error {
	switch r {
	case RestartNever, RestartOnFailure, RestartAlways:
		return nil
	}
	return fmt.Errorf("invalid restart policy %q: must be one of %s, %s, %s", r, RestartNever, RestartOnFailure, RestartAlways)
}

// jobSpec is the part of a Job's spec that makes the policy.
func (r RestartPolicy) jobSpec() batchv1.JobSpec {
	switch r {
	case RestartOnFailure:
		return batchv1.JobSpec{BackoffLimit: ptr.To[int32](math.MaxInt32)}
	case RestartAlways:
		return batchv1.JobSpec{
			BackoffLimit: ptr.To[int32](math.MaxInt32),
			Completions:  ptr.To[int32](math.MaxInt32),
			Parallelism:  ptr.To[int32](1),
		}
	}
	return batchv1.JobSpec{BackoffLimit: ptr.To[int32](0)}
}

// PullPolicy says when a node fetches the image of a job.
type PullPolicy string

// The policies. PullDefault leaves it to Kubernetes: always for the tag latest, else where missing.
const (
	PullDefault PullPolicy = ""
	PullAlways  PullPolicy = "always"
	PullMissing PullPolicy = "missing"
	PullNever   PullPolicy = "never"
)

func (p PullPolicy) validate() error {
	switch p {
	case PullDefault, PullAlways, PullMissing, PullNever:
		return nil
	}
	return fmt.Errorf("invalid pull policy %q: must be one of %s, %s, %s", p, PullAlways, PullMissing, PullNever)
}

// of is the policy in the words of a container with that image. What Kubernetes would do anyway is
// left out.
func (p PullPolicy) of(image string) corev1.PullPolicy {
	policy := map[PullPolicy]corev1.PullPolicy{
		PullAlways: corev1.PullAlways, PullMissing: corev1.PullIfNotPresent, PullNever: corev1.PullNever,
	}[p]
	if policy == defaultPull(image) {
		return ""
	}
	return policy
}

// defaultPull is what Kubernetes does where nothing is said (k8s.io/kubernetes/pkg/apis/core/v1,
// SetDefaults_Container).
func defaultPull(image string) corev1.PullPolicy {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	tagged, ok := reference.TagNameOnly(named).(reference.Tagged)
	if ok && tagged.Tag() == "latest" {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}
