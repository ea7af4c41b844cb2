// Package acl is the plugins kubectl-apolo_acl and kubectl-apolo_share.
package acl

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/candidates"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// Main runs kubectl-apolo_acl as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// ShareMain runs kubectl-apolo_share as a process and returns its exit code.
func ShareMain() int { return cmdline.Main(NewShare) }

// New builds the commands of acl.
func New(s *cmdline.Session) *cli.App {
	s.Completers = completers()
	s.Instead = rolesInstead(s)
	return &cli.App{
		Usage: "Share secrets, and see what is shared with you",
		Commands: []*cli.Command{
			newGrant(s),
			newRevoke(s),
			newLs(s),
			newEnableDiscovery(s),
			newDisableDiscovery(s),
		},
	}
}

func completers() completion.Completers {
	var levels []string
	for _, level := range grants.Levels() {
		levels = append(levels, string(level))
	}
	return completion.Completers{"URI": candidates.URIs, "USER": offerUsers, "-u": candidates.Users, "LEVEL": completion.Words(levels...)}
}

// offerUsers completes whom something is granted to, or taken from.
func offerUsers(ctx context.Context, c *completion.Word) {
	if c.Command == "revoke" {
		candidates.UsersOf(ctx, c)
		return
	}
	candidates.NamespaceUsers(ctx, c)
}

// complete returns the complete URI of a secret.
func complete(client *kube.Client, where uri.Secret) string {
	where.Cluster = client.Cluster
	if where.Namespace == "" {
		where.Namespace = client.Namespace
	}
	return where.String()
}
