package secret

import (
	"context"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/privatefile"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// getOptions is one call of secret get.
type getOptions struct {
	*cmdline.Session

	where uri.Secret
	file  string
}

func newGet(s *cmdline.Session) *cli.Command {
	o := &getOptions{Session: s}
	return &cli.Command{
		Name:        "get",
		Usage:       "Print the value of a key, or write it to a file",
		ArgsUsage:   "KEY",
		Description: `The value is written byte for byte; no line end is added.`,
		UsageText: `  ` + s.Typed + ` get wandb-token
  ` + s.Typed + ` get gcp-key -f gcp.json                     # readable by you alone
  ` + s.Typed + ` get secret://default/alice/wandb-token      # shared by alice`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "write to `FILE`, with mode 0600 and all at once; - is standard output",
				Destination: &o.file, TakesFile: true},
			s.QuietFlag("print nothing but the value"),
		},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *getOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY"); err != nil {
		return err
	}
	if o.file == "-" { // as for other programs; a file of that name is ./-
		o.file = ""
	}
	if o.file, err = cmdline.HomePath(o.file); err != nil {
		return err
	}
	o.where, err = parse(args[0])
	return err
}

func (o *getOptions) run(ctx context.Context) error {
	if o.file != "" {
		if err := checkTarget(o.file); err != nil {
			return err
		}
	}
	store, err := open(o.Session, o.where)
	if err != nil {
		return err
	}
	read, err := store.Read(ctx, o.where.Key)
	if err != nil {
		return err
	}
	value := read.Data
	store.used()
	warnOfDeletion(o.Session, o.where, read)
	if o.file != "" {
		if err := privatefile.Write(o.file, value); err != nil {
			return fmt.Errorf("%s: cannot write the file: %w", o.where, err)
		}
		o.Done("%s written (%s)", o.file, cmdline.Bytes(len(value)))
		return nil
	}
	if cmdline.IsTerminal(o.Out) && !showable(value) {
		return fmt.Errorf("%s: the value (%s) is not plain text, which could upset your terminal; write it to a file with -f FILE, or pipe it on", o.where, cmdline.Bytes(len(value)))
	}
	_, err = o.Out.Write(value)
	return err
}

// checkTarget refuses a file that must not be replaced.
func checkTarget(path string) error {
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, and is not followed; name the file itself", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}

// showable reports whether a terminal shows value as it is and does nothing else.
func showable(value []byte) bool {
	return utf8.Valid(value) && strings.IndexFunc(string(value), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t'
	}) < 0
}
