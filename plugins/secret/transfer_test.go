package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"pgregory.net/rapid"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// kept draws secrets, with values that tempt who reads or writes them to change them.
func kept(t *rapid.T) []exported {
	key := rapid.StringMatching(`[A-Za-z0-9_.-]{1,20}`).Filter(func(s string) bool { return uri.ValidateKey(s) == nil })
	value := rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
		rapid.Map(rapid.StringOf(rapid.RuneFrom([]rune("a=\"'#$\\ \t\r\n\x00\ufeff"))), func(s string) []byte { return []byte(s) }),
		rapid.SampledFrom([][]byte{nil, []byte("secret:x"), []byte(`"quoted"`), []byte("-----BEGIN\nx\n"), []byte("\xff\xfe")}),
	)
	var all []exported
	for _, key := range rapid.SliceOfNDistinct(key, 0, 6, strings.ToLower).Draw(t, "keys") {
		all = append(all, exported{uri.Secret{Key: key}, value.Draw(t, key)})
	}
	return all
}

func newExportOptions(out *bytes.Buffer) *exportOptions {
	s := &cmdline.Session{IOStreams: genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: out, ErrOut: &bytes.Buffer{}}, Quiet: true}
	return &exportOptions{Session: s, output: output.New()}
}

// compare reports whether what was read is what was written.
func compare(t *rapid.T, read *sources, written []exported) {
	t.Helper()
	if err := read.check(""); err != nil && len(written) > 0 {
		t.Fatalf("can't be read again: %v", err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, e := range read.entries {
		got[e.key] = string(e.value)
	}
	for _, e := range written {
		want[e.where.Key] = string(e.value)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("read %q, written %q", got, want)
	}
}

func TestFoldersKeepEveryKeyAndByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := kept(t)
		parent, err := os.MkdirTemp("", "export-*")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(parent)
		o := newExportOptions(&bytes.Buffer{})
		o.toDir = filepath.Join(parent, "keys")
		if rapid.Bool().Draw(t, "exists") {
			if err := os.Mkdir(o.toDir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.writeFolder(written); err != nil {
			t.Fatal(err)
		}
		read := &sources{session: &cmdline.Session{}}
		read.folder(o.toDir)
		compare(t, read, written)
	})
}

// A file of variables holds the same bytes, or is not written.
func TestFilesOfVariablesKeepEveryByteOrAreNotWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := kept(t)
		folder, err := os.MkdirTemp("", "export-*")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		o := newExportOptions(&bytes.Buffer{})
		o.toEnvFile = filepath.Join(folder, "vars")
		if err := o.writeEnvFile(written); err != nil {
			if left, _ := os.ReadDir(folder); len(left) > 0 {
				t.Fatalf("%v was left behind by %v", left, err)
			}
			plain := slices.IndexFunc(written, func(e exported) bool {
				return envValue(string(e.value)) != nil || strings.ContainsAny(string(e.value), "\r\n") || strings.ContainsAny(e.where.Key[:1], "0123456789")
			}) < 0
			if plain {
				t.Fatalf("refused %+v: %v", written, err)
			}
			return
		}
		read := &sources{session: &cmdline.Session{}}
		read.envFile(o.toEnvFile, func(string) (string, bool) { return "", false })
		compare(t, read, written)
	})
}

func TestManifestsKeepEveryKeyAndByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := kept(t)
		var out bytes.Buffer
		o := newExportOptions(&out)
		o.toSecret = "all"
		o.output.Choose("json")
		if err := o.output.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := o.writeManifest(written); err != nil {
			t.Fatal(err)
		}
		var manifest struct{ Data map[string][]byte }
		if err := json.Unmarshal(out.Bytes(), &manifest); err != nil {
			t.Fatal(err)
		}
		read := &sources{session: &cmdline.Session{}}
		read.data(manifest.Data, "")
		compare(t, read, written)
	})
}

func TestFailedExportLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	o := newExportOptions(&bytes.Buffer{})
	o.toDir = filepath.Join(folder, "keys")
	long := strings.Repeat("k", 253)
	err := o.writeFolder([]exported{{uri.Secret{Key: "first"}, []byte("x")}, {uri.Secret{Key: long + "ey"}, []byte("x")}, {uri.Secret{Key: "first"}, []byte("y")}})
	if err == nil || !strings.Contains(err.Error(), "does not tell it from another key") {
		t.Errorf("two files of one name: %v", err)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("%v was left behind", left)
	}
}

func TestSameEnd(t *testing.T) {
	for _, test := range []struct{ before, after, want string }{
		{"a", "b\n", "b"},
		{"a", "b", "b"},
		{"a", "b\n\n", "b\n"},
		{"a\n", "b\n", "b\n"},
		{"a\n", "b", "b"},
		{"a\nb", "a\nc\n", "a\nc"},
		{"a\r\nb", "a\r\nc\r\n", "a\r\nc"},
		{"a\r", "b\r\n", "b\r"},
		{"", "\n", ""},
		{"", "x\n", "x"},
	} {
		if got := string(sameEnd([]byte(test.before), []byte(test.after))); got != test.want {
			t.Errorf("%q was edited to %q: %q, want %q", test.before, test.after, got, test.want)
		}
	}
}

func TestDraftsAreWiped(t *testing.T) {
	d, err := newDraft("config", []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(d.folder)
	copied := d.folder + "-link" // the same file, when its name is gone
	if err := os.Link(d.path(), copied); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(copied)
	if err := os.Mkdir(filepath.Join(d.folder, "undo"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.folder, "undo", "config~"), []byte("value"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.keep = true
	d.wipe()
	if left, _ := os.ReadFile(d.path()); string(left) != "value" {
		t.Errorf("what was to be kept is %q", left)
	}
	if _, err := os.Stat(filepath.Join(d.folder, "undo", "config~")); !os.IsNotExist(err) {
		t.Errorf("the editor's copy is left: %v", err)
	}
	d.keep = false
	d.wipe()
	if _, err := os.Stat(d.folder); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	if left, err := os.ReadFile(copied); err != nil || string(left) != "\x00\x00\x00\x00\x00" {
		t.Errorf("the bytes are left: %q, %v", left, err)
	}
}

func TestParseProject(t *testing.T) {
	for text, want := range map[string]string{
		"acme/research":                        " acme/research",
		"alice":                                " alice",
		"secret://apolo/alice":                 "apolo alice",
		"secret://apolo/acme/research":         "apolo acme/research",
		"secret://arn:aws:eks/x/acme/research": "arn:aws:eks/x acme/research",
	} {
		cluster, project, err := parseProject(text)
		if got := cluster + " " + project.String(); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"secret://apolo", "secret:acme/research", "secret:/acme/research", ""} {
		if cluster, project, err := parseProject(text); err == nil {
			t.Errorf("%q is %s %s", text, cluster, project)
		}
	}
}
