package jobspec

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The schemes of what can be mounted besides secrets.
const (
	diskScheme    = "disk:"
	storageScheme = "storage:"
)

const (
	storageVolume = "storage" // the volume of the storage's claim in a pod
	shmVolume     = "shm"     // the volume at shmPath
	shmPath       = "/dev/shm"
)

// DefaultStorageClaim is the claim behind storage: where the cluster says nothing else.
const DefaultStorageClaim = "storage"

// Mount is a directory of a PersistentVolumeClaim that a job sees: a disk, which is a whole claim,
// or a part of the storage, a claim that many jobs have in common.
type Mount struct {
	// Claim is the claim's name, in the job's namespace. It may be empty for the storage: then
	// it is the one that jobs.Client.Complete finds, or else DefaultStorageClaim.
	Claim    string
	Storage  bool
	SubPath  string // in the storage, relative and clean; empty: all of it
	Path     string // in the container, absolute and clean
	ReadOnly bool
}

// IsMount reports whether s claims to be a volume that ParseMount reads; it may still be a wrong one.
func IsMount(s string) bool {
	return strings.HasPrefix(s, diskScheme) || strings.HasPrefix(s, storageScheme)
}

// ParseMount reads disk:CLAIM:/path and storage:PATH:/path, either with :ro or :rw after it; without
// one it can be written. PATH may be empty for the whole storage. Its errors say which part is wrong.
func ParseMount(s string) (Mount, error) {
	var mount Mount
	rest, ok := strings.CutPrefix(s, diskScheme)
	if !ok {
		if rest, mount.Storage = strings.CutPrefix(s, storageScheme); !mount.Storage {
			return Mount{}, fmt.Errorf("volume %q is neither disk:CLAIM:/path nor storage:PATH:/path", s)
		}
	}
	if rest, ok = strings.CutSuffix(rest, ":ro"); ok {
		mount.ReadOnly = true
	} else {
		rest = strings.TrimSuffix(rest, ":rw")
	}
	i := strings.LastIndex(rest, ":/")
	if i < 0 {
		return Mount{}, fmt.Errorf("volume %q must be disk:CLAIM:/path or storage:PATH:/path, with :ro or :rw after it", s)
	}
	// A "/" at the end of a directory says nothing that is not known.
	if mount.Path = rest[i+1:]; len(mount.Path) > 1 {
		mount.Path = strings.TrimSuffix(mount.Path, "/")
	}
	if mount.Storage {
		mount.SubPath = rest[:i]
		if len(mount.SubPath) > 1 {
			mount.SubPath = strings.TrimSuffix(mount.SubPath, "/")
		}
	} else {
		mount.Claim = rest[:i]
	}
	if err := mount.validate(); err != nil {
		return Mount{}, err
	}
	return mount, nil
}

func (m *Mount) validate() error {
	if strings.HasPrefix(m.Claim, "/") {
		return fmt.Errorf("volume %s: the claim must be a name without a namespace: it is one of the job's namespace, and --project chooses another", m)
	}
	if !m.Storage || m.Claim != "" {
		if err := checkObjectName("the claim of a volume", m.Claim); err != nil {
			return err
		}
	}
	if m.SubPath != "" {
		if err := checkSubPath(m.SubPath); err != nil {
			return fmt.Errorf("volume %s: the path %w", m, err)
		}
	}
	if err := checkDirectory(m.Path); err != nil {
		return fmt.Errorf("volume %s: the path in the container %w", m, err)
	}
	return nil
}

func checkSubPath(p string) error {
	if err := storable(p); err != nil {
		return err
	}
	switch {
	case path.IsAbs(p):
		return errors.New("of the storage must be relative, without '/' at its beginning: the storage is the namespace's own, and --project chooses another")
	case path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../"):
		return errors.New("of the storage must be written without '.', '..' and double slashes")
	}
	return nil
}

func checkDirectory(p string) error {
	if err := storable(p); err != nil {
		return err
	}
	switch {
	case !path.IsAbs(p):
		return errors.New("must be absolute")
	case p == "/":
		return errors.New("can't be the root directory")
	case strings.Contains(p, ":"):
		return errors.New("must not contain ':', except in :ro or :rw after it")
	}
	return checkPlace(p)
}

// source is what is mounted, as it is written before the path.
func (m *Mount) source() string {
	if m.Storage {
		return storageScheme + m.SubPath
	}
	return diskScheme + m.Claim
}

// String is what ParseMount reads.
func (m *Mount) String() string {
	text := m.source() + ":" + m.Path
	if m.ReadOnly {
		text += ":ro"
	}
	return text
}

// planMounts makes the volumes of disks, of the storage and of the shared memory.
func planMounts(spec *Spec) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	names := map[string]string{} // of volumes, by storage or claim
	shm := spec.ExtShm
	disks := 0
	for _, mount := range spec.Mounts {
		shm = shm && mount.Path != shmPath
		key, claim := diskScheme+mount.Claim, mount.Claim
		if mount.Storage {
			key = storageScheme
			if claim == "" {
				claim = DefaultStorageClaim
			}
		}
		if names[key] == "" {
			names[key] = storageVolume
			if !mount.Storage {
				disks++
				names[key] = "disk-" + strconv.Itoa(disks)
			}
			volumes = append(volumes, corev1.Volume{Name: names[key], VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}})
		}
		mounts = append(mounts, corev1.VolumeMount{
			Name: names[key], MountPath: mount.Path, SubPath: mount.SubPath, ReadOnly: mount.ReadOnly,
		})
	}
	if shm {
		volumes = append(volumes, corev1.Volume{Name: shmVolume, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory},
		}})
		mounts = append(mounts, corev1.VolumeMount{Name: shmVolume, MountPath: shmPath})
	}
	return volumes, mounts
}
