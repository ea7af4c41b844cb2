package acl

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/neuro-inc/kubectl-apolo/pkg/discovery"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// discoveryOptions is one call of enable-discovery or disable-discovery.
type discoveryOptions struct {
	*cmdline.Session

	yes bool
}

func newEnableDiscovery(s *cmdline.Session) *cli.Command {
	o := &discoveryOptions{Session: s}
	return &cli.Command{
		Name:  "enable-discovery",
		Usage: "Let everybody list namespaces, so that acl ls finds all (for administrators)",
		Description: `Without it, acl ls looks in the namespaces that a user is known to use. With it, every user and service account of
the cluster sees the names, labels and annotations of all namespaces, and nothing that is in them.

The objects are shown, and nothing is done before you agree.`,
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.complete, o.enable),
	}
}

func newDisableDiscovery(s *cmdline.Session) *cli.Command {
	o := &discoveryOptions{Session: s}
	return &cli.Command{
		Name:   "disable-discovery",
		Usage:  "Undo enable-discovery",
		Flags:  o.flags(),
		Action: cmdline.CompleteAndRun(o.complete, o.disable),
	}
}

func (o *discoveryOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", Destination: &o.yes, DisableDefaultText: true},
		o.QuietFlag("print nothing when it worked"),
	}
}

func (o *discoveryOptions) complete(args []string) error {
	if err := cmdline.CheckArgs(args); err != nil {
		return err
	}
	if !o.yes && !cmdline.IsTerminal(o.In) {
		return cmdline.Usagef("there is no terminal to ask for your consent: use --yes")
	}
	return nil
}

func (o *discoveryOptions) enable(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if err != nil {
		return err
	}
	printer := &printers.YAMLPrinter{}
	for _, object := range []runtime.Object{discovery.Role(), discovery.Binding()} {
		if !o.Quiet {
			if err := printer.PrintObj(object, o.ErrOut); err != nil {
				return err
			}
		}
	}
	if err := o.consent(ctx, fmt.Sprintf("Create these in the cluster %q? [y/N] ", client.Cluster)); err != nil {
		return err
	}
	changed, err := discovery.Enable(ctx, client)
	if err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	if !changed {
		o.Done("discovery unchanged (it is enabled already)")
		return nil
	}
	o.Done("discovery enabled")
	return nil
}

func (o *discoveryOptions) disable(ctx context.Context) error {
	client, err := kube.NewClient(&o.Kube)
	if err != nil {
		return err
	}
	if err := o.consent(ctx, fmt.Sprintf("Remove the ClusterRole and ClusterRoleBinding of discovery from the cluster %q? [y/N] ", client.Cluster)); err != nil {
		return err
	}
	changed, err := discovery.Disable(ctx, client)
	if err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	if !changed {
		o.Done("discovery unchanged (it is not enabled)")
		return nil
	}
	o.Done("discovery disabled")
	return nil
}

// consent asks at the terminal.
func (o *discoveryOptions) consent(ctx context.Context, question string) error {
	if o.yes {
		return nil
	}
	fmt.Fprint(o.ErrOut, question)
	line, _ := cmdline.Interruptible(ctx, func() (string, error) { return bufio.NewReader(o.In).ReadString('\n') }) // no answer is no consent
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return nil
	}
	return fmt.Errorf("nothing was changed")
}
