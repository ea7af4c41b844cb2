package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// down is the verb down.
func (m *manager) down(ctx context.Context) error {
	if !isDir(m.dir) {
		m.say("there is no cluster in %s", m.dir)
		return nil
	}
	if err := checkMachine(); err != nil {
		return err
	}
	if err := claimable(m.dir); err != nil {
		return err
	}
	unlock, err := lock(ctx, m.dir, func() { m.say("waiting for another run on the same cluster") })
	if err != nil {
		return err
	}
	defer unlock()
	if err := m.wipe(ctx); err != nil {
		return err
	}
	// The lock goes last; whoever waits for it finds that it is gone and
	// starts over with a new one.
	for _, name := range []string{markerFile, lockFile, ""} {
		if err := os.Remove(filepath.Join(m.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the cluster's folder: %w", err)
		}
	}
	// The default place of all clusters goes with the last of them.
	if filepath.Dir(m.dir) == defaultParent {
		_ = os.Remove(defaultParent)
	}
	m.say("the cluster in %s is gone", m.dir)
	return nil
}

// wipe ends and removes everything of the cluster, in whatever state it is,
// except the folder itself and the lock in it. It relies on nothing that a
// killed run may have failed to write, and may be repeated.
func (m *manager) wipe(ctx context.Context) error {
	// Names that depend on the folder alone stand in for a state file that
	// is missing or unreadable.
	id := shortHash(m.dir)
	traces := &cluster{Dir: m.dir, ID: id, CgroupRoot: cgroupRoot(id), Network: network{Bridge: bridgeName(id)}}
	if saved, err := readCluster(m.dir); err == nil {
		traces.Sysctls = saved.Sysctls
	}
	if err := traces.endProcesses(ctx); err != nil {
		return err
	}
	if err := removeShimSockets(m.dir, shimSockets); err != nil {
		return err
	}
	if err := unmountBelow(m.dir); err != nil {
		return err
	}
	if err := removeCNITraces(cniResults, traces.networkName()); err != nil {
		return err
	}
	if err := removeLogLinks(containerLogs, m.dir); err != nil {
		return err
	}
	if err := removeNetwork(ctx, traces.Network.Bridge); err != nil {
		return err
	}
	if err := removeCgroups(ctx, traces.CgroupRoot); err != nil {
		return err
	}
	restoreSysctls(traces.Sysctls)
	if err := releaseKubeletFolder(kubeletFolder); err != nil {
		return err
	}
	return emptyFolder(m.dir)
}

// endProcesses ends the daemons, the shims and everything in the pods. They
// are killed: nothing they could save is kept. It takes rounds because the
// first ones may be starting others meanwhile.
func (c *cluster) endProcesses(ctx context.Context) error {
	proc := hostProc()
	return poll(ctx, 30*time.Second, "end the cluster's processes", func(context.Context) (bool, string, error) {
		var left []processID
		for _, name := range componentNames() {
			if id := readNote(c.path("pid", name+".json")); proc.alive(id) {
				left = append(left, id)
			}
		}
		owned, err := proc.owned(c.Dir)
		if err != nil {
			return false, "", err
		}
		inPods, err := cgroupProcesses(c.CgroupRoot)
		if err != nil {
			return false, "", err
		}
		left = append(append(left, owned...), inPods...)
		alive := 0
		for _, id := range left {
			if !proc.alive(id) {
				continue
			}
			alive++
			if err := proc.signal(id, syscall.SIGKILL); err != nil {
				return false, "", err
			}
		}
		return alive == 0, fmt.Sprintf("%d are left", alive), nil
	})
}

// The places outside of its folder where containerd, the CNI library and the
// kubelet leave files, and which no configuration can move.
const (
	defaultParent = "/var/lib/apolo-cluster"
	shimSockets   = "/run/containerd/s"
	cniResults    = "/var/lib/cni/results"
	containerLogs = "/var/log/containers"
	kubeletFolder = "/var/lib/kubelet"
)

// claimKubeletFolder marks the folder in which every kubelet makes the socket
// for device plugins, whatever its configuration says. Only a folder that was
// not there before is marked: otherwise it belongs to the machine.
func claimKubeletFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the kubelet's folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, markerFile), []byte("made for test clusters\n"), 0o644); err != nil {
		return fmt.Errorf("make the kubelet's folder: %w", err)
	}
	return nil
}

