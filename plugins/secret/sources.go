package secret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// entry is a value that is to become a secret.
type entry struct {
	key   string // as its source calls it
	value []byte
	from  string // where it was found, as the user would name it
}

// sources collects entries from wherever values are kept. What is wrong with them is collected too, so
// that all of it can be told at once.
type sources struct {
	session  *cmdline.Session
	chosen   []string // only these keys; empty: all
	entries  []entry
	problems []error
}

func (s *sources) wants(key string) bool {
	return len(s.chosen) == 0 || slices.Contains(s.chosen, key)
}

func (s *sources) add(e entry) {
	if s.wants(e.key) {
		s.entries = append(s.entries, e)
	}
}

func (s *sources) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// envFile reads a file of variables. "-" is standard input.
func (s *sources) envFile(path string, lookup func(string) (string, bool)) {
	content, err := s.readEnvFile(path)
	if err != nil {
		s.problems = append(s.problems, err)
		return
	}
	for line, err := range envfile.Lines(content) {
		from := fmt.Sprintf("%s: line %d", path, line.Number)
		if err != nil {
			s.problem("%s: %w", path, err)
			continue
		}
		if !s.wants(line.Name) {
			continue
		}
		value, err := line.Resolve(lookup)
		if err != nil {
			s.problem("%s: %w", path, err)
			continue
		}
		if err := envValue(value); err != nil {
			s.problem("%s: %s: the value %w; --from-file takes every value", from, line.Name, err)
			continue
		}
		s.add(entry{line.Name, []byte(value), from})
	}
}

// maxEnvFile is the largest file of variables, in bytes. It bounds what an endless pipe can do.
const maxEnvFile = 64 << 20

func (s *sources) readEnvFile(path string) (string, error) {
	content, err := s.session.ReadFile(path, maxEnvFile)
	switch {
	case errors.Is(err, cmdline.ErrNothingRead):
		return "", fmt.Errorf("--from-env-file: %w", err)
	case err != nil:
		return "", cmdline.CannotRead("--from-env-file", path, err)
	case len(content) > maxEnvFile:
		return "", fmt.Errorf("%s has more than %d bytes, which is no file of variables", path, maxEnvFile)
	}
	text, err := envfile.Text(content)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	return text, nil
}

// envValue says why a value should not stand in a file of variables, or returns nil. Such files have many readers:
// some take quotes as they are, some take them off and continue to the next line.
func envValue(value string) error {
	switch {
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return errors.New("is not text")
	case uri.IsSecret(value):
		return fmt.Errorf("begins with %q, which in a file of variables stands for the secret of that name", uri.Scheme)
	case value != "" && strings.ContainsRune(`"'`, rune(value[0])) && (len(value) == 1 || value[len(value)-1] != value[0]):
		return errors.New("begins with a quote that does not end in the line")
	}
	return nil
}

// quoted are the keys of entries whose quotes some readers of such files would have taken off.
func quoted(entries []entry) []string {
	var keys []string
	for _, e := range entries {
		if n := len(e.value); n > 1 && strings.Contains(`"'`, string(e.value[0])) && e.value[n-1] == e.value[0] {
			keys = append(keys, e.key)
		}
	}
	return keys
}

// file reads [KEY=]PATH. A folder is one key for each file in it.
func (s *sources) file(arg string) {
	key, path, named := strings.Cut(arg, "=")
	if !named {
		key, path = filepath.Base(arg), arg
	}
	path, err := cmdline.HomePath(path)
	if err != nil {
		s.problems = append(s.problems, err)
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		s.problems = append(s.problems, cmdline.CannotRead("--from-file", path, err))
	case info.IsDir() && named:
		s.problem("%s is a folder, which has no place under the one key %q", path, key)
	case info.IsDir():
		s.folder(path)
	case s.wants(key):
		value, err := readFile(s.session, "--from-file", path)
		if err != nil {
			s.problems = append(s.problems, err)
			return
		}
		s.add(entry{key, value, path})
	}
}

