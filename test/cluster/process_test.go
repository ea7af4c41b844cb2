package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const statTail = " 1 2 3 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 20 18446744073709551615\n"

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		name, stat string
		state      byte
		start      uint64
		wrong      bool
	}{
		{name: "plain", stat: "42 (etcd) S" + statTail, state: 'S', start: 4711},
		{name: "blanks and parentheses in the name", stat: "42 (a) R (b c) Z" + statTail, state: 'Z', start: 4711},
		{name: "no name", stat: "42 etcd S" + statTail, wrong: true},
		{name: "cut short", stat: "42 (etcd) S 1 2 3", wrong: true},
		{name: "not a number", stat: "42 (etcd) S" + strings.Replace(statTail, "4711", "soon", 1), wrong: true},
		{name: "empty", stat: "", wrong: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			state, start, err := parseStat([]byte(test.stat))
			if (err != nil) != test.wrong || state != test.state || start != test.start {
				t.Errorf("got %q, %d, %v", state, start, err)
			}
		})
	}
}

// fakeProc makes a /proc with one process, 42, that started at 4711.
func fakeProc(t *testing.T, stat, environ string) procFS {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"sys/kernel/random/boot_id": "boot-1\n",
		"42/stat":                   stat,
		"42/environ":                environ,
		"self/environ":              ownerVariable + "=/c",
	} {
		if err := writeFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return procFS{root: root}
}

func TestAlive(t *testing.T) {
	running := "42 (etcd) S" + statTail
	for _, test := range []struct {
		name string
		stat string
		id   processID
		want bool
	}{
		{"the process itself", running, processID{42, 4711, "boot-1"}, true},
		{"another process with its number", running, processID{42, 4700, "boot-1"}, false},
		{"same number and time before a reboot", running, processID{42, 4711, "boot-0"}, false},
		{"ended", running, processID{43, 4711, "boot-1"}, false},
		{"zombie", "42 (etcd) Z" + statTail, processID{42, 4711, "boot-1"}, false},
		{"no note", running, processID{}, false},
		{"a process group", running, processID{-42, 4711, "boot-1"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fakeProc(t, test.stat, "").alive(test.id); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestOwned(t *testing.T) {
	for _, test := range []struct {
		name, environ string
		want          int
	}{
		{"ours", "PATH=/bin\x00" + ownerVariable + "=/c\x00", 1},
		{"another cluster's", ownerVariable + "=/c2\x00", 0},
		{"a shell that uses the cluster", "APOLO_CLUSTER_DIR=/c\x00", 0},
		{"part of another variable", "X" + ownerVariable + "=/c\x00", 0},
		{"empty", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := fakeProc(t, "42 (shim) S"+statTail, test.environ).owned("/c")
			if err != nil || len(found) != test.want {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
}

func TestSpawnAndEnd(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Fatal("there is no /proc")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, note := filepath.Join(dir, "log", "x.log"), filepath.Join(dir, "pid", "x.json")
	script := `echo "$` + ownerVariable + `" "$SECRET" "$PWD"; read line; echo "read: $?"; trap "" TERM; echo deaf; while :; do sleep 0.05; done`
	t.Setenv("SECRET", "of the caller")
	if err := spawn(dir, log, note, []string{sh, "-c", script}); err != nil {
		t.Fatal(err)
	}
	id := readNote(note)
	t.Cleanup(func() { _ = hostProc().end(context.Background(), id, 0) })
	if !hostProc().alive(id) {
		t.Fatalf("%+v does not run", id)
	}
	want := dir + "  /\nread: 1\ndeaf\n"
	err = poll(t.Context(), 10*time.Second, "read the log", func(context.Context) (bool, string, error) {
		data, err := os.ReadFile(log)
		return string(data) == want, string(data), err
	})
	if err != nil {
		t.Fatal(err)
	}
	owned, err := hostProc().owned(dir)
	if err != nil || len(owned) == 0 || owned[0].PID != id.PID {
		t.Errorf("owned: %v, %v", owned, err)
	}
	// It does not listen to the request, so this insists.
	if err := hostProc().end(t.Context(), id, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if hostProc().alive(id) {
		t.Error("still runs")
	}
	// Ending it again is fine.
	if err := hostProc().end(t.Context(), id, time.Second); err != nil {
		t.Error(err)
	}
}

func TestSignalSparesOthers(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	id, err := hostProc().identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	other := id
	other.Start--
	if err := hostProc().end(t.Context(), other, time.Second); err != nil {
		t.Fatal(err)
	}
	if !hostProc().alive(id) {
		t.Error("a process was ended because of its number alone")
	}
}

func TestLastLine(t *testing.T) {
	for _, test := range []struct{ name, log, want string }{
		{"empty", "\n", "its log is empty"},
		{"plain", "one\ntwo\n", "two"},
		{"error before usage", "I1123 20:00:00 fine\nE1123 20:00:01 command failed\nusage\n", "E1123 20:00:01 command failed"},
		{"long", strings.Repeat("x", 1000), strings.Repeat("x", 400) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(file, []byte(test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := lastLine(file); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := lastLine(filepath.Join(t.TempDir(), "none")); got != "its log is empty" {
		t.Errorf("missing: got %q", got)
	}
}

func TestReadNote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "note")
	for _, content := range []string{"", "{", strconv.Itoa(42)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if id := readNote(file); id != (processID{}) {
			t.Errorf("%q gives %+v", content, id)
		}
	}
}