// releaseKubeletFolder removes that folder with the last of the clusters.
func releaseKubeletFolder(dir string) error {
	marker := filepath.Join(dir, markerFile)
	others, err := otherClusters()
	if err != nil || others || !isFile(marker) {
		return err
	}
	for _, name := range []string{"device-plugins/kubelet.sock", "device-plugins/kubelet_internal_checkpoint", "device-plugins"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil // somebody put something there; leave it
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 {
		return nil
	}
	if err := errors.Join(os.Remove(marker), os.Remove(dir)); err != nil {
		return fmt.Errorf("remove the kubelet's folder: %w", err)
	}
	return nil
}

// removeShimSockets removes the sockets of shims that were killed. Each shim's
// address is noted in the folder of its container: by containerd 1 in a file
// of its own, by containerd 2 among other things.
func removeShimSockets(dir, sockets string) error {
	bundle := filepath.Join(dir, "containerd/state/io.containerd.runtime.v2.task/*/*")
	var notes []string
	for _, name := range []string{"address", "bootstrap.json"} {
		found, err := filepath.Glob(filepath.Join(bundle, name))
		if err != nil {
			return fmt.Errorf("find the shims' sockets: %w", err)
		}
		notes = append(notes, found...)
	}
	for _, note := range notes {
		data, err := os.ReadFile(note)
		if err != nil {
			continue
		}
		address := string(data)
		var bootstrap struct {
			Address string `json:"address"`
		}
		if json.Unmarshal(data, &bootstrap) == nil {
			address = bootstrap.Address
		}
		socket := strings.TrimPrefix(strings.TrimSpace(address), "unix://")
		if filepath.Dir(socket) != sockets {
			continue
		}
		if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a shim's socket: %w", err)
		}
	}
	// Only if they are empty, that is, if there is no other containerd.
	_ = os.Remove(sockets)
	_ = os.Remove(filepath.Dir(sockets))
	return nil
}

// removeCNITraces removes what the CNI library remembers of the pods of one
// network. The loopback network is everybody's, but its files name the same
// containers.
func removeCNITraces(results, networkName string) error {
	files, err := filepath.Glob(filepath.Join(results, "*"))
	if err != nil {
		return fmt.Errorf("find the traces of the pods' network: %w", err)
	}
	type result struct {
		ContainerID string `json:"containerId"`
		NetworkName string `json:"networkName"`
	}
	contents := make(map[string]result)
	ours := make(map[string]bool)
	for _, file := range files {
		var r result
		data, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(data, &r) != nil {
			continue
		}
		contents[file] = r
		if r.NetworkName == networkName {
			ours[r.ContainerID] = true
		}
	}
	for file, r := range contents {
		if !ours[r.ContainerID] {
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the traces of the pods' network: %w", err)
		}
	}
	_ = os.Remove(results)
	_ = os.Remove(filepath.Dir(results))
	return nil
}

// removeLogLinks removes the links to our pods' logs that a kubelet makes in
// a folder common to all.
func removeLogLinks(folder, dir string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the links to logs: %w", err)
	}
	for _, e := range entries {
		link := filepath.Join(folder, e.Name())
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the links to logs: %w", err)
			}
		}
	}
	_ = os.Remove(folder)
	return nil
}

// emptyFolder removes everything in the cluster's folder but the lock and the
// marker. The marker stays so that an interrupted removal can be taken up
// again, and because up needs the folder right afterwards.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove the cluster's files: %w", err)
	}
	for _, e := range entries {
		if e.Name() == lockFile || e.Name() == markerFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove the cluster's files: %w", err)
		}
	}
	return nil
}
