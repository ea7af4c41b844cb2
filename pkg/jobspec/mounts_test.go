package jobspec

import (
	"path"
	"testing"
)

func TestParseMount(t *testing.T) {
	for _, test := range []struct {
		in   string
		want Mount
		err  string
	}{
		{"disk:data:/data", Mount{Claim: "data", Path: "/data"}, ""},
		{"disk:data:/data:rw", Mount{Claim: "data", Path: "/data"}, ""},
		{"disk:data:/data:ro", Mount{Claim: "data", Path: "/data", ReadOnly: true}, ""},
		{"storage:a/b:/mnt/b:ro", Mount{Storage: true, SubPath: "a/b", Path: "/mnt/b", ReadOnly: true}, ""},
		{"storage::/mnt", Mount{Storage: true, Path: "/mnt"}, ""},
		{"storage:a:b:/mnt", Mount{Storage: true, SubPath: "a:b", Path: "/mnt"}, ""},
		{"storage:/a:/mnt", Mount{}, "must be relative"},
		{"storage://cluster/ns/a:/mnt", Mount{}, "must be relative"},
		{"storage:a/../b:/mnt", Mount{}, "must be written without"},
		{"storage:..:/mnt", Mount{}, "must be written without"},
		{"storage:../a:/mnt", Mount{}, "must be written without"},
		{"storage:a/:/mnt/", Mount{Storage: true, SubPath: "a", Path: "/mnt"}, ""},
		{"disk::/data", Mount{}, `the claim of a volume ""`},
		{"disk:A:/data", Mount{}, `the claim of a volume "A"`},
		{"disk:data", Mount{}, "must be disk:CLAIM:/path"},
		{"disk:data:data", Mount{}, "must be disk:CLAIM:/path"},
		{"disk:data:/", Mount{}, "can't be the root directory"},
		{"disk:data:/a:rx", Mount{}, "must not contain ':'"},
		{"disk:data:/a/:ro", Mount{Claim: "data", Path: "/a", ReadOnly: true}, ""},
		{"disk:data:/proc/a", Mount{}, "must not be in /proc"},
		{"/a:/b", Mount{}, "is neither disk:CLAIM"},
	} {
		got, err := ParseMount(test.in)
		if !matches(err, test.err) || got != test.want {
			t.Errorf("ParseMount(%q) = %+v, %v; want %+v, error %q", test.in, got, err, test.want, test.err)
		}
	}
}

func TestShmGivesWayToAMount(t *testing.T) {
	spec := specOf("busybox:1")
	spec.Mounts = []Mount{{Claim: "fast", Path: "/dev/shm"}}
	if volumes, mounts := planMounts(spec); len(volumes) != 1 || len(mounts) != 1 || volumes[0].PersistentVolumeClaim == nil {
		t.Errorf("%+v, %+v", volumes, mounts)
	}
}

func FuzzParseMount(f *testing.F) {
	for _, seed := range []string{"disk:a:/b", "disk:a:/b:ro", "storage::/b:rw", "storage:a:/b:/c:ro", "disk::/", "storage:\xff:/a", ":ro:rw"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mount, err := ParseMount(s)
		if err != nil {
			return
		}
		if again, err := ParseMount(mount.String()); err != nil || again != mount {
			t.Errorf("%q is %+v, written %q and read as %+v, %v", s, mount, mount.String(), again, err)
		}
		if !path.IsAbs(mount.Path) || path.Clean(mount.Path) != mount.Path || path.IsAbs(mount.SubPath) {
			t.Errorf("%q is %+v", s, mount)
		}
	})
}
