// Package cmdline is one call of a plugin as a command-line program: kubectl's flags, their free order, help, errors and
// exit codes.
package cmdline

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/suggest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/version"
)

// maxVerbosity is the highest klog level that never logs bodies: client-go logs them from 8 on,
// and bodies hold values.
const maxVerbosity = 7

// Session is one call of a command.
type Session struct {
	genericiooptions.IOStreams
	// Kube is where the connection flags bind to.
	Kube kube.Options
	// Typed is what the user typed to get here, such as "kubectl apolo secret".
	Typed string
	// Dash is how many positional arguments stood before "--", or -1 without one.
	Dash int
	// Quiet is the flag -q of the commands that have one.
	Quiet bool
	// Volume takes the value of a -v that is no number, as Apolo's -v is a volume; nil where there are no volumes.
	Volume func(value string)
	// Completers complete what users type.
	Completers completion.Completers

	// Instead says what to type in place of commands of Apolo's that there are not.
	Instead map[string]string

	ctx         context.Context // ends with the first SIGINT; commands get it as an argument
	command     string          // Typed and the names of the commands after it
	concealed   []string        // arguments that may be values
	warned      sync.Map        // what WarnOnce has printed
	verbosity   int
	showVersion bool
	isSet       func(flag string) bool // of the program's own flags
}

// secondSignal is how much later than the first a signal must come to end the process at once.
const secondSignal = 500 * time.Millisecond

// Main runs the plugin that build makes, with the process's own streams, and returns its exit
// code, with which the process must end. The context ends with the first SIGINT or SIGTERM; a second one ends the
// process, and so does more memory than any command needs.
func Main(build func(*Session) *cli.App) int {
	return withinMemory(maxMemory, os.Stderr, func() int { return Serve(build) })
}

// Serve is Main for a server, which takes as much memory as its visitors make it.
func Serve(build func(*Session) *cli.App) int {
	keepPrivate()
	// Most commands end before they have made 10 MB of garbage; collecting it earlier took up to half of their CPU time.
	debug.SetGCPercent(250) // of the 4 MB that the runtime takes for the least
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// timeout(1) and supervisors send a signal to a process and then to its group: the same one twice,
	// in no time. Only one that comes later is a second wish.
	context.AfterFunc(ctx, func() { time.AfterFunc(secondSignal, stop) })
	if _, ok := completion.Requested(os.Args); ok {
		// A program that gets credentials must not ask or complain in the middle of a line that is typed.
		if nowhere, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
			os.Stdin, os.Stderr = nowhere, nowhere
		}
	}
	return Run(ctx, os.Args, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, build)
}

// SetLongRunning says that the command continues for a while, as one that follows a log: from now on memory is worth more than
// the little time that collecting garbage more often takes.
func (s *Session) SetLongRunning() { debug.SetGCPercent(50) }

// Run is Main for given arguments and streams.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams, build func(*Session) *cli.App) int {
	streams.Out = checked(streams.Out)
	s := &Session{IOStreams: streams, Typed: typed(args[0]), Dash: -1, ctx: ctx}
	s.Kube.Files = &kube.ConfigFiles{Context: ctx}
	app := s.prepare(build(s))
	if words, ok := completion.Requested(args); ok {
		s.Kube.Files.RegularOnly = true
		s.complete(ctx, app, words)
		return ExitDone
	}
	args = append([]string{s.Typed}, args[1:]...)
	line, err := normalizeArgs(app, args)
	s.Dash, s.command, s.concealed = line.dash, strings.Join(line.names, " "), line.concealed
	if err == nil {
		err = app.RunContext(ctx, line.args)
	}
	s.report(err)
	code := exitCode(err)
	if failed := unsaid(s.Out, err); failed != nil {
		s.report(failed)
		code = max(code, ExitFailed)
	}
	return signalled(ctx, code)
}

