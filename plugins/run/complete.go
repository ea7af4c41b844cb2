package run

import (
	"context"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

func completers() cmdline.Completers {
	return cmdline.Completers{
		"--env":      completion.Env,
		"--volume":   offerVolumes,
		"--v":        offerVolumes,
		"--share":    completion.Users,
		"--preset":   offerPresets,
		"--restart":  cmdline.Words(string(jobspec.RestartNever), string(jobspec.RestartOnFailure), string(jobspec.RestartAlways)),
		"--pull":     cmdline.Words(string(jobspec.PullAlways), string(jobspec.PullMissing), string(jobspec.PullNever)),
		"--security": cmdline.Words(string(jobspec.SecurityRestricted)),
		"--dry-run":  cmdline.Words("client", "server"),

		"--service-account":   completion.Objects("serviceaccounts", ""),
		"--image-pull-secret": completion.Objects("secrets", "type=kubernetes.io/dockerconfigjson"),
	}
}

func offerPresets(ctx context.Context, c *cmdline.Completion) {
	client, err := kube.NewClient(&c.Kube)
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
func offerVolumes(ctx context.Context, c *cmdline.Completion) {
	switch scheme, _, ok := strings.Cut(c.Text, ":"); {
	case !ok:
		for _, scheme := range []string{"secret:", "disk:", "storage:"} {
			c.OfferOpen(scheme)
		}
	case scheme == "secret":
		completion.URIsWith(ctx, c, "", ":")
	case scheme == "disk":
		completion.ObjectsWith(ctx, c, "persistentvolumeclaims", "disk:", ":")
	}
}
