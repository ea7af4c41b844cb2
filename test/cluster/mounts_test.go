package main

import (
	"slices"
	"testing"
)

const mountInfo = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /proc rw - proc proc rw
23 21 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw
24 23 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
25 23 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
30 21 0:30 / /c rw - tmpfs tmpfs rw
31 30 0:31 / /c/kubelet/pods/1/volumes/a\040b rw shared:9 master:3 - tmpfs tmpfs rw
32 30 0:32 / /c/state/rootfs rw - overlay overlay rw,lowerdir=/c/1
33 21 0:33 / /c2/state/rootfs rw - overlay overlay rw
34 31 0:34 / /c/kubelet/pods/1/volumes/a\040b/sub\134dir rw - tmpfs tmpfs rw
not a mount
`

func TestMountsBelow(t *testing.T) {
	mounts := parseMounts([]byte(mountInfo))
	if len(mounts) != 10 {
		t.Fatalf("%d mounts", len(mounts))
	}
	want := []string{`/c/kubelet/pods/1/volumes/a b/sub\dir`, "/c/state/rootfs", "/c/kubelet/pods/1/volumes/a b"}
	if got := mountsBelow(mounts, "/c"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := mountsBelow(mounts, "/none"); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`/a`:              "/a",
		`/a\040b\011\012`: "/a b\t\n",
		`/a\134040`:       `/a\040`,
		`/a\04`:           `/a\04`,
		`/a\x40b`:         `/a\x40b`,
		`/a\777`:          `/a\777`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestCgroupHierarchies(t *testing.T) {
	want := []hierarchy{{"/sys/fs/cgroup/cpu", false}, {"/sys/fs/cgroup/unified", true}}
	if got := cgroupHierarchies(parseMounts([]byte(mountInfo))); !slices.Equal(got, want) {
		t.Errorf("version 1: got %v", got)
	}
	const v2 = "23 21 0:21 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n24 21 0:22 / /elsewhere rw - cgroup2 cgroup2 rw\n"
	if got := cgroupHierarchies(parseMounts([]byte(v2))); !slices.Equal(got, []hierarchy{{"/sys/fs/cgroup", true}}) {
		t.Errorf("version 2: got %v", got)
	}
}

func TestMissingCapabilities(t *testing.T) {
	for _, test := range []struct {
		name, status string
		want         []string
	}{
		{"all but one that is not needed", "Name:\tx\nCapEff:\t000001fffeffffff\n", nil},
		{"a container's usual ones", "CapEff:\t00000000a80425fb\n", []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN"}},
		{"unknown", "", []string{"CAP_NET_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_ADMIN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := missingCapabilities([]byte(test.status)); !slices.Equal(got, test.want) {
				t.Errorf("got %v", got)
			}
		})
	}
}
