package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processID names one process for good: a number alone can belong to another
// process by the time it is used, and after a reboot the start times, which
// count from the boot, repeat as well.
type processID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"startTime"`
	Boot  string `json:"bootID"`
}

// ownerVariable marks the processes of a cluster in their environment. It
// finds those of which no note was made: containerd's shims, and whatever was
// started by a run that was killed before it could write the note.
const ownerVariable = "APOLO_CLUSTER_PROCESS"

// parseStat reads the state and the start time from /proc/PID/stat. The
// second field is the program's name in parentheses, which may itself hold
// spaces and parentheses.
func parseStat(data []byte) (state byte, start uint64, err error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return 0, 0, errors.New("no program name")
	}
	fields := strings.Fields(string(data[end+1:]))
	const startField = 22 - 3 // counted from the state, which is field 3
	if len(fields) <= startField || len(fields[0]) != 1 {
		return 0, 0, errors.New("too few fields")
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time: %w", err)
	}
	return fields[0][0], start, nil
}

// procFS is where processes are looked up: /proc, or a made-up one in tests.
type procFS struct{ root string }

func hostProc() procFS { return procFS{root: "/proc"} }

func (p procFS) file(pid int, name string) string {
	return filepath.Join(p.root, strconv.Itoa(pid), name)
}

func (p procFS) bootID() (string, error) {
	data, err := os.ReadFile(filepath.Join(p.root, "sys/kernel/random/boot_id"))
	if err != nil {
		return "", fmt.Errorf("read the boot's id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// identify notes which process a pid is now.
func (p procFS) identify(pid int) (processID, error) {
	boot, err := p.bootID()
	if err != nil {
		return processID{}, err
	}
	data, err := os.ReadFile(p.file(pid, "stat"))
	if err != nil {
		return processID{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	_, start, err := parseStat(data)
	if err != nil {
		return processID{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	return processID{PID: pid, Start: start, Boot: boot}, nil
}

// alive says whether exactly this process still runs. A zombie does not.
func (p procFS) alive(id processID) bool {
	if id.PID <= 0 {
		return false
	}
	boot, err := p.bootID()
	if err != nil || boot != id.Boot {
		return false
	}
	data, err := os.ReadFile(p.file(id.PID, "stat"))
	if err != nil {
		return false
	}
	state, start, err := parseStat(data)
	return err == nil && start == id.Start && state != 'Z' && state != 'X'
}

// owned lists the processes whose environment says they belong to dir.
func (p procFS) owned(dir string) ([]processID, error) {
	entries, err := os.ReadDir(p.root)
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	mark := []byte(ownerVariable + "=" + dir)
	var found []processID
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// The identity is taken first: if the pid changes hands in between,
		// the identity no longer matches and nothing is signalled.
		id, err := p.identify(pid)
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(p.file(pid, "environ"))
		if err != nil {
			continue
		}
		for variable := range bytes.SplitSeq(environ, []byte{0}) {
			if bytes.Equal(variable, mark) {
				found = append(found, id)
				break
			}
		}
	}
	return found, nil
}

// signal sends a signal to exactly this process. os.FindProcess holds on to
// the process (a pidfd), and the identity is checked after it took hold, so
// that no other process can be hit.
func (p procFS) signal(id processID, sig os.Signal) error {
	process, err := os.FindProcess(id.PID)
	if err != nil {
		return nil // no such process
	}
	defer func() { _ = process.Release() }()
	if !p.alive(id) {
		return nil
	}
	if err := process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", id.PID, err)
	}
	return nil
}

// end asks a process to end, waits, and insists.
func (p procFS) end(ctx context.Context, id processID, grace time.Duration) error {
	gone := func(context.Context) (bool, string, error) { return !p.alive(id), "still running", nil }
	if grace > 0 {
		if err := p.signal(id, syscall.SIGTERM); err != nil {
			return err
		}
		if err := poll(ctx, grace, "wait", gone); err == nil {
			return nil
		}
	}
	if err := p.signal(id, syscall.SIGKILL); err != nil {
		return err
	}
	return poll(ctx, 20*time.Second, fmt.Sprintf("end process %d", id.PID), gone)
}

// readNote reads the note of a component's process; the zero value if there
// is none that can be read.
func readNote(file string) processID {
	var id processID
	data, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(data, &id) != nil {
		return processID{}
	}
	return id
}

// spawn starts a daemon that outlives this program and keeps nothing of it:
// its own session, no terminal, no pipe, a neutral working folder, and an
// environment that does not depend on the caller's.
func spawn(dir, logFile, noteFile string, argv []string) error {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o700); err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	defer log.Close()
	keepFilesFromChildren()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = daemonEnvironment(dir, argv[0])
	cmd.SysProcAttr = ownSession()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	id, err := hostProc().identify(cmd.Process.Pid)
	// Collecting the exit status lets a daemon that ends at once disappear
	// instead of staying as a zombie of this program.
	go func() { _ = cmd.Wait() }()
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	data, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	if err := writeFile(noteFile, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	return nil
}

// daemonEnvironment has the program's own folder first in PATH, so that a
// containerd that is not the machine's uses the shim that came with it.
func daemonEnvironment(dir, program string) []string {
	return []string{
		"PATH=" + filepath.Dir(program) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/",
		"LANG=C.UTF-8",
		ownerVariable + "=" + dir,
	}
}

// keepFilesFromChildren marks every open file to be closed in the programs
// started from here. Go does that for the files it opens, but not for those a
// careless caller left open: a CI system that waits for the end of a pipe
// would otherwise wait for the daemons.
func keepFilesFromChildren() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			closeOnExec(fd)
		}
	}
}

// lastLine is the end of a log, for messages about a program that failed.
func lastLine(file string) string {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || len(bytes.TrimSpace(data)) == 0 {
		return "its log is empty"
	}
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	line := lines[len(lines)-1]
	for i := len(lines) - 1; i >= 0 && i > len(lines)-200; i-- {
		if isErrorLine(lines[i]) {
			line = lines[i]
			break
		}
	}
	if len(line) > 400 {
		line = line[:400] + "…"
	}
	return line
}

// isErrorLine knows the ways in which the components mark the line that says
// why they gave up: klog's E and F lines, and a plain "Error:".
func isErrorLine(line string) bool {
	if strings.HasPrefix(line, "Error:") || strings.Contains(line, `"level":"fatal"`) || strings.Contains(line, "level=fatal") {
		return true
	}
	return len(line) > 5 && (line[0] == 'E' || line[0] == 'F') && strings.Trim(line[1:5], "0123456789") == ""
}
