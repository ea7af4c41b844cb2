package jobspec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/kballard/go-shellquote"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
)

// What a Spec gets from New.
const (
	DefaultLifeSpan = 24 * time.Hour
	DefaultTTL      = 24 * time.Hour
)

// Spec is a job as a user describes it. New makes one with the defaults.
type Spec struct {
	Name       string     // empty: a readable and unique one is made from Image
	Image      string     // a reference to a container image, as for docker run
	Entrypoint []string   // what runs; empty: what the image says
	Args       []string   // its arguments; empty: what the image says, unless Entrypoint is set
	WorkDir    string     // absolute; empty: what the image says
	Variables  []Variable // of several with one name, the last counts
	Files      []SecretFile
	Mounts     []Mount
	// ExtShm makes /dev/shm as large as the job's memory allows; container runtimes give 64 MB.
	// A mount at /dev/shm takes its place.
	ExtShm bool

	// Owner is who makes the job, as the API server knows them. jobs.Client.Complete fills it in; it is a note in the Job, which
	// whoever may write to the Job can change.
	Owner string

	// NoPreset and OwnLifeSpan keep the preset and the life span as they are, where the namespace has defaults for them.
	NoPreset, OwnLifeSpan bool

	// Preset names a set of resources. It is no more than a word until jobs.Client.Complete has filled in
	// what the fields below leave open.
	Preset string
	Resources
	Security

	Restart          RestartPolicy
	Priority         string // the name of a PriorityClass; empty: the cluster's default
	ServiceAccount   string // empty: the namespace's default, without a token for the API server
	ImagePullSecrets []string
	Pull             PullPolicy
	NodeSelector     map[string]string
	Tolerations      []corev1.Toleration

	HTTPPort    int32    // where the job serves HTTP; 0: nowhere
	Tags        []string // texts to find the job by; each counts once
	Description string
	Stdin, TTY  bool // the container has an open standard input, a terminal; the second has both

	// LifeSpan ends the job that long after its start, TTL deletes it that long after its end.
	// ScheduleTimeout is how long it may take to start. All count in seconds; 0 means no limit.
	LifeSpan        time.Duration
	TTL             time.Duration
	ScheduleTimeout time.Duration
	// Remove has the cluster delete the job as soon as it has ended, whatever TTL says. Whoever
	// wants its log or exit code must not set it.
	Remove bool
}

// New returns a Spec with nothing but the defaults.
func New() Spec {
	return Spec{ExtShm: true, Restart: RestartNever, LifeSpan: DefaultLifeSpan, TTL: DefaultTTL}
}

var errEmptyEntrypoint = errors.New("the entrypoint is empty: leave it out for the image's own")

// SplitEntrypoint splits one text into words as a shell does, without any of its expansions.
func SplitEntrypoint(s string) ([]string, error) {
	words, err := shellquote.Split(s)
	if err != nil {
		return nil, fmt.Errorf("entrypoint %q: %s", s, strings.ToLower(err.Error()))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errEmptyEntrypoint
	}
	return words, nil
}

// apoloImageScheme begins the names of images in the registry of the Apolo platform.
const apoloImageScheme = "image:"

// Validate says what of a Spec can't work, without asking a cluster.
func (s *Spec) Validate() error {
	switch _, err := reference.ParseNormalizedNamed(s.Image); {
	case strings.HasPrefix(s.Image, apoloImageScheme):
		return fmt.Errorf("image %q is in Apolo's own registry: use its full name, such as registry.example.com/name:tag", s.Image)
	case err != nil:
		return fmt.Errorf("image %q: %w", s.Image, err)
	}
	if s.Name != "" {
		if len(validation.IsDNS1123Label(s.Name)) > 0 {
			return fmt.Errorf("%q can't be the name of a job: use up to %d lower-case letters, digits and '-', no '-' at either end", s.Name, maxNameLength)
		}
	}
	if s.WorkDir != "" && !path.IsAbs(s.WorkDir) {
		return fmt.Errorf("the working directory %q must be absolute", s.WorkDir)
	}
	for _, word := range slices.Concat(s.Entrypoint, s.Args, []string{s.WorkDir}) {
		if err := storable(word); err != nil {
			return fmt.Errorf("%q of the command %w", word, err)
		}
	}
	if len(s.Entrypoint) > 0 && s.Entrypoint[0] == "" {
		return errEmptyEntrypoint
	}
	for _, check := range []func() error{s.Resources.validate, s.Security.validate, s.validatePlacement, s.validateDescription, s.validateTimes} {
		if err := check(); err != nil {
			return err
		}
	}
	return checkPaths(s.Files, s.Mounts)
}

// validatePlacement checks what says where and as what the job runs.
func (s *Spec) validatePlacement() error {
	if s.Preset != "" {
		if err := checkPresetName(s.Preset); err != nil {
			return err
		}
	}
	for _, object := range []struct{ what, name string }{
		{"priority class", s.Priority}, {"service account", s.ServiceAccount},
	} {
		if object.name != "" {
			if err := checkObjectName(object.what, object.name); err != nil {
				return err
			}
		}
	}
	for _, name := range s.ImagePullSecrets {
		if err := checkObjectName("image pull secret", name); err != nil {
			return err
		}
	}
	if err := s.Restart.validate(); err != nil {
		return err
	}
	if err := s.Pull.validate(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(s.NodeSelector)) {
		if err := checkNodeLabel(key, s.NodeSelector[key]); err != nil {
			return err
		}
	}
	for _, toleration := range s.Tolerations {
		if err := checkToleration(toleration); err != nil {
			return err
		}
	}
	return nil
}

// checkObjectName refuses what can't be the name of an object of the cluster.
func checkObjectName(what, name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%s %q: use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit", what, name)
	}
	return nil
}

// validateDescription checks what says what the job is for.
func (s *Spec) validateDescription() error {
	if s.HTTPPort < 0 || s.HTTPPort > math.MaxUint16 {
		return fmt.Errorf("the HTTP port %d must be 1 to %d", s.HTTPPort, math.MaxUint16)
	}
	for _, tag := range s.Tags {
		if tag == "" {
			return errors.New("a tag is empty")
		}
		if err := storable(tag); err != nil {
			return fmt.Errorf("the tag %q %w", tag, err)
		}
	}
	if err := storable(s.Description); err != nil {
		return fmt.Errorf("the description %w", err)
	}
	return nil
}

func (s *Spec) validateTimes() error {
	if shortest := min(s.LifeSpan, s.TTL, s.ScheduleTimeout); shortest < 0 {
		return fmt.Errorf("a time of %s is negative", duration.Format(shortest))
	}
	if longest := max(s.LifeSpan, s.TTL, s.ScheduleTimeout); longest > duration.Max {
		return fmt.Errorf("a time of %s is too long: the longest possible is %s", duration.Format(longest), duration.Format(duration.Max))
	}
	return nil
}
