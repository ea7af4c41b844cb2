// Package version says which build a binary is. It uses the standard library alone, because the
// dispatcher does.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker (see the Makefile and .goreleaser.yaml).
var (
	version = ""
	commit  = ""
	date    = ""
)

// Number is the version alone, such as v1.2.3; "devel" for a build that was not told one.
func Number() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version // go install MODULE@VERSION
	}
	return "devel"
}

// Line is one line for --version: number, commit, date of the commit, Go and platform.
func Line() string {
	return fmt.Sprintf("%s (commit %s, %s, %s %s/%s)", Number(),
		orUnknown(commit), orUnknown(date), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
