package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// nobody is a user who has no rights of root's.
const nobody = 65534

// TestMemoryIsPrivate looks at a command of an ordinary user that waits for a value. What the kernel shows of a process
// that leaves no core dump belongs to root (proc(5), /proc/PID).
func TestMemoryIsPrivate(t *testing.T) {
	folder, err := os.MkdirTemp("", "private")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "kubectl-apolo_secret")
	content, err := os.ReadFile(filepath.Join(binaries(t), "kubectl-apolo_secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	ownerOf := func(name string, args ...string) func() uint32 {
		command := exec.Command(name, args...)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		input, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		command.Stderr = io.Discard
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			input.Close()
			_ = command.Wait() // there is no cluster to store the value in
		})
		return func() uint32 {
			info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", command.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			return info.Sys().(*syscall.Stat_t).Uid
		}
	}

	if owner := ownerOf("cat")(); owner != nobody {
		t.Fatalf("what the kernel shows of any process belongs to %d, so that this proves nothing", owner)
	}
	owner := ownerOf(program, "add", "key", "-")
	err = wait.PollUntilContextTimeout(context.Background(), 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return owner() == 0, nil
	})
	if err != nil {
		t.Error("a core dump of the process would have the value")
	}
}
