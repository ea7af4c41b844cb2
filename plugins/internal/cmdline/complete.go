package cmdline

import (
	"context"
	"flag"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// complete answers with what may stand in place of the last word.
func (s *Session) complete(ctx context.Context, app *cli.App, words []string) {
	word, with := s.parseForCompletion(app, words)
	s.verbosity = 0 // there is no place for a log
	completion.Answer(ctx, s.Out, word, with, s.applyGlobalFlags)
}

// parseForCompletion finds out what the last of the words is and what completes it, and applies the flags before it. It reads
// words as normalizeArgs does, and passes over what can't be.
func (s *Session) parseForCompletion(app *cli.App, words []string) (*completion.Word, completion.Completer) {
	last := len(words) - 1
	c := completion.NewWord(&s.Kube, words[last])
	known, commands, usage := app.Flags, app.Commands, app.ArgsUsage
	var (
		typed   []string // flags, in the form -name or -name=value
		waiting string   // the flag whose value the last word is
		dash    bool
	)
	for i := 0; i < last; i++ {
		switch arg := words[i]; {
		case arg == "--" && !dash:
			dash = true
		case dash || len(arg) < 2 || arg[0] != '-':
			if command := find(commands, arg); command != nil && !dash && len(c.Args) == 0 {
				known, commands, usage = command.Flags, command.Subcommands, command.ArgsUsage
				c.Command = command.Name
			} else {
				c.Args = append(c.Args, arg)
			}
		default:
			read, needsNext, err := expand(known, arg)
			switch {
			case err != nil:
				continue
			case needsNext && i+1 == last:
				waiting = read[len(read)-1]
				read = read[:len(read)-1]
			case needsNext:
				i++
				read[len(read)-1] += "=" + words[i]
			}
			typed = append(typed, read...)
		}
	}
	apply(slices.Concat(app.Flags, known), typed)

	if waiting == "" && !dash {
		waiting = cutFlag(c, known)
	}
	switch {
	case waiting != "":
		return c, s.valueCompleter(known, strings.TrimPrefix(waiting, "-"))
	case !dash && strings.HasPrefix(c.Text, "-"):
		return c, flagCompleter(known, typed)
	case !dash && len(commands) > 0:
		return c, commandCompleter(commands)
	}
	return c, s.argumentCompleter(usage, len(c.Args))
}

// cutFlag takes the flag off a word that also has the beginning of its value, and returns it.
func cutFlag(c *completion.Word, known []cli.Flag) string {
	word := c.Text
	if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(word, "--") {
		if first, takesValue := lookup(known, name[2:]); takesValue {
			c.InFlag, c.Text = true, value
			return first
		}
	}
	if len(word) > 2 && word[0] == '-' && word[1] != '-' {
		if first, takesValue := lookup(known, word[1:2]); takesValue {
			c.Prefix, c.Text = word[:2], word[2:]
			if value, ok := strings.CutPrefix(c.Text, "="); ok {
				c.Prefix, c.InFlag, c.Text = "", true, value
			}
			return first
		}
	}
	return ""
}

// apply sets what flags point to. Flags of the same name point to the same.
func apply(known []cli.Flag, typed []string) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	for _, f := range known {
		if set.Lookup(f.Names()[0]) == nil {
			_ = f.Apply(set) // fails for a default that can't be read, and there is none
		}
	}
	for _, word := range typed {
		name, value, ok := strings.Cut(word[1:], "=")
		if !ok {
			value = "true"
		}
		_ = set.Set(name, value) // what is wrong with it, the command itself says
	}
}

// flagCompleter offers flags that were not given yet, or may be given again.
func flagCompleter(known []cli.Flag, typed []string) completion.Completer {
	return func(_ context.Context, c *completion.Word) {
		for _, f := range slices.Concat(known, []cli.Flag{cli.HelpFlag}) {
			_, repeatable := f.(*cli.GenericFlag)
			given := slices.ContainsFunc(typed, func(word string) bool {
				name, _, _ := strings.Cut(word[1:], "=")
				return name == f.Names()[0]
			})
			if visible, ok := f.(cli.VisibleFlag); given && !repeatable || ok && !visible.IsVisible() {
				continue
			}
			_, usage := described(f)
			long := len(f.Names()[0]) > 1
			for _, name := range f.Names() {
				switch {
				case len(name) > 1:
					c.Offer("--"+name, usage)
				case !long || c.Text == "-"+name: // the long name says more
					c.Offer("-"+name, usage)
				}
			}
		}
	}
}

// described returns what a flag calls its value, and its description.
func described(f cli.Flag) (placeholder, usage string) {
	documented, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return "", ""
	}
	return flag.UnquoteUsage(&flag.Flag{Usage: documented.GetUsage()})
}

func commandCompleter(commands []*cli.Command) completion.Completer {
	return func(_ context.Context, c *completion.Word) {
		for _, command := range commands {
			if command.Hidden {
				continue
			}
			c.Offer(command.Name, command.Usage)
			if c.Text != "" { // another name for the same is not another choice
				for _, alias := range command.Aliases {
					c.Offer(alias, command.Usage)
				}
			}
		}
	}
}

// valueCompleter completes the value of the flag of a name.
func (s *Session) valueCompleter(known []cli.Flag, name string) completion.Completer {
	i := slices.IndexFunc(known, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return s.Completers.Find()
	}
	if chosen, ok := known[i].(interface{ Choices() []string }); ok {
		return completion.Words(chosen.Choices()...)
	}
	placeholder, _ := described(known[i])
	return s.Completers.Find("--"+name, placeholder)
}

// argumentCompleter completes the nth argument of a command, from 0, as its ArgsUsage calls it. What may
// be given several times is offered once.
func (s *Session) argumentCompleter(usage string, n int) completion.Completer {
	usage, _, _ = strings.Cut(usage, "--") // what comes after it is not ours
	names := strings.FieldsFunc(usage, func(r rune) bool { return strings.ContainsRune("[] ", r) })
	repeated := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
	if n >= len(names) && repeated {
		n = len(names) - 1
	}
	if n >= len(names) {
		return s.Completers.Find()
	}
	with := s.Completers.Find(strings.TrimSuffix(names[n], "..."))
	if n < len(names)-1 || !repeated {
		return with
	}
	return func(ctx context.Context, c *completion.Word) {
		for _, arg := range c.Args[n:] {
			if arg != c.Text {
				c.Skip(arg)
			}
		}
		with(ctx, c)
	}
}
