package jobs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// SecretFile is a secret that a job sees as a file.
type SecretFile struct {
	Secret uri.Secret
	Path   string // absolute and clean, of the file itself
}

// ParseSecretFile reads secret:KEY:/path/to/file, with any form of pkg/uri before the path. It is
// split at the last ":/", because the name of a cluster may hold colons and slashes and a path
// inside a pod has no colon. Its errors say which part is wrong.
func ParseSecretFile(s string) (SecretFile, error) {
	i := strings.LastIndex(s, ":/")
	if i < 0 || !uri.IsSecret(s) || i < len(uri.Scheme) {
		return SecretFile{}, fmt.Errorf("volume %q must be secret:KEY:/path/to/file", s)
	}
	secret, err := uri.Parse(s[:i])
	if err != nil {
		return SecretFile{}, fmt.Errorf("volume %q: %w", s, err)
	}
	file := SecretFile{Secret: secret, Path: s[i+1:]}
	if err := checkPath(file.Path); err != nil {
		return SecretFile{}, fmt.Errorf("volume %q: the path %w", s, err)
	}
	return file, nil
}

func checkPath(p string) error {
	if err := storable(p); err != nil {
		return err
	}
	switch {
	case p == "/" || strings.HasSuffix(p, "/"):
		return errors.New("must be a file's, not a directory's: a secret is one file")
	case strings.Contains(p, ":"):
		return errors.New("must not contain ':' (a secret is always mounted read-only)")
	case path.Clean(p) != p:
		return fmt.Errorf("must be written without '.', '..' and double slashes, as %q", path.Clean(p))
	}
	for _, reserved := range reservedPaths {
		if p == reserved || strings.HasPrefix(p, reserved+"/") {
			return fmt.Errorf("must not be in %s, which belongs to the container itself", reserved)
		}
	}
	return nil
}

// reservedPaths are where a container runtime refuses mounts (/proc, /sys), or where Kubernetes
// mounts something of its own into every container.
var reservedPaths = [...]string{"/proc", "/sys", "/dev/termination-log", "/var/run/secrets/kubernetes.io", "/run/secrets/kubernetes.io"}

// checkFiles finds files that can't be in one container: two at one path, or one where another
// needs a directory.
func checkFiles(files []SecretFile) error {
	// With "/" before all other characters, what is inside a directory follows it directly.
	sorted := slices.SortedFunc(slices.Values(files), func(a, b SecretFile) int {
		return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	})
	for i := 1; i < len(sorted); i++ {
		above, below := sorted[i-1], sorted[i]
		switch {
		case above.Path == below.Path && above.Secret == below.Secret:
			return fmt.Errorf("the volume %s:%s is given twice", above.Secret, above.Path)
		case above.Path == below.Path:
			return fmt.Errorf("the volumes of %s and %s have the same path %s",
				min(above.Secret.String(), below.Secret.String()), max(above.Secret.String(), below.Secret.String()), above.Path)
		case strings.HasPrefix(below.Path, above.Path+"/"):
			return fmt.Errorf("the volume %s:%s is a file, so that %s can't be below it", above.Secret, above.Path, below.Path)
		}
	}
	return nil
}
