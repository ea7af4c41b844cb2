package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/suggest"
)

// normalizedArgs is a command line in the only order that urfave/cli v2 reads completely: the names of
// the commands, then all flags, then the positional arguments after "--".
type normalizedArgs struct {
	args []string
	// names are the program's and those of its commands, as typed.
	names []string
	// dash is how many positional arguments stood before "--", or -1 without one.
	dash int
	// concealed are the arguments that may be values, which no error quotes.
	concealed []string
}

// normalizeArgs lets flags stand anywhere before "--", as users of kubectl expect. Left alone,
// urfave/cli v2 takes every flag after the first positional argument for another one, silently.
// Short flags may be joined (-qA) and hold their value (-nteam), as with kubectl.
func normalizeArgs(app *cli.App, args []string) (normalizedArgs, error) {
	var flags, positional []string
	names := args[:1:1]
	known, commands := app.Flags, app.Commands
	dash := -1
	var concealed []string
	add := func(arg string) {
		if positional = append(positional, arg); mayBeValue(arg) {
			concealed = append(concealed, arg)
		}
	}

	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			dash = len(positional)
			for _, word := range args[i+1:] {
				add(word)
			}
			i = len(args)
		case len(arg) < 2 || arg[0] != '-':
			if command := find(commands, arg); command != nil && len(positional) == 0 {
				names = append(names, arg)
				known, commands = command.Flags, command.Subcommands
			} else {
				add(arg)
			}
		default:
			read, needsNext, err := expand(known, arg)
			if err != nil {
				return normalizedArgs{names: names}, unknownFlag(names, known, arg, i)
			}
			if needsNext {
				if i++; i == len(args) {
					return normalizedArgs{names: names}, Usagef("%s needs a value", arg)
				}
				read[len(read)-1] += "=" + args[i]
			}
			flags = append(flags, read...)
			if _, value, _ := strings.Cut(read[len(read)-1], "="); mayBeValue(value) {
				concealed = append(concealed, value)
			}
		}
	}
	return normalizedArgs{args: slices.Concat(names, flags, []string{"--"}, positional), names: names, dash: dash, concealed: concealed}, nil
}

// errUnknownFlag says that an argument begins with "-" and is no flag.
var errUnknownFlag = errors.New("unknown flag")

// expand splits one argument into flags of the form -name or -name=value, with the first of a flag's
// names: urfave/cli v2 refuses a line that has two of them. needsNext says that the last one takes its
// value from the next argument.
func expand(known []cli.Flag, arg string) (flags []string, needsNext bool, err error) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		typed, value, hasValue := strings.Cut(long, "=")
		name, takesValue := lookup(known, typed)
		if name == "" || len(typed) < 2 {
			return nil, false, errUnknownFlag
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
			return nil, false, errUnknownFlag
		case takesValue && rest == "":
			return append(flags, "-"+name), true, nil
		case takesValue:
			return append(flags, "-"+name+"="+strings.TrimPrefix(rest, "=")), false, nil
		}
		flags = append(flags, "-"+name)
	}
	return flags, false, nil
}

// unknownFlag says which argument is no flag, by its number: it may be a value.
func unknownFlag(names []string, known []cli.Flag, arg string, number int) error {
	flag, _, _ := strings.Cut(arg, "=")
	if word := insteadOf(names, flag); word != "" {
		return Usagef("%s", word)
	}
	text := fmt.Sprintf("unknown flag (argument %d)", number)
	typed, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if near := suggest.Command(typed, longNames(known)); len(typed) > 2 && near != "" {
		text += fmt.Sprintf("; did you mean --%s?", near)
	}
	return Usagef("%s; put a value that begins with \"-\" after \"--\"", text)
}

// longNames are the names of flags that begin with two dashes.
func longNames(flags []cli.Flag) []string {
	var all []string
	for _, flag := range flags {
		all = append(all, flag.Names()...)
	}
	return slices.DeleteFunc(all, func(name string) bool { return len(name) < 2 })
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
