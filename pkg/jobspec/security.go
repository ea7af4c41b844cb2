package jobspec

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// SecurityLevel is the Pod Security Standard that a job's pod meets
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
type SecurityLevel string

// The levels. With SecurityDefault the pod asks for nothing, unless the namespace takes only restricted pods.
const (
	SecurityDefault    SecurityLevel = ""
	SecurityRestricted SecurityLevel = "restricted"
)

// Security says as whom, and with which rights on its node, a job's container runs.
type Security struct {
	Level SecurityLevel
	// RunAsUser is the number of the user that the container runs as; nil: the one that the image names.
	RunAsUser *int64
	// Privileged lets the container do to its node what root can do.
	Privileged bool
}

// ParseUserID reads the number of a user. Names are in the image, where Kubernetes does not look them up.
func ParseUserID(text string) (int64, error) {
	id, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q must be the number of a user, 0 to %d", text, math.MaxInt32)
	}
	return int64(id), nil // #nosec G115 -- it has 31 bits
}

func (s *Security) validate() error {
	switch {
	case s.Level != SecurityDefault && s.Level != SecurityRestricted:
		return fmt.Errorf("invalid security %q: must be %s", s.Level, SecurityRestricted)
	case s.Level == SecurityRestricted && s.Privileged:
		return errors.New("security restricted and privileged exclude each other")
	case s.RunAsUser != nil && (*s.RunAsUser < 0 || *s.RunAsUser > math.MaxInt32):
		return fmt.Errorf("user %d must be 0 to %d", *s.RunAsUser, math.MaxInt32)
	case s.Level == SecurityRestricted && s.RunAsUser != nil && *s.RunAsUser == 0:
		return errors.New("security restricted and user 0, which is root, exclude each other")
	}
	return nil
}

// apply writes the security of a job into its pod, whose first container is the job's.
func (s *Security) apply(pod *corev1.PodSpec) {
	container := &corev1.SecurityContext{RunAsUser: s.RunAsUser}
	if s.Privileged {
		container.Privileged = ptr.To(true)
	}
	if s.Level == SecurityRestricted {
		pod.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		container.AllowPrivilegeEscalation = ptr.To(false)
		container.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	if *container != (corev1.SecurityContext{}) {
		pod.Containers[0].SecurityContext = container
	}
}

// securityOf is the opposite of Security.apply. What it does not know is a difference.
func securityOf(pod *corev1.PodSpec, container *corev1.Container) (s Security) {
	if pod.SecurityContext != nil && ptr.Deref(pod.SecurityContext.RunAsNonRoot, false) {
		s.Level = SecurityRestricted
	}
	if own := container.SecurityContext; own != nil {
		s.Privileged, s.RunAsUser = ptr.Deref(own.Privileged, false), own.RunAsUser
	}
	return s
}

// applyPreset gives a job what it leaves open.
func (s *Security) applyPreset(preset *Security) {
	s.Level = cmp.Or(s.Level, preset.Level)
	if s.RunAsUser == nil {
		s.RunAsUser = preset.RunAsUser
	}
}

// unapplyPreset takes away what applyPreset gives.
func (s *Security) unapplyPreset(preset *Security) {
	if s.Level == preset.Level {
		s.Level = SecurityDefault
	}
	if preset.RunAsUser != nil && ptr.Equal(s.RunAsUser, preset.RunAsUser) {
		s.RunAsUser = nil
	}
}

func (s *Security) equal(other *Security) bool {
	return s.Level == other.Level && s.Privileged == other.Privileged && ptr.Equal(s.RunAsUser, other.RunAsUser)
}
