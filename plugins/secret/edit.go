package secret

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kballard/go-shellquote"
	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// editOptions is one call of secret edit.
type editOptions struct {
	*cmdline.Session
	lookup func(string) string // of environment variables

	where uri.Secret
}

func newEdit(s *cmdline.Session) *cli.Command {
	o := &editOptions{Session: s, lookup: os.Getenv}
	return &cli.Command{
		Name:      "edit",
		Usage:     "Change the value of a secret in your editor",
		ArgsUsage: "KEY",
		Description: `The editor is KUBE_EDITOR, VISUAL or EDITOR of the environment, or else ` + defaultEditor + `. The value is in a folder
that only you can read, in memory where the system has such (/dev/shm), and it is wiped when the editor has ended.
A line end that the editor adds at the end is left out, if the value had none before.

If somebody else changes the secret while you edit it, nothing is stored, and your text stays where the message says.`,
		UsageText: `  ` + s.Typed + ` edit app-config
  KUBE_EDITOR='code --wait' ` + s.Typed + ` edit app-config   # an editor with a window must wait`,
		Flags:  []cli.Flag{s.QuietFlag("print nothing when it worked")},
		Action: cmdline.CompleteAndRun(o.complete, o.run),
	}
}

func (o *editOptions) complete(args []string) (err error) {
	if err := cmdline.CheckArgs(args, "KEY"); err != nil {
		return err
	}
	o.where, err = parse(args[0])
	return err
}

func (o *editOptions) run(ctx context.Context) error {
	editor, err := o.editor()
	if err != nil {
		return err
	}
	store, err := open(o.Session, o.where)
	if err != nil {
		return err
	}
	before, err := store.Read(ctx, o.where.Key)
	switch {
	case err != nil:
		return err
	case before.BeingDeleted != nil:
		return fmt.Errorf("%s: %w", o.where, before.BeingDeleted)
	case before.Owner != "":
		return fmt.Errorf("%s: %w: its value belongs to %s; change it there", o.where, secrets.ErrAdopted, before.Owner)
	case !editable(before.Data):
		return fmt.Errorf("%s: the value (%s) is not text, which an editor would change; use get -f FILE and add @FILE --overwrite", o.where, cmdline.Bytes(len(before.Data)))
	}
	store.used()
	// A signal must not end the process while there is a draft to wipe, whatever the editor makes of it.
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, deadly()...)
	defer signal.Stop(arrived)

	draft, err := newDraft(o.where.Key, before.Data)
	if err != nil {
		return err
	}
	defer draft.wipe()
	if !draft.inMemory {
		o.Warn("there is no folder in memory here: while you edit it, the value is on disk, in %s", draft.folder)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := o.runEditor(editor, draft.path(), arrived); err != nil {
		return err
	}
	after, err := draft.read()
	if errors.Is(err, errTooLarge) {
		return o.kept(draft, fmt.Errorf("%s: %w", o.where, err))
	}
	if err != nil {
		return err
	}
	after = sameEnd(before.Data, after)
	switch {
	case bytes.Equal(before.Data, after):
		o.Done("Edit cancelled, no changes made.")
		return nil
	case len(after) == 0:
		o.Done("Edit cancelled, the saved file was empty.")
		o.Hint("'%s add %s \"\" --overwrite' stores an empty value", o.Typed, o.where)
		return nil
	}
	if err := o.replace(ctx, arrived, store, before, after); err != nil {
		return o.kept(draft, err)
	}
	o.Done("secret/%s edited (%s)", o.where.Key, cmdline.Bytes(len(after)))
	return nil
}

// kept leaves the text where it is, and adds to an error what can be done with it.
func (o *editOptions) kept(d *draft, err error) error {
	d.keep = true
	text := fmt.Sprintf("your text is kept: '%s add %s @%s --overwrite' stores it, 'rm -r %s' removes it", o.Typed, o.where, d.path(), d.folder)
	if errors.Is(err, context.Canceled) {
		return &cmdline.ExitError{Code: cmdline.ExitInterrupted, Err: errors.New("interrupted; " + text)}
	}
	return fmt.Errorf("%w; %s", err, text)
}

// patience is how long an editor may take to end when it has to.
const patience = 5 * time.Second

