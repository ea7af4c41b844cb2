package job

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// newBrowse makes job browse, which is job port-forward with a browser.
func newBrowse(s *cmdline.Session) *cli.Command {
	o := &portForwardOptions{Session: s, browse: true}
	return &cli.Command{
		Name:      "browse",
		Usage:     "Open the web page of a running job in a browser",
		ArgsUsage: "JOB",
		Description: naming + ` A free port of this machine is forwarded to the job's --http-port until you press Ctrl-C or the job ends.
The browser is the system's, or what the variable BROWSER names.`,
		UsageText: `  ` + s.Typed + ` browse notebook`,
		Flags:     []cli.Flag{s.QuietFlag("print nothing when it works")},
		Action:    cmdline.CompleteAndRun(o.complete, o.run),
	}
}

// httpPort is the port of the job that was started with --http-port.
func (r *running) httpPort() (uint16, error) {
	for _, port := range r.container().Ports {
		if port.Name == jobspec.HTTPPortName {
			return uint16(port.ContainerPort), nil // #nosec G115 -- the API server takes ports only
		}
	}
	return 0, fmt.Errorf("job %s was started without --http-port: forward one with: kubectl apolo job port-forward %s LOCAL:REMOTE -n %s",
		r.job.Name, r.job.Name, r.job.Namespace)
}
