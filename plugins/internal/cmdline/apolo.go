package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"
)

// This file has what lets the command lines of Apolo's own documentation be typed as they are.

// verbosity is the flag -v. It is kubectl's log level, and where a command has volumes, whatever is no number is
// Apolo's -v, a volume.
type verbosity Session

// Set is part of flag.Value.
func (v *verbosity) Set(value string) error {
	if value == sharedValue {
		return nil
	}
	level, err := strconv.Atoi(value)
	switch {
	case err == nil:
		v.verbosity = level
	case v.Volume != nil:
		v.Volume(value)
	default:
		return errors.New("-v takes a number, the log level: such as -v=6")
	}
	return nil
}

// Serialize is part of cli.Serializer, which urfave/cli v2 asks for what to copy.
func (v *verbosity) Serialize() string { return sharedValue }

// String is part of flag.Value.
func (v *verbosity) String() string { return "" }

// withQuiet adds -q where a command has none, so that it may stand before every command, as Apolo's does. The
// commands without one print nothing that it could leave out, and their help does not name it.
func (s *Session) withQuiet(flags []cli.Flag) []cli.Flag {
	if slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "q") }) {
		return flags
	}
	return append(flags, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &s.Quiet, Hidden: true})
}

// insteadOf says what to type in place of a flag of Apolo's that a command does not have; names are those of the
// program and the command. It is empty for other flags.
func insteadOf(names []string, flag string) string {
	words := map[string]string{
		"--org":                 "Kubernetes has no organizations, so leave it out",
		"--all-orgs":            "Kubernetes has no organizations, so leave it out",
		"--http-auth":           "no port is published, so none needs a login; leave it out",
		"--no-http-auth":        "no port is published, so none needs a login; leave it out",
		"--pass-config":         "a job's identity is a service account; use --service-account NAME",
		"--no-pass-config":      "no identity is passed unless you use --service-account NAME; leave it out",
		"--energy-schedule":     "a plain cluster knows no prices of energy; leave it out",
		"--wait-for-seat":       "a job waits for its quota by itself; leave it out",
		"--no-wait-for-seat":    "a job waits for its quota by itself; to give up, use --schedule-timeout TIME",
		"--distinct":            "a name exists once in a namespace; leave it out",
		"--full-uri":            "names and images are always in full; leave it out",
		"--wide":                "use -o wide",
		"--verbose":             "use -v=6",
		"--trace":               "use -v=7",
		"--show-traceback":      "use -v=6",
		"--network-timeout":     "use --request-timeout TIME, such as 30s",
		"--color":               "set the environment variable NO_COLOR to have no colours",
		"--config-path":         "use --kubeconfig FILE",
		"--iso-datetime-format": "times are in this format wherever the output is no terminal; leave it out",
	}
	switch names[len(names)-1] {
	case "ls", "list":
		words["-s"], words["--scheme"] = "there are secrets only; leave it out", "there are secrets only; leave it out"
	case "top":
		for _, filter := range []string{"--owner", "--description", "--since", "--until", "--tag", "-t", "--name", "--status", "-d", "-s"} {
			words[filter] = "choose jobs by their names, such as $(kubectl apolo ps -q --tag TAG)"
		}
		words["--sort"] = "pipe the output to sort(1)"
		words["--format"] = "pipe the output to cut(1) or awk(1)"
		words["--timeout"] = "top measures once; leave it out"
	}
	if word := words[flag]; word != "" {
		return fmt.Sprintf("there is no flag %s: %s", flag, word)
	}
	return ""
}
