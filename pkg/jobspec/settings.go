package jobspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
)

// Where a cluster says what its own jobs are made of.
const (
	// PresetsConfigMap holds a preset a key, in the form that ParsePreset reads.
	PresetsConfigMap = "apolo-presets"
	// PresetsNamespace is where it is looked for if the job's own namespace has none.
	PresetsNamespace = "apolo"
	// SettingsConfigMap, in the job's namespace, holds StorageClaimKey, DefaultPresetKey and DefaultLifeSpanKey.
	SettingsConfigMap = "apolo-config"
	// StorageClaimKey is the name of the claim behind storage: in this namespace.
	StorageClaimKey = "storage-claim"
	// DefaultPresetKey is the preset of jobs that name none, and DefaultLifeSpanKey the life span of those without one.
	DefaultPresetKey   = "preset"
	DefaultLifeSpanKey = "life-span"
)

// UseLifeSpan gives a job the life span of its namespace, unless it has its own.
func (s *Spec) UseLifeSpan(settings *corev1.ConfigMap) error {
	text := settings.Data[DefaultLifeSpanKey]
	if s.OwnLifeSpan || text == "" {
		return nil
	}
	lifeSpan, err := duration.Parse(text)
	if err != nil {
		return fmt.Errorf("ConfigMap %s/%s: %s %w; or choose another with --life-span", settings.Namespace, settings.Name, DefaultLifeSpanKey, err)
	}
	s.LifeSpan = lifeSpan
	return nil
}

// CompleteOffline fills in what a Spec leaves to the cluster where there is no cluster to ask.
func CompleteOffline(spec *Spec) error {
	if spec.Preset == "" {
		return nil
	}
	presets := BuiltinPresets()
	preset, err := presets.Find(spec.Preset)
	if err != nil {
		return err
	}
	preset.Apply(spec)
	return nil
}

// UseClaim names the claim behind the storage where a mount leaves it open.
func (s *Spec) UseClaim(claim string) {
	for i := range s.Mounts {
		if s.Mounts[i].Storage && s.Mounts[i].Claim == "" {
			s.Mounts[i].Claim = claim
		}
	}
}