// folder takes each file of a folder for a key. Symbolic links are followed inside of it, which is how Kubernetes
// mounts a Secret, and never out of it. What begins with ".." is Kubernetes' own, and can't be a key.
func (s *sources) folder(path string) {
	path, err := cmdline.HomePath(path)
	if err != nil {
		s.problems = append(s.problems, err)
		return
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		s.problems = append(s.problems, cmdline.CannotRead("--from-dir", path, err))
		return
	}
	defer root.Close()
	files, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		s.problems = append(s.problems, unreadable(path, err))
	}
	for _, file := range files {
		name := file.Name()
		if strings.HasPrefix(name, "..") || !s.wants(name) {
			continue
		}
		from := filepath.Join(path, name)
		info, err := root.Stat(name)
		switch {
		case err != nil && file.Type()&fs.ModeSymlink != 0:
			s.problem("%s is a symbolic link out of this folder, or to nothing, and is not followed", from)
		case err != nil:
			s.problems = append(s.problems, unreadable(from, err))
		case info.IsDir():
			s.problem("%s is a folder; only files become secrets", from)
		case !info.Mode().IsRegular():
			s.problem("%s is not a regular file", from)
		default:
			value, err := readIn(root, name)
			if err != nil {
				s.problems = append(s.problems, unreadable(from, err))
				continue
			}
			s.add(entry{name, value, from})
		}
	}
}

func readIn(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file)
}

// object takes each data key of a Kubernetes Secret.
func (s *sources) object(ctx context.Context, where uri.Secret) error {
	store, err := open(s.session, where)
	if err != nil {
		return err
	}
	data, err := store.ReadObject(ctx, where.Key)
	if err != nil {
		return err
	}
	store.used()
	s.data(data, where.String())
	return nil
}

// platform takes all secrets of a project of the Apolo platform, out of the cluster that the platform runs in.
func (s *sources) platform(ctx context.Context, cluster string, project secrets.PlatformProject) error {
	where := uri.Secret{Cluster: cluster, Namespace: project.Namespace()}
	store, err := open(s.session, where)
	if err != nil {
		return err
	}
	data, err := store.ReadObject(ctx, project.Object())
	if errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("the Apolo platform keeps the secrets of %s in the Kubernetes Secret %s of namespace %s, and cluster %q has none; --from-secret secret:/NAMESPACE/NAME takes it from elsewhere",
			project, project.Object(), project.Namespace(), store.client.Cluster)
	}
	if err != nil {
		return err
	}
	s.data(data, "project "+project.String())
	return nil
}

func (s *sources) data(data map[string][]byte, from string) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		s.add(entry{key, data[key], from})
	}
}

// check finds what is wrong with the entries, all of it, before anything is done with them.
func (s *sources) check(prefix string) error {
	from := map[string]string{}
	complete := len(s.problems) == 0 // otherwise a key may be where nothing could be read
	for i, e := range s.entries {
		if err := secrets.Validate(prefix+e.key, e.value); err != nil {
			s.problem("%s: %w", e.from, err)
		}
		if other, ok := from[e.key]; ok {
			s.problem("%s: the key %q was found before, in %s", e.from, e.key, other)
		}
		from[e.key] = e.from
		s.entries[i].key = prefix + e.key
	}
	for _, key := range s.chosen {
		if _, ok := from[key]; !ok && complete {
			s.problem("the key %q of --key was not found", key)
		}
	}
	if len(s.entries) == 0 && len(s.problems) == 0 {
		s.problem("there is nothing to import")
	}
	slices.SortFunc(s.entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return errors.Join(s.problems...)
}

// parseObject reads the name of a Kubernetes Secret: NAME, or a URI with NAME in the place of the key.
func parseObject(arg string) (uri.Secret, error) {
	where, err := uri.ParseKeyOrURI(arg)
	if err != nil {
		return where, cmdline.Usagef("%s", err)
	}
	if len(validation.IsDNS1123Subdomain(where.Key)) > 0 {
		return where, cmdline.Usagef("%q can't be the name of a Kubernetes Secret", where.Key)
	}
	return where, nil
}

// parseProject reads ORG/PROJECT, or secret://CLUSTER/ORG/PROJECT as the platform writes it. Without an organization
// it is PROJECT, or secret://CLUSTER/PROJECT.
func parseProject(arg string) (cluster string, project secrets.PlatformProject, err error) {
	text := arg
	if rest, ok := strings.CutPrefix(arg, uri.Scheme+"//"); ok {
		parts := strings.Split(rest, "/")
		last := max(1, len(parts)-2) // of the cluster, whose name may have slashes
		cluster, text = strings.Join(parts[:last], "/"), strings.Join(parts[last:], "/")
	}
	if project, err = secrets.ParsePlatformProject(text); err != nil {
		return "", project, cmdline.Usagef("%s", err)
	}
	return cluster, project, nil
}