// runEditor waits for the editor. A Ctrl-C is the editor's alone, and what is to end this process ends the editor
// first.
func (o *editOptions) runEditor(editor []string, file string, arrived chan os.Signal) error {
	command := exec.Command(editor[0], append(editor[1:], file)...) // #nosec G204 -- the user's own $EDITOR
	command.Stdin, command.Stdout, command.Stderr = o.In, cmdline.Raw(o.Out), o.ErrOut
	if err := command.Start(); err != nil {
		return fmt.Errorf("cannot start the editor %s: %w", editor[0], err)
	}
	defer leaveKeys(arrived)()
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case signal := <-arrived:
			if isKey(signal) { // from before they were left to the editor, or on Windows, where they arrive anyway
				continue
			}
			_ = command.Process.Signal(signal) // it may have ended
			select {
			case <-ended: //nolint:errcheck // a signal has ended it
			case <-time.After(patience):
				_ = command.Process.Kill() // it may have ended
				<-ended                    //nolint:errcheck // as above
			}
			return context.Canceled
		case err := <-ended:
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				return fmt.Errorf("the editor %s ended with %s; nothing was changed", filepath.Base(editor[0]), exit)
			}
			return err
		}
	}
}

// replace stores the text. The context may have ended with a Ctrl-C that was the editor's, and what arrives now
// ends the request.
func (o *editOptions) replace(ctx context.Context, arrived <-chan os.Signal, store *place, before secrets.Value, after []byte) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go func() {
		select {
		case <-arrived:
			cancel()
		case <-ctx.Done():
		}
	}()
	return store.Replace(ctx, before, after)
}

// editor is the command to run, in words.
func (o *editOptions) editor() ([]string, error) {
	text := cmp.Or(o.lookup("KUBE_EDITOR"), o.lookup("VISUAL"), o.lookup("EDITOR"), defaultEditor)
	words, err := splitCommand(text)
	if err != nil || len(words) == 0 {
		return nil, fmt.Errorf("the editor %q can't be read as a command; set KUBE_EDITOR", text)
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, fmt.Errorf("there is no editor %q; set KUBE_EDITOR to one", words[0])
	}
	return append([]string{path}, words[1:]...), nil
}

// splitCommand reads a command as a shell does. Where paths have backslashes, only a path with spaces needs quotes.
func splitCommand(text string) ([]string, error) {
	if filepath.Separator == '\\' {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return shellquote.Split(text)
}

// editable reports whether an editor gives back what it was given.
func editable(value []byte) bool { return utf8.Valid(value) && !bytes.ContainsRune(value, 0) }

// sameEnd takes off the line end that editors add to a last line that has none.
func sameEnd(before, after []byte) []byte {
	if bytes.HasSuffix(before, []byte("\n")) {
		return after
	}
	cut, found := bytes.CutSuffix(after, []byte("\n"))
	if found && bytes.HasSuffix(cut, []byte("\r")) && !bytes.HasSuffix(before, []byte("\r")) {
		cut = cut[:len(cut)-1]
	}
	return cut
}

// draft is a value as a file to edit, in its own folder.
type draft struct {
	folder, name string
	inMemory     bool
	keep         bool // it has what must not be lost
}

func newDraft(key string, value []byte) (d *draft, err error) {
	parent, inMemory := memoryFolder()
	folder, err := os.MkdirTemp(parent, "apolo-edit-*") // made with mode 0700
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder to edit in: %w", err)
	}
	d = &draft{folder: folder, name: key, inMemory: inMemory}
	if !filepath.IsLocal(key) {
		d.name = "value"
	}
	if err := writeNew(d.path(), value); err != nil {
		d.wipe()
		return nil, fmt.Errorf("cannot write a file to edit: %w", err)
	}
	return d, nil
}

// path is the file's, whose name tells the editor what is in it.
func (d *draft) path() string { return filepath.Join(d.folder, d.name) }

func (d *draft) read() ([]byte, error) {
	file, err := os.Open(d.path()) // #nosec G304 -- in our own folder
	if err != nil {
		return nil, fmt.Errorf("the editor has left no file: %w", withoutPath(err))
	}
	defer file.Close()
	return readAll(file)
}

// wipe writes zeros over all that is in the folder, copies that the editor has left included, and removes it. A text
// that must not be lost is left, alone.
func (d *draft) wipe() {
	_ = filepath.WalkDir(d.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || d.keep && path == d.path() {
			return nil
		}
		overwriteFile(path)
		_ = os.Remove(path) // #nosec G122 -- nobody else can write to the folder; nothing more can be done about what can't be removed
		return nil
	})
	if !d.keep {
		_ = os.RemoveAll(d.folder)
	}
}

func overwriteFile(path string) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0) // #nosec G304 -- in our own folder
	if err != nil {
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		_, _ = file.Write(make([]byte, info.Size()))
		_ = file.Sync()
	}
}
