//go:build unix

package dispatch

import "syscall"

// become replaces this process, so that signals, the terminal and the exit code are the plugin's.
func become(path string, args, environment []string) (int, error) {
	return exitFailed, syscall.Exec(path, args, environment) // #nosec G204 -- a plugin beside this program or on PATH: that is what a dispatcher is for
}
