package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// makeCgroups makes the group below which the kubelet puts the pods, in every
// hierarchy. The kubelet insists that it exists.
func makeCgroups(root string) error {
	mounts, err := hostMounts()
	if err != nil {
		return err
	}
	for _, h := range cgroupHierarchies(mounts) {
		dir := filepath.Join(h.point, root)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make the cgroup: %w", err)
		}
		// In version 1 a new cpuset is empty, and nothing can run in it.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if h.v2 || !isFile(filepath.Join(dir, name)) {
				continue
			}
			value, err := os.ReadFile(filepath.Join(h.point, name))
			if err != nil {
				return fmt.Errorf("make the cgroup: %w", err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), bytes.TrimSpace(value), 0); err != nil {
				return fmt.Errorf("make the cgroup: %w", err)
			}
		}
	}
	return nil
}

// cgroupFolders lists the group and those below it in all hierarchies, the
// deepest first.
func cgroupFolders(root string) ([]string, error) {
	mounts, err := hostMounts()
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, h := range cgroupHierarchies(mounts) {
		top := len(folders)
		err := filepath.WalkDir(filepath.Join(h.point, root), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // never made, or gone meanwhile
			}
			if err != nil {
				return err
			}
			if d.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the cgroups: %w", err)
		}
		// A walk visits a folder before what is in it.
		for i, j := top, len(folders)-1; i < j; i, j = i+1, j-1 {
			folders[i], folders[j] = folders[j], folders[i]
		}
	}
	return folders, nil
}

// cgroupProcesses are the processes in the pods: everything in the cluster's
// own group.
func cgroupProcesses(root string) ([]processID, error) {
	folders, err := cgroupFolders(root)
	if err != nil {
		return nil, err
	}
	proc := hostProc()
	var found []processID
	for _, folder := range folders {
		data, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		if err != nil {
			continue // gone meanwhile
		}
		for field := range bytes.FieldsSeq(data) {
			pid, err := strconv.Atoi(string(field))
			if err != nil || pid == 0 {
				continue // 0 is a process outside of what can be seen
			}
			if id, err := proc.identify(pid); err == nil && proc.alive(id) {
				found = append(found, id)
			}
		}
	}
	return found, nil
}

// removeCgroups removes the group. A group whose last process has just ended
// is busy for a moment.
func removeCgroups(ctx context.Context, root string) error {
	return poll(ctx, 20*time.Second, "remove the cgroups", func(context.Context) (bool, string, error) {
		folders, err := cgroupFolders(root)
		if err != nil {
			return false, "", err
		}
		state := ""
		for _, folder := range folders {
			if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				state = err.Error()
			}
		}
		return state == "", state, nil
	})
}
