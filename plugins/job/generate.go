package job

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/runflags"
)

// generateOptions is one call of job generate-run-command.
type generateOptions struct {
	*cmdline.Session

	target uri.Job
}

func newGenerate(s *cmdline.Session) *cli.Command {
	o := &generateOptions{Session: s}
	return &cli.Command{
		Name:      "generate-run-command",
		Aliases:   []string{"generate-run"},
		Usage:     "Print the run command that makes the same job",
		ArgsUsage: "JOB",
		Description: naming + ` The command is quoted for a shell. Variables that run took from the environment stand there
with their values; secrets by their names only. What somebody changed in the Job and no flag of run can say is named on
standard error.`,
		UsageText: `  ` + s.Typed + ` generate-run-command training-1`,
		Action:    cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *generateOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "JOB"); err != nil {
		return err
	}
	o.target, err = parse(args[0])
	return err
}

func (o *generateOptions) run(ctx context.Context) error {
	api, job, err := find(ctx, o.Session, o.target)
	if err != nil {
		return err
	}
	spec, err := jobspec.FromJob(job)
	var foreign *jobspec.ForeignError
	if err != nil && !errors.As(err, &foreign) {
		return err
	}
	if err := api.Shorten(ctx, &spec); err != nil {
		return err
	}
	words, err := runflags.Format(spec)
	if err != nil {
		return err
	}
	if foreign != nil {
		fmt.Fprintln(o.ErrOut, "warning: "+sanitize.Line(foreign.Error())+"; the command leaves it out")
	}
	line := runflags.Quote(words...)
	if cmdline.IsTerminal(o.Out) {
		line = sanitize.Text(line) // a file or another program gets the command as it is
	}
	_, err = fmt.Fprintln(o.Out, o.runCommand(), line)
	return err
}

// runCommand is how the user calls run, judging by how this was called: "kubectl apolo job" or "kubectl
// apolo-job".
func (o *generateOptions) runCommand() string { return strings.TrimSuffix(o.Typed, "job") + "run" }