// prepare completes an app with what all plugins have in common.
func (s *Session) prepare(app *cli.App) *cli.App {
	app.HelpName = s.Typed
	app.Name = s.Typed
	app.Writer, app.ErrWriter = s.Concealed(), concealing{s, s.ErrOut}
	app.HideVersion = true // urfave's own flag would take -v
	app.HideHelpCommand = len(app.Commands) == 0
	app.DisableSliceFlagSeparator = true // a comma in a value is a comma
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = usageError
	app.CustomAppHelpTemplate = appHelp
	app.Flags = append(app.Flags, s.connectionFlags()...)
	app.Flags = s.withQuiet(app.Flags)
	app.Flags = append(app.Flags, &cli.BoolFlag{
		Name: "version", Usage: "print version, commit and date, and exit", Destination: &s.showVersion, DisableDefaultText: true,
	})
	action := app.Action
	app.Action = func(c *cli.Context) error {
		switch {
		case s.showVersion:
			_, err := fmt.Fprintln(s.Out, s.Typed, version.Line())
			return err
		case action != nil:
			return action(c)
		case c.NArg() == 0:
			return cli.ShowAppHelp(c)
		}
		if word, ok := s.Instead[c.Args().First()]; ok {
			return Usagef("there is no command %s: %s", c.Args().First(), word)
		}
		return Usagef("%s", suggest.UnknownCommand(c.Args().First(), names(app.Commands)))
	}
	app.Before = func(c *cli.Context) error {
		s.isSet = c.IsSet
		return s.applyGlobalFlags()
	}
	for _, command := range app.Commands {
		command.Flags = s.withQuiet(append(command.Flags, s.connectionFlags()...))
		command.OnUsageError = usageError
		command.CustomHelpTemplate = commandHelp
		command.HideHelpCommand = true
		command.Before = app.Before
	}
	return app
}

func names(commands []*cli.Command) []string {
	var all []string
	for _, command := range commands {
		all = append(all, command.Names()...)
	}
	return all
}

func usageError(_ *cli.Context, err error, _ bool) error { return Usagef("%s", err) }

// CompleteAndRun is what a command does: complete reads its arguments and looks for what is wrong with them, then run does the
// work.
func CompleteAndRun(complete func(args []string) error, run func(context.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := complete(c.Args().Slice()); err != nil {
			return err
		}
		return run(c.Context)
	}
}

