package run

import (
	"context"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/candidates"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

func completers() completion.Completers {
	return completion.Completers{
		"--env":      candidates.Env,
		"--volume":   offerVolumes,
		"--v":        offerVolumes,
		"--share":    candidates.Users,
		"--preset":   offerPresets,
		"--restart":  completion.Words(string(jobspec.RestartNever), string(jobspec.RestartOnFailure), string(jobspec.RestartAlways)),
		"--pull":     completion.Words(string(jobspec.PullAlways), string(jobspec.PullMissing), string(jobspec.PullNever)),
		"--security": completion.Words(string(jobspec.SecurityRestricted)),
		"--dry-run":  completion.Words("client", "server"),

		"--service-account":   candidates.Objects("serviceaccounts", ""),
		"--image-pull-secret": candidates.Objects("secrets", "type=kubernetes.io/dockerconfigjson"),
	}
}

func offerPresets(ctx context.Context, c *completion.Word) {
	client, err := kube.NewClient(c.Kube)
	if err != nil {
		return
	}
	api, err := jobs.NewClient(client)
	if err != nil {
		return
	}
	presets, err := api.Presets(ctx)
	if err != nil {
		presets = jobspec.BuiltinPresets()
	}
	for _, preset := range presets.All {
		c.Offer(preset.Name, preset.Description)
	}
}

// offerVolumes completes the first part of a volume, up to the colon before the path in the container.
func offerVolumes(ctx context.Context, c *completion.Word) {
	switch scheme, _, ok := strings.Cut(c.Text, ":"); {
	case !ok:
		for _, scheme := range []string{"secret:", "disk:", "storage:"} {
			c.OfferOpen(scheme)
		}
	case scheme == "secret":
		candidates.URIsWith(ctx, c, "", ":")
	case scheme == "disk":
		candidates.ObjectsWith(ctx, c, "persistentvolumeclaims", "disk:", ":")
	}
}
