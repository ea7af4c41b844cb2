package doctor

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/doctor"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/version"
)

const (
	pluginPrefix = "kubectl-apolo_"
	dispatcher   = "kubectl-apolo"
	// versionPatience is how long a binary may take to say its version.
	versionPatience = 5 * time.Second
)

// installed looks which other plugins there are, beside this one and in the folders of path, and whether they are
// of the same release.
func installed(ctx context.Context, path string) doctor.Check {
	check := doctor.Check{Name: "plugins", Status: doctor.OK}
	binaries := binaries(path)
	var others []string
	for _, name := range slices.Sorted(maps.Keys(binaries)) {
		number, err := versionOf(ctx, binaries[name])
		switch {
		case err != nil:
			others = append(others, fmt.Sprintf("%s does not run: %s", binaries[name], err))
		case number != version.Number():
			others = append(others, fmt.Sprintf("%s is %s", binaries[name], number))
		}
	}
	switch {
	case len(others) > 0:
		check.Status = doctor.Warning
		check.Details = fmt.Sprintf("this is %s, and %s; install the same release of all", version.Number(), strings.Join(others, ", "))
	case len(binaries) == 0:
		check.Details = fmt.Sprintf("%s, and no other is installed", version.Number())
	default:
		var names []string
		for _, name := range slices.Sorted(maps.Keys(binaries)) {
			names = append(names, strings.TrimPrefix(name, pluginPrefix))
		}
		check.Details = fmt.Sprintf("%s, as are %s", version.Number(), strings.Join(names, ", "))
	}
	return check
}

// binaries finds the binaries that a user gets, by name; this one is left out.
func binaries(path string) map[string]string {
	var folders []string
	own := ""
	if executable, err := os.Executable(); err == nil {
		own = strings.TrimSuffix(filepath.Base(executable), ".exe")
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		folders = append(folders, filepath.Dir(executable))
	}
	for _, folder := range filepath.SplitList(path) {
		if filepath.IsAbs(folder) { // as os/exec: never run what lies in the current folder
			folders = append(folders, folder)
		}
	}
	found := map[string]string{}
	for _, folder := range folders {
		files, _ := os.ReadDir(folder) // a folder of PATH that does not exist has no plugins
		for _, file := range files {
			name := strings.TrimSuffix(file.Name(), ".exe")
			if name == own || found[name] != "" || (name != dispatcher && !strings.HasPrefix(name, pluginPrefix)) {
				continue
			}
			full := filepath.Join(folder, file.Name())
			if info, err := os.Stat(full); err == nil && !info.IsDir() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0) { // #nosec G703 -- looks for our programs on PATH
				found[name] = full
			}
		}
	}
	return found
}

// versionOf asks a binary for its version: "kubectl apolo-run v1.2.3 (commit …)".
func versionOf(ctx context.Context, binary string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	line, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", err
	}
	before, _, ok := strings.Cut(string(line), " (")
	words := strings.Fields(before)
	if !ok || len(words) == 0 {
		return "", fmt.Errorf("it does not say its version")
	}
	return words[len(words)-1], nil
}
