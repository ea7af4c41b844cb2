package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mount is one line of /proc/self/mountinfo, as far as it matters here.
type mount struct {
	point string
	kind  string
}

// parseMounts reads the text of /proc/self/mountinfo.
func parseMounts(data []byte) []mount {
	var mounts []mount
	for line := range bytes.Lines(data) {
		before, after, ok := strings.Cut(string(line), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) < 1 {
			continue
		}
		mounts = append(mounts, mount{point: unescape(fields[4]), kind: rest[0]})
	}
	return mounts
}

// unescape undoes the kernel's way of writing blanks, line ends and
// backslashes in paths: three octal digits.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if d := s[i+1 : i+4]; d[0] <= '3' && strings.Trim(d, "01234567") == "" {
				out.WriteByte((d[0]-'0')<<6 | (d[1]-'0')<<3 | (d[2] - '0'))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func hostMounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	return parseMounts(data), nil
}

// mountsBelow lists the mount points below a folder, the newest first, which
// is the order in which they can be unmounted. The folder itself may be a
// mount of somebody else's and is not among them.
func mountsBelow(mounts []mount, dir string) []string {
	var points []string
	for i := len(mounts) - 1; i >= 0; i-- {
		if strings.HasPrefix(mounts[i].point, dir+"/") {
			points = append(points, mounts[i].point)
		}
	}
	return points
}

// unmountBelow unmounts everything below a folder. It must succeed before
// anything there is removed: a volume of the machine's own files may be
// mounted in it.
func unmountBelow(dir string) error {
	const rounds = 3 // one is enough unless mounts are stacked or shared
	var points []string
	for range rounds {
		mounts, err := hostMounts()
		if err != nil {
			return err
		}
		if points = mountsBelow(mounts, dir); len(points) == 0 {
			return nil
		}
		for _, point := range points {
			// A failure shows in the next reading of the mounts.
			_ = unmountLazily(point)
		}
	}
	mounts, err := hostMounts()
	if err != nil {
		return err
	}
	if points = mountsBelow(mounts, dir); len(points) > 0 {
		return fmt.Errorf("cannot unmount %s", points[0])
	}
	return nil
}

// hierarchy is a mounted cgroup file system: the only one of version 2, or
// one of the several of version 1.
type hierarchy struct {
	point string
	v2    bool
}

// cgroupHierarchies are those below /sys/fs/cgroup, each once.
func cgroupHierarchies(mounts []mount) []hierarchy {
	var found []hierarchy
	seen := make(map[string]bool)
	for _, m := range mounts {
		if m.kind != "cgroup" && m.kind != "cgroup2" || seen[m.point] {
			continue
		}
		if m.point == "/sys/fs/cgroup" || strings.HasPrefix(m.point, "/sys/fs/cgroup/") {
			seen[m.point] = true
			found = append(found, hierarchy{point: m.point, v2: m.kind == "cgroup2"})
		}
	}
	return found
}

// overlayWorks says whether containerd's usual snapshotter can work in a
// folder. It cannot where the folder is on an overlay itself, as it is inside
// most containers.
func overlayWorks(dir string) bool {
	probe, err := os.MkdirTemp(dir, "overlay-probe")
	if err != nil {
		return false
	}
	defer os.RemoveAll(probe)
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(probe, sub), 0o700); err != nil {
			return false
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	merged := filepath.Join(probe, "merged")
	if err := mountOverlay(merged, options); err != nil {
		return false
	}
	return unmount(merged) == nil
}
