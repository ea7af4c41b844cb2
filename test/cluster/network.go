package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// slots is how many clusters a machine has room for. A slot is a subnet and a
// block of ports that go together: as long as a cluster's bridge holds the
// subnet, its ports are spoken for as well, even while a component is stopped.
const slots = 256

const (
	firstPort    = 21000 // below the range from which the kernel picks ports
	portsPerSlot = 10
)

// ports are kept for the life of a cluster, so that kubeconfigs stay valid
// when a component is started again.
type ports struct {
	Etcd              int `json:"etcd"`
	EtcdPeer          int `json:"etcdPeer"`
	APIServer         int `json:"apiserver"`
	ControllerManager int `json:"controllerManager"`
	Scheduler         int `json:"scheduler"`
	Kubelet           int `json:"kubelet"`
	KubeletHealth     int `json:"kubeletHealth"`
}

func (p ports) all() []int {
	return []int{p.Etcd, p.EtcdPeer, p.APIServer, p.ControllerManager, p.Scheduler, p.Kubelet, p.KubeletHealth}
}

func slotPorts(slot int) ports {
	first := firstPort + slot*portsPerSlot
	return ports{
		Etcd:              first,
		EtcdPeer:          first + 1,
		APIServer:         first + 2,
		ControllerManager: first + 3,
		Scheduler:         first + 4,
		Kubelet:           first + 5,
		KubeletHealth:     first + 6,
	}
}

// network is the pods' network.
type network struct {
	Bridge  string `json:"bridge"`
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
}

// slotNetwork gives every slot a /22, which is room for as many pods as the
// kubelet takes four times over: addresses of ended pods come back late.
func slotNetwork(slot int, bridge string) network {
	second, third := byte(180+slot/64), byte(slot%64*4)
	return network{
		Bridge:  bridge,
		Subnet:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, third, 0}), 22).String(),
		Gateway: netip.AddrFrom4([4]byte{10, second, third, 1}).String(),
	}
}

// bridgeName is at most 15 characters long, as the kernel demands.
func bridgeName(id string) string { return bridgePrefix + id }

const bridgePrefix = "apolo"

// chooseSlot takes the first free slot, starting at one that depends on the
// cluster, so that a cluster tends to get the same one again.
func chooseSlot(id string, free func(slot int) bool) (int, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	start := int(h.Sum32() % slots)
	for i := range slots {
		if slot := (start + i) % slots; free(slot) {
			return slot, nil
		}
	}
	return 0, errors.New("no free ports and addresses for a cluster: all are taken")
}

// slotFree says whether nothing on the machine uses a slot's subnet or ports.
func slotFree(slot int, taken []netip.Prefix, portFree func(int) bool) bool {
	subnet := netip.MustParsePrefix(slotNetwork(slot, "").Subnet)
	for _, other := range taken {
		if other.Overlaps(subnet) {
			return false
		}
	}
	for _, port := range slotPorts(slot).all() {
		if !portFree(port) {
			return false
		}
	}
	return true
}

func portFree(port int) bool {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// parseRoutes reads the networks from the output of ip route. The default
// route overlaps everything and does not count.
func parseRoutes(out string) []netip.Prefix {
	var found []netip.Prefix
	for line := range strings.Lines(out) {
		for _, field := range strings.Fields(line) {
			if field == "default" {
				break
			}
			if prefix, err := netip.ParsePrefix(field); err == nil && prefix.Addr().Is4() && prefix.Bits() > 0 {
				found = append(found, prefix)
				break
			}
			if addr, err := netip.ParseAddr(field); err == nil && addr.Is4() {
				found = append(found, netip.PrefixFrom(addr, 32))
				break
			}
		}
	}
	return found
}

// planNetwork chooses the cluster's ports and subnet and makes its bridge,
// which reserves both.
func (c *cluster) planNetwork(ctx context.Context) error {
	unlock, err := lockMachine(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	out, err := command(ctx, "ip", "-4", "route", "show", "table", "all")
	if err != nil {
		return err
	}
	taken := parseRoutes(out)
	slot, err := chooseSlot(c.ID, func(slot int) bool { return slotFree(slot, taken, portFree) })
	if err != nil {
		return err
	}
	c.Ports = slotPorts(slot)
	c.Network = slotNetwork(slot, bridgeName(c.ID))
	if c.Sysctls, err = sysctlsBefore(); err != nil {
		return err
	}
	// Written down before the bridge is made, so that a killed run's bridge
	// is found again.
	if err := c.save(); err != nil {
		return err
	}
	subnet := netip.MustParsePrefix(c.Network.Subnet)
	// A bridge takes the lowest hardware address of its members unless it has
	// one of its own; pods would lose their gateway whenever another one ends.
	a := netip.MustParseAddr(c.Network.Gateway).As4()
	hardware := fmt.Sprintf("0a:58:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3])
	for _, args := range [][]string{
		{"link", "add", "name", c.Network.Bridge, "address", hardware, "type", "bridge"},
		{"addr", "add", fmt.Sprintf("%s/%d", c.Network.Gateway, subnet.Bits()), "dev", c.Network.Bridge},
		{"link", "set", "dev", c.Network.Bridge, "up"},
	} {
		if _, err := command(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}

// removeNetwork removes the bridge and the pods' ends of it. The latter would
// vanish by themselves with the pods' network namespaces, but some time later.
func removeNetwork(ctx context.Context, bridge string) error {
	members, err := os.ReadDir(filepath.Join("/sys/class/net", bridge, "brif"))
	if err != nil {
		return nil // no such bridge
	}
	for _, member := range members {
		// It may be gone by now; if it is not, the check below says so.
		_, _ = command(ctx, "ip", "link", "delete", "dev", member.Name())
	}
	if _, err := command(ctx, "ip", "link", "delete", "dev", bridge); err != nil && isDir(filepath.Join("/sys/class/net", bridge)) {
		return err
	}
	return nil
}

// sysctlNames are the kernel settings that a kubelet changes for the whole
// machine when it starts.
func sysctlNames() []string {
	return []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}
}

// sysctlsBefore reads the settings that down puts back. The first cluster of
// a machine does that; what a second one would read is the first one's doing.
func sysctlsBefore() (map[string]string, error) {
	others, err := otherClusters()
	if err != nil || others {
		return nil, err
	}
	before := make(map[string]string)
	for _, name := range sysctlNames() {
		if data, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			before[name] = strings.TrimSpace(string(data))
		}
	}
	return before, nil
}

// otherClusters says whether there are clusters on the machine. It is asked
// while the own bridge is not there, not yet or no more.
func otherClusters() (bool, error) {
	bridges, err := filepath.Glob("/sys/class/net/" + bridgePrefix + "*")
	if err != nil {
		return false, fmt.Errorf("look for other clusters: %w", err)
	}
	return len(bridges) > 0, nil
}

// restoreSysctls puts the settings back as far as the machine lets it.
func restoreSysctls(before map[string]string) {
	for name, value := range before {
		file := filepath.Join("/proc/sys", name)
		if data, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(data)) != value {
			_ = os.WriteFile(file, []byte(value), 0)
		}
	}
}

// command runs a program of the machine to its end. Its output is part of the
// error when it fails.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
