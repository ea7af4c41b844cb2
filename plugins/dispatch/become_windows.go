package dispatch

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs the plugin as a child, because a process can't be replaced on Windows. Ctrl-C
// reaches every process of the console by itself; this one must only not end before its child.
func become(path string, args, environment []string) (int, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	child := exec.Cmd{Path: path, Args: args, Env: environment, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err := child.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return exitDone, err
}