// ParseAll reads arguments that are all of one kind.
func ParseAll[T any](args []string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for _, arg := range args {
		parsed, err := parse(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

// IsSet reports whether the user typed a flag of the program, by any of its names; those of its commands don't count.
func (s *Session) IsSet(name string) bool { return s.isSet(name) }

// applyGlobalFlags applies the flags that concern the whole call.
func (s *Session) applyGlobalFlags() error {
	s.Kube.UserAgent = "kubectl-apolo/" + version.Number()
	s.Kube.Warn = (&serverWarnings{warn: s.Warn}).show
	if err := HomePaths(&s.Kube.Kubeconfig); err != nil {
		return err
	}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	klog.InitFlags(flags)
	klog.ClearLogger()
	if s.verbosity == 0 {
		// client-go logs some of the errors that it returns, at any level; they are reported once.
		klog.SetLogger(klog.Logger{})
	}
	klog.SetOutput(concealing{s, s.ErrOut})
	return errors.Join(flags.Set("logtostderr", "false"), flags.Set("stderrthreshold", "FATAL"), flags.Set("one_output", "true"),
		flags.Set("v", strconv.Itoa(min(s.verbosity, maxVerbosity))))
}

// connectionFlags are kubectl's, with kubectl's meaning: they bind into clientcmd's overrides.
func (s *Session) connectionFlags() []cli.Flag {
	const category = "Connection, as for kubectl:"
	o := &s.Kube.Overrides
	str := func(name, usage string, destination *string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Usage: usage, Destination: destination, Category: category}
	}
	return []cli.Flag{
		str("kubeconfig", "path of the kubeconfig `FILE`", &s.Kube.Kubeconfig),
		str("context", "kubeconfig `CONTEXT` to use", &o.CurrentContext),
		str("cluster", "kubeconfig `CLUSTER` to use", &o.Context.Cluster),
		str("user", "kubeconfig `USER` to use", &o.Context.AuthInfo),
		str("namespace", "`NAMESPACE` to work in; --project and -p are Apolo's words for it", &o.Context.Namespace, "n", "project", "p"),
		str("as", "`USER` to impersonate", &o.AuthInfo.Impersonate),
		&cli.GenericFlag{Name: "as-group", Usage: "`GROUP` to impersonate; may be given several times",
			Value: (*Strings)(&o.AuthInfo.ImpersonateGroups), Category: category},
		str("request-timeout", "how long one request may take, such as 30s; 0 means forever (default: 1m)", &o.Timeout),
		&cli.GenericFlag{Name: "v", Usage: fmt.Sprintf("log `LEVEL` of the client library, up to %d: higher ones would log values", maxVerbosity),
			Value: (*verbosity)(s), Category: category, DefaultText: "0"},
	}
}

// report prints what went wrong, a line an error.
func (s *Session) report(err error) {
	if err == nil {
		return
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		if exit.Hint != "" {
			defer s.Hint("%s", exit.Hint)
		}
		if exit.Err == nil {
			return
		}
		err = exit.Err
	}
	for _, e := range each(err) {
		text := s.line(e.Error())
		if errors.Is(e, context.Canceled) {
			text = "interrupted"
		}
		if usage := (*UsageError)(nil); errors.As(e, &usage) {
			text += "; see '" + s.command + " --help'"
		}
		fmt.Fprintln(s.ErrOut, "error: "+text)
	}
}

// line is a text as one line that quotes no argument that may be a value.
func (s *Session) line(text string) string { return sanitize.Line(conceal(text, s.concealed)) }

// SiblingCommand is how the user would type a command of another plugin, judging by how this one was typed:
// "kubectl apolo job", or "kubectl apolo-job".
func (s *Session) SiblingCommand(plugin string) string {
	i := strings.LastIndexAny(s.Typed, " -")
	return s.Typed[:i+1] + plugin
}

// Hint tells something that is not asked for: to a person at a terminal, never to a script.
func (s *Session) Hint(format string, args ...any) {
	if !s.Quiet && IsTerminal(s.ErrOut) {
		fmt.Fprintln(s.ErrOut, "hint: "+s.line(fmt.Sprintf(format, args...)))
	}
}

// Warn tells on stderr, always, what the user may regret not to know.
func (s *Session) Warn(format string, args ...any) {
	fmt.Fprintln(s.ErrOut, "warning: "+s.line(fmt.Sprintf(format, args...)))
}

// WarnOnce is Warn for packages that know no terminal. A text is printed once, however often and by how many goroutines at
// once it is called.
func (s *Session) WarnOnce(text string) {
	if _, printed := s.warned.LoadOrStore(text, true); !printed {
		s.Warn("%s", text)
	}
}

// Done prints the one line that says what a command changed, unless -q was given.
func (s *Session) Done(format string, args ...any) {
	if !s.Quiet {
		fmt.Fprintln(s.Out, s.line(fmt.Sprintf(format, args...)))
	}
}

// Lines prints each text as one line. They come from the cluster, and programs read them too: a line end in one must
// not make it two.
func (s *Session) Lines(texts ...string) error {
	out := bufio.NewWriter(s.Out)
	for _, text := range texts {
		fmt.Fprintln(out, sanitize.Line(text)) // bufio keeps errors for Flush
	}
	return out.Flush()
}

// Bytes is a number of bytes in words.
func Bytes(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// QuietFlag is -q.
func (s *Session) QuietFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: usage, Destination: &s.Quiet, DisableDefaultText: true}
}

// IsTerminal reports whether a stream, an io.Reader or io.Writer, is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// typed turns the name of the process into what the user typed: the dispatcher says it outright,
// and kubectl finds kubectl-apolo_secret for "kubectl apolo-secret".
func typed(arg0 string) string {
	if name, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(arg0), ".exe"), "kubectl-"); ok && !strings.Contains(arg0, " ") {
		return "kubectl " + strings.ReplaceAll(name, "_", "-")
	}
	return arg0
}
