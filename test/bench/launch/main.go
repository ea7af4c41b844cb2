//go:build unix

// Command launch runs one command and writes what it cost to file descriptor 3.
//
// It is its own program because it must be small: Linux counts the memory of the process that
// starts a command into that command's peak, and the benchmark itself is larger than some commands.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// usage is what the benchmark reads.
type usage struct {
	Begin  time.Time
	Wall   time.Duration // from the start of the process to its end
	CPU    time.Duration // user and system
	Memory int64         // peak resident size, in bytes
	Exit   int           // -1: ended by a signal
}

func main() {
	if err := launch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

func launch(args []string) error {
	const report = 3
	syscall.CloseOnExec(report)
	attributes := &os.ProcAttr{Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	begin := time.Now()
	process, err := os.StartProcess(args[0], args, attributes)
	if err != nil {
		return err
	}
	state, err := process.Wait()
	wall := time.Since(begin)
	if err != nil {
		return err
	}
	memory := state.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" {
		memory *= 1024 // macOS alone counts in bytes
	}
	u := usage{Begin: begin, Wall: wall, CPU: state.UserTime() + state.SystemTime(), Memory: memory, Exit: state.ExitCode()}
	return json.NewEncoder(os.NewFile(report, "report")).Encode(u)
}
