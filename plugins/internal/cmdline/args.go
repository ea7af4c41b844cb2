package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arranged is a command line in the only order that urfave/cli v2 reads completely: the names of
// the commands, then all flags, then the positional arguments behind "--".
type arranged struct {
	args []string
	// names are the program's and those of its commands, as typed.
	names []string
	// dash is how many positional arguments stood before "--", or -1 without one.
	dash int
}

// arrange lets flags stand anywhere before "--", as users of kubectl expect. Left alone,
// urfave/cli v2 takes every flag behind the first positional argument for another one, silently.
// Short flags may be joined (-qA) and hold their value (-nteam), as with kubectl.
func arrange(app *cli.App, args []string) (arranged, error) {
	var flags, positional []string
	names := args[:1:1]
	known, commands := app.Flags, app.Commands
	dash := -1

	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			dash = len(positional)
			positional = append(positional, args[i+1:]...)
			i = len(args)
		case len(arg) < 2 || arg[0] != '-':
			if command := find(commands, arg); command != nil && len(positional) == 0 {
				names = append(names, arg)
				known, commands = command.Flags, command.Subcommands
			} else {
				positional = append(positional, arg)
			}
		default:
			read, needsNext, err := expand(known, arg)
			if err != nil {
				return arranged{names: names}, err
			}
			if needsNext {
				if i++; i == len(args) {
					return arranged{names: names}, Usagef("%s needs a value", arg)
				}
				read[len(read)-1] += "=" + args[i]
			}
			flags = append(flags, read...)
		}
	}
	return arranged{args: slices.Concat(names, flags, []string{"--"}, positional), names: names, dash: dash}, nil
}

// expand splits one argument into flags of the form -name or -name=value, with the first of a flag's
// names: urfave/cli v2 refuses a line that has two of them. needsNext says that the last one takes its
// value from the next argument.
func expand(known []cli.Flag, arg string) (flags []string, needsNext bool, err error) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		typed, value, hasValue := strings.Cut(long, "=")
		name, takesValue := lookup(known, typed)
		if name == "" || len(typed) < 2 {
			return nil, false, unknownFlag("--" + typed)
		}
		if hasValue {
			return []string{"-" + name + "=" + value}, false, nil
		}
		return []string{"-" + name}, takesValue, nil
	}
	for rest := arg[1:]; rest != ""; {
		name, takesValue := lookup(known, rest[:1])
		rest = rest[1:]
		switch {
		case name == "":
			return nil, false, unknownFlag(arg)
		case takesValue && rest == "":
			return append(flags, "-"+name), true, nil
		case takesValue:
			return append(flags, "-"+name+"="+strings.TrimPrefix(rest, "=")), false, nil
		}
		flags = append(flags, "-"+name)
	}
	return flags, false, nil
}

func unknownFlag(flag string) error {
	return Usagef("unknown flag %s (a value that begins with '-' must stand behind \"--\")", flag)
}

// lookup finds a flag by any of its names and returns the first; "" where there is none.
func lookup(known []cli.Flag, typed string) (name string, takesValue bool) {
	for _, flag := range slices.Concat(known, []cli.Flag{cli.HelpFlag}) {
		if slices.Contains(flag.Names(), typed) {
			documented, ok := flag.(cli.DocGenerationFlag)
			return flag.Names()[0], !ok || documented.TakesValue()
		}
	}
	return "", false
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}
