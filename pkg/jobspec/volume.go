package jobspec

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// SecretFile is a secret that a job sees as a file.
type SecretFile struct {
	Secret uri.Secret
	Path   string // absolute and clean, of the file itself
	// Mode is the file's permissions; 0: Kubernetes' own, which let everybody in the container read it.
	Mode int32
}

// String is what ParseSecretFile reads.
func (f *SecretFile) String() string {
	text := f.Secret.String() + ":" + f.Path
	if f.Mode != 0 {
		text += ":" + FormatMode(f.Mode)
	}
	return text
}

// FormatMode writes permissions as ParseMode reads them.
func FormatMode(mode int32) string { return fmt.Sprintf("%04o", mode) }

// ParseMode reads permissions as chmod takes them, in three octal digits, or four of which the first is 0.
func ParseMode(s string) (int32, error) {
	mode, err := strconv.ParseInt(s, 8, 32)
	if digits := strings.TrimPrefix(s, "0"); err != nil || mode < 1 || mode > 0o777 || len(s) < 3 || len(s) > 4 || len(digits) > 3 {
		return 0, errors.New("invalid mode: must be three or four octal digits, such as 0400")
	}
	return int32(mode), nil // #nosec G115 -- at most 0777
}

// ParseSecretFile reads secret:KEY:/path/to/file[:MODE], with any form of pkg/uri before the path. It is
// split at the last ":/", because the name of a cluster may hold colons and slashes and a path
// inside a pod has no colon. Its errors say which part is wrong.
func ParseSecretFile(s string) (SecretFile, error) {
	i := strings.LastIndex(s, ":/")
	if i < 0 || !uri.IsSecret(s) || i < len(uri.Scheme) {
		return SecretFile{}, fmt.Errorf("volume %q must be secret:KEY:/path/to/file, and may have :MODE after it", s)
	}
	secret, err := uri.Parse(s[:i])
	if err != nil {
		return SecretFile{}, fmt.Errorf("volume %q: %w", s, err)
	}
	file := SecretFile{Secret: secret}
	var mode string
	var hasMode bool
	file.Path, mode, hasMode = strings.Cut(s[i+1:], ":")
	if hasMode {
		if file.Mode, err = ParseMode(mode); err != nil {
			return SecretFile{}, fmt.Errorf("volume %q: %w", s, err)
		}
	}
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
		return errors.New("must not contain ':'")
	}
	return checkPlace(p)
}

// checkPlace says why nothing can be mounted at a path, or returns nil.
func checkPlace(p string) error {
	switch {
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

// place is something that a job sees at a path.
type place struct {
	path string
	what string // as a user would name it
	file bool   // nothing can be below it
}

// checkPaths finds what can't be in one container: two things at one path, or one below a file.
func checkPaths(files []SecretFile, mounts []Mount) error {
	var places []place
	for _, file := range files {
		places = append(places, place{file.Path, file.Secret.String(), true})
	}
	for _, mount := range mounts {
		if err := mount.validate(); err != nil {
			return err
		}
		places = append(places, place{mount.Path, mount.source(), false})
	}
	// With "/" before all other characters, what is inside a directory follows it directly.
	slices.SortStableFunc(places, func(a, b place) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	var file place // the last one
	for i, below := range places {
		if i > 0 && places[i-1].path == below.path {
			above := places[i-1]
			if above.what == below.what {
				return fmt.Errorf("the volume %s:%s is given twice", above.what, above.path)
			}
			return fmt.Errorf("the volumes of %s and %s have the same path %s", min(above.what, below.what), max(above.what, below.what), above.path)
		}
		if file.path != "" && strings.HasPrefix(below.path, file.path+"/") {
			return fmt.Errorf("the volume %s:%s is a file, so that %s can't be below it", file.what, file.path, below.path)
		}
		if below.file {
			file = below
		}
	}
	return nil
}
