package jobs

import (
	"cmp"
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// Complete fills in what a Spec leaves to the cluster: what its preset means, the claim that has its storage, the
// defaults of the namespace, and who makes the job. It asks for what the Spec leaves open, at the same time. Its error
// is a jobspec.UnknownPresetError where there is no such preset.
func (c *Client) Complete(ctx context.Context, spec *jobspec.Spec) error {
	var (
		presets           jobspec.Presets
		presetErr, mapErr error
		settings          *corev1.ConfigMap
		group             sync.WaitGroup
	)
	if spec.Preset != "" {
		group.Go(func() { presets, presetErr = c.Presets(ctx) })
	}
	storage := slices.ContainsFunc(spec.Mounts, func(m jobspec.Mount) bool { return m.Storage && m.Claim == "" })
	takesPreset := spec.Preset == "" && !spec.NoPreset
	if storage || takesPreset || !spec.OwnLifeSpan {
		group.Go(func() { settings, mapErr = c.configMap(ctx, c.kube.Namespace, jobspec.SettingsConfigMap) })
	}
	group.Go(func() { spec.Owner, _ = access.WhoAmI(ctx, c.kube) }) // a note; the job can do without it
	group.Wait()
	if err := cmp.Or(ctx.Err(), presetErr, mapErr); err != nil {
		return err
	}
	if settings != nil {
		if storage {
			spec.UseClaim(settings.Data[jobspec.StorageClaimKey])
		}
		if err := spec.UseLifeSpan(settings); err != nil {
			return err
		}
		if name := settings.Data[jobspec.DefaultPresetKey]; takesPreset && name != "" {
			spec.Preset = name
			if presets, presetErr = c.Presets(ctx); presetErr != nil {
				return presetErr
			}
		}
	}
	if spec.Preset == "" {
		return nil
	}
	preset, err := presets.Find(spec.Preset)
	if err != nil {
		return err
	}
	preset.Apply(spec)
	return nil
}

// Shorten is the opposite of Client.Complete, for a Spec that was read from a Job: what its preset says is left to the
// preset. Where the preset is gone, or is not what it was, the Spec says all by itself and names none. Where the
// namespace has defaults, the Spec says that they do not count for it.
func (c *Client) Shorten(ctx context.Context, spec *jobspec.Spec) error {
	settings, err := c.configMap(ctx, c.kube.Namespace, jobspec.SettingsConfigMap)
	if err != nil {
		return err
	}
	if spec.Preset != "" {
		presets, err := c.Presets(ctx)
		if err != nil {
			return err
		}
		if preset, err := presets.Find(spec.Preset); err != nil || !preset.Unapply(spec) {
			spec.Preset = ""
		}
	}
	if settings != nil {
		spec.NoPreset = spec.Preset == "" && settings.Data[jobspec.DefaultPresetKey] != ""
		spec.OwnLifeSpan = settings.Data[jobspec.DefaultLifeSpanKey] != ""
	}
	return nil
}

// WhoAmI is the user as the API server knows them.
func (c *Client) WhoAmI(ctx context.Context) (string, error) { return access.WhoAmI(ctx, c.kube) }
