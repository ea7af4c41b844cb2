package cmdline

import "strings"

// Strings is a flag that may be given several times and takes every value as it is.
type Strings []string

// sharedValue is what urfave/cli v2 copies from one name of a flag to its others, which have the same
// list already. No argument of a process can be equal to it.
const sharedValue = "\x00"

// Set appends a value; it is part of flag.Value.
func (l *Strings) Set(value string) error {
	if value != sharedValue {
		*l = append(*l, value)
	}
	return nil
}

// Serialize is part of cli.Serializer, which urfave/cli v2 asks for what to copy.
func (l *Strings) Serialize() string { return sharedValue }

// String is part of flag.Value.
func (l *Strings) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(*l, ", ")
}
