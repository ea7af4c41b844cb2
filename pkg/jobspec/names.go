package jobspec

import (
	"crypto/rand"
	"path"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// LabelQueue names the queue of Kueue that a Job waits in. Such a Job is for the queue to resume.
	LabelQueue = "kueue.x-k8s.io/queue-name"

	// ContainerName is the name of a job's own container. An admission webhook may add others to its pod.
	ContainerName = "job"

	// HTTPPortName is what the port of Spec.HTTPPort is called.
	HTTPPortName = "http"

	// secretFileName is how a volume calls the only file that is in it.
	secretFileName = "value"
)

// maxNameLength is the limit for the name of a Job: it becomes a label's value on its pods.
const maxNameLength = validation.DNS1123LabelMaxLength

// NewName is the image's own name, as far as a Job can have it, and a random suffix.
func NewName(image string) string { return nameBase(image) + "-" + randomSuffix() }

// nameBase is NewName without the suffix.
func nameBase(image string) string {
	base := "job"
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		base = path.Base(reference.Path(named))
	}
	base = strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, base)
	if room := maxNameLength - suffixLength - 1; len(base) > room {
		base = base[:room]
	}
	return strings.Trim(base, "-")
}

// suffixLength makes a random suffix one of 33 million.
const suffixLength = 5

// randomSuffix is suffixLength characters of 32.
func randomSuffix() string { return strings.ToLower(rand.Text()[:suffixLength]) }
