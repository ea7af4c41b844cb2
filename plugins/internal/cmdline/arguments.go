package cmdline

import (
	"fmt"
	"slices"
	"strings"
)

// CheckArgs compares how many arguments there are with their names, as in a command's ArgsUsage: a name in brackets may be
// left out, and one that ends with "..." stands for any number. What is wrong is a UsageError.
func CheckArgs(args []string, names ...string) error {
	least, most, open := 0, len(names), false
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
		open = open || strings.HasSuffix(strings.TrimSuffix(name, "]"), "...")
	}
	if len(args) >= least && (open || len(args) <= most) {
		return nil
	}
	if most == 0 {
		return Usagef("takes no arguments, received %d", len(args))
	}
	accepted, last := fmt.Sprint(most), most
	switch {
	case open:
		accepted, last = fmt.Sprintf("at least %d", least), least
	case least == 0:
		accepted = fmt.Sprintf("at most %d", most)
	case least != most:
		accepted = fmt.Sprintf("%d or %d", least, most) // no command takes three numbers of arguments
	}
	plural := "s"
	if last == 1 {
		plural = ""
	}
	return Usagef("accepts %s arg%s (%s), received %d", accepted, plural, strings.Join(names, " "), len(args))
}

// CheckDryRun checks the value of --dry-run, which is empty where it was not given.
func CheckDryRun(value string) error {
	if value == "" {
		return nil
	}
	return CheckOneOf("--dry-run", value, "client", "server")
}

// CheckOneOf returns a UsageError unless a value is one of those allowed; what says what the value is of.
func CheckOneOf[T ~string](what string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	words := make([]string, len(allowed))
	for i, word := range allowed {
		words[i] = string(word)
	}
	return Usagef("invalid %s %q: must be one of %s", what, value, strings.Join(words, ", "))
}
