package main

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

func TestSlots(t *testing.T) {
	ports := make(map[int]int)
	var subnets []netip.Prefix
	services := netip.MustParsePrefix(serviceRange)
	for slot := range slots {
		for _, port := range slotPorts(slot).all() {
			if other, ok := ports[port]; ok {
				t.Fatalf("slots %d and %d share port %d", slot, other, port)
			}
			if port < 1024 || port >= 32768 {
				t.Fatalf("slot %d: port %d is the system's or may be given to any program", slot, port)
			}
			ports[port] = slot
		}
		n := slotNetwork(slot, "b")
		subnet := netip.MustParsePrefix(n.Subnet)
		if subnet.Masked() != subnet || !subnet.Contains(netip.MustParseAddr(n.Gateway)) || subnet.Overlaps(services) {
			t.Fatalf("slot %d: %+v", slot, n)
		}
		for i, other := range subnets {
			if other.Overlaps(subnet) {
				t.Fatalf("slots %d and %d overlap", slot, i)
			}
		}
		subnets = append(subnets, subnet)
	}
}

func TestChooseSlot(t *testing.T) {
	first, err := chooseSlot("cluster", func(int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	again, _ := chooseSlot("cluster", func(int) bool { return true })
	next, _ := chooseSlot("cluster", func(slot int) bool { return slot != first })
	last, _ := chooseSlot("cluster", func(slot int) bool { return slot == (first+slots-1)%slots })
	if again != first || next != (first+1)%slots || last != (first+slots-1)%slots {
		t.Errorf("first %d, again %d, next %d, last %d", first, again, next, last)
	}
	if _, err := chooseSlot("cluster", func(int) bool { return false }); err == nil {
		t.Error("a slot was found where none is free")
	}
}

func TestSlotFree(t *testing.T) {
	all := func(int) bool { return true }
	for _, test := range []struct {
		name  string
		taken []string
		ports func(int) bool
		want  bool
	}{
		{"nothing taken", nil, all, true},
		{"another network", []string{"192.0.2.0/24", "10.181.0.0/22"}, all, true},
		{"the same subnet", []string{"10.180.4.0/22"}, all, false},
		{"a wider network", []string{"10.0.0.0/8"}, all, false},
		{"an address in it", []string{"10.180.5.6/32"}, all, false},
		{"a port taken", nil, func(port int) bool { return port != slotPorts(1).Kubelet }, false},
		{"another slot's port taken", nil, func(port int) bool { return port != slotPorts(2).Etcd }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var taken []netip.Prefix
			for _, s := range test.taken {
				taken = append(taken, netip.MustParsePrefix(s))
			}
			if got := slotFree(1, taken, test.ports); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestPortFree(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if portFree(port) {
		t.Error("a port in use is called free")
	}
	l.Close()
	if !portFree(port) {
		t.Error("a free port is called in use")
	}
}

func TestParseRoutes(t *testing.T) {
	out := `default via 192.0.2.1 dev eth0 
10.180.4.0/22 dev apolo12345678 proto kernel scope link src 10.180.4.1 
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 
broadcast 192.0.2.255 dev eth0 table local proto kernel scope link src 192.0.2.2 
10.9.8.7 dev tun0 
unreachable 10.5.0.0/16
`
	want := []string{"10.180.4.0/22", "127.0.0.0/8", "192.0.2.255/32", "10.9.8.7/32", "10.5.0.0/16"}
	var got []string
	for _, p := range parseRoutes(out) {
		got = append(got, p.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestBridgeName(t *testing.T) {
	if name := bridgeName(shortHash("/any")); len(name) > 15 {
		t.Errorf("%q is longer than the kernel takes", name)
	}
}
