package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const otherCluster = "set KUBECONFIG to use any other cluster"

// checkMachine says in one line why a cluster cannot run here, if so.
func checkMachine() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the test cluster needs Linux, this is %s; %s", runtime.GOOS, otherCluster)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the test cluster needs root, this is user %d; %s", os.Geteuid(), otherCluster)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("the test cluster needs /proc: %w; %s", err, otherCluster)
	}
	if missing := missingCapabilities(status); len(missing) > 0 {
		return fmt.Errorf("the test cluster needs the capability %s (mounts, network devices, cgroups); %s", strings.Join(missing, ", "), otherCluster)
	}
	mounts, err := hostMounts()
	if err != nil {
		return fmt.Errorf("the test cluster needs to see the mounts: %w; %s", err, otherCluster)
	}
	if len(cgroupHierarchies(mounts)) == 0 {
		return fmt.Errorf("the test cluster needs a writable cgroup file system at /sys/fs/cgroup; %s", otherCluster)
	}
	return nil
}

// missingCapabilities names the capabilities without which no pod can start,
// from the text of /proc/self/status.
func missingCapabilities(status []byte) []string {
	needed := []struct {
		name string
		bit  uint
	}{{"CAP_NET_ADMIN", 12}, {"CAP_SYS_CHROOT", 18}, {"CAP_SYS_ADMIN", 21}}
	var effective uint64
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			_, _ = fmt.Sscanf(string(bytes.TrimSpace(value)), "%x", &effective)
		}
	}
	var missing []string
	for _, c := range needed {
		if effective&(1<<c.bit) == 0 {
			missing = append(missing, c.name)
		}
	}
	return missing
}

// requirement is a program of the machine that the cluster runs on, and the
// Debian package that has it.
type requirement struct {
	what   string
	debian string
	found  func() bool
}

func requirements() []requirement {
	program := func(name string) func() bool {
		return func() bool {
			_, err := exec.LookPath(name)
			return err == nil
		}
	}
	return []requirement{
		{"runc", "runc", program("runc")},
		{"the CNI plugins", "containernetworking-plugins", func() bool { return cniDir() != "" }},
		{"a static busybox", "busybox-static", func() bool { return isStatic(busyboxPath) }},
		{"a static bash", "bash-static", func() bool { return isStatic(bashPath) }},
		{"ip", "iproute2", program("ip")},
		{"mount", "mount", program("mount")},
	}
}

// cniDir is the folder that has the plugins the pods' network is made of.
func cniDir() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		complete := true
		for _, plugin := range []string{"bridge", "host-local"} {
			complete = complete && isFile(filepath.Join(dir, plugin))
		}
		if complete {
			return dir
		}
	}
	return ""
}

// isStatic says whether a program runs without any library, as it must to be
// the only file of an image.
func isStatic(name string) bool {
	f, err := elf.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// installPackages installs what the machine lacks.
func (m *manager) installPackages(ctx context.Context) error {
	var what, packages []string
	for _, r := range requirements() {
		if !r.found() {
			what = append(what, r.what)
			if !slices.Contains(packages, r.debian) {
				packages = append(packages, r.debian)
			}
		}
	}
	if len(what) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("the test cluster needs %s, and there is no apt-get to install it; %s", strings.Join(what, ", "), otherCluster)
	}
	m.say("installing %s", strings.Join(packages, " "))
	install := append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
	err := aptGet(ctx, install...)
	if err != nil {
		// Most often the lists of packages are missing or too old.
		if err := aptGet(ctx, "update"); err != nil {
			return fmt.Errorf("install %s: %w", strings.Join(packages, " "), err)
		}
		err = aptGet(ctx, install...)
	}
	if err != nil {
		return fmt.Errorf("install %s: %w", strings.Join(packages, " "), err)
	}
	for _, r := range requirements() {
		if !r.found() {
			return fmt.Errorf("the test cluster needs %s, which the package %s did not bring; %s", r.what, r.debian, otherCluster)
		}
	}
	return nil
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastWords(out.String(), 2))
	}
	return nil
}
