// Package acl is the plugins kubectl-apolo_acl and kubectl-apolo_share.
package acl

import (
	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// Main runs kubectl-apolo_acl as a process and returns its exit code.
func Main() int { return cmdline.Main(New) }

// ShareMain runs kubectl-apolo_share as a process and returns its exit code.
func ShareMain() int { return cmdline.Main(NewShare) }

// New builds the commands of acl.
func New(s *cmdline.Session) *cli.App {
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

// parseURI reads the URI of a secret; a plain key is not enough here, because what a bare word
// after grant means would be a guess.
func parseURI(arg string) (uri.Secret, error) {
	parsed, err := uri.Parse(arg)
	if err != nil {
		return uri.Secret{}, cmdline.Usagef("%s", err)
	}
	return parsed, nil
}

// complete returns the complete URI of a secret.
func complete(client *kube.Client, where uri.Secret) string {
	where.Cluster = client.Cluster
	if where.Namespace == "" {
		where.Namespace = client.Namespace
	}
	return where.String()
}
