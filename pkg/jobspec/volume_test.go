package jobspec

import (
	"path"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

func TestParseSecretFile(t *testing.T) {
	for _, test := range []struct {
		in, err string
		want    SecretFile
	}{
		{in: "secret:key:/var/secrets/key.txt", want: SecretFile{uri.Secret{Key: "key"}, "/var/secrets/key.txt", 0}},
		{in: "secret:/alice/key:/a", want: SecretFile{uri.Secret{Namespace: "alice", Key: "key"}, "/a", 0}},
		{in: "secret://default/alice/key:/a/b", want: SecretFile{uri.Secret{Cluster: "default", Namespace: "alice", Key: "key"}, "/a/b", 0}},
		{in: "secret://https://host:6443/alice/key:/a", want: SecretFile{uri.Secret{Cluster: "https://host:6443", Namespace: "alice", Key: "key"}, "/a", 0}},
		{in: "secret:key:/with space/ümlaut", want: SecretFile{uri.Secret{Key: "key"}, "/with space/ümlaut", 0}},
		{in: "secret:key:/a/..b", want: SecretFile{uri.Secret{Key: "key"}, "/a/..b", 0}},
		{in: "secret:key", err: "must be secret:KEY:/path/to/file"},
		{in: "secret:/alice/key", err: "must be secret:KEY:/path/to/file"},
		{in: "secret://default/alice/key", err: "must be secret:KEY:/path/to/file"},
		{in: "secret:key:relative", err: "must be secret:KEY:/path/to/file"},
		{in: "disk:key:/a", err: "must be secret:KEY:/path/to/file"},
		{in: "/tmp:/tmp", err: "must be secret:KEY:/path/to/file"},
		{in: "secret::/a", err: "the key is empty"},
		{in: "secret:a b:/a", err: "can't be a key"},
		{in: "secret:key:/", err: "must be a file's"},
		{in: "secret:key:/a/", err: "must be a file's"},
		{in: "secret:key:/a:0400", want: SecretFile{uri.Secret{Key: "key"}, "/a", 0o400}},
		{in: "secret://https://host:6443/alice/key:/a:640", want: SecretFile{uri.Secret{Cluster: "https://host:6443", Namespace: "alice", Key: "key"}, "/a", 0o640}},
		{in: "secret:key:/a:ro", err: "invalid mode"},
		{in: "secret:key:/a:", err: "invalid mode"},
		{in: "secret:key:/a:0000", err: "invalid mode"},
		{in: "secret:key:/a:4755", err: "invalid mode"},
		{in: "secret:key:/a:0888", err: "invalid mode"},
		{in: "secret:key:/a:+400", err: "invalid mode"},
		{in: "secret:key:/a:-400", err: "invalid mode"},
		{in: "secret:key:/a:0400:ro", err: "invalid mode"},
		{in: "secret:key:/a/:0400", err: "must be a file's"},
		{in: "secret:key:/a//b", err: `as "/a/b"`},
		{in: "secret:key:/a/../b", err: `as "/b"`},
		{in: "secret:key:/a/./b", err: `as "/a/b"`},
		{in: "secret:key:/proc/1/x", err: "belongs to the container itself"},
		{in: "secret:key:/var/run/secrets/kubernetes.io/serviceaccount/token", err: "belongs to the container itself"},
		{in: "secret:key:/a\x00", err: "zero byte"},
	} {
		got, err := ParseSecretFile(test.in)
		if !matches(err, test.err) || got != test.want {
			t.Errorf("ParseSecretFile(%q) = %+v, %v; want %+v, error %q", test.in, got, err, test.want, test.err)
		}
	}
}

func TestCheckPaths(t *testing.T) {
	file := func(key, path string) SecretFile { return SecretFile{uri.Secret{Key: key}, path, 0} }
	for _, test := range []struct {
		name, err string
		files     []SecretFile
		mounts    []Mount
	}{
		{"none", "", nil, nil},
		{"one directory", "", []SecretFile{file("a", "/etc/a"), file("b", "/etc/b"), file("a", "/etc/ab")}, nil},
		{"a name that begins alike", "", []SecretFile{file("a", "/etc/a"), file("b", "/etc/a.b"), file("c", "/etc/a-b/c")}, nil},
		{"same path", "the volumes of secret:a and secret:b have the same path /x", []SecretFile{file("b", "/x"), file("a", "/x")}, nil},
		{"twice", "given twice", []SecretFile{file("a", "/x"), file("a", "/x")}, nil},
		{"below a file", "/x is a file, so that /x/y/z can't be below it", []SecretFile{file("b", "/x/y/z"), file("c", "/x.y"), file("a", "/x")}, nil},
		{"below a directory", "", []SecretFile{file("a", "/data/key")}, []Mount{{Claim: "c", Path: "/data"}, {Storage: true, Path: "/data/s"}}},
		{"a directory below a file", "/x is a file, so that /x/y can't be below it", []SecretFile{file("a", "/x")}, []Mount{{Claim: "c", Path: "/x/y"}}},
		{"below a file, not next to it", "/x is a file, so that /x/y can't", []SecretFile{file("a", "/x"), file("b", "/x.y")}, []Mount{{Claim: "c", Path: "/x/y"}}},
		{"directory and file", "the volumes of disk:c and secret:a have the same path /x", []SecretFile{file("a", "/x")}, []Mount{{Claim: "c", Path: "/x"}}},
		{"one mount twice", "disk:c:/x is given twice", nil, []Mount{{Claim: "c", Path: "/x"}, {Claim: "c", Path: "/x", ReadOnly: true}}},
	} {
		if err := checkPaths(test.files, test.mounts); !matches(err, test.err) {
			t.Errorf("%s: %v; want %q", test.name, err, test.err)
		}
	}
}

func FuzzParseSecretFile(f *testing.F) {
	for _, seed := range []string{"secret:k:/p", "secret:/n/k:/p/q", "secret://c:/x/n/k:/p", "secret:k:/", "secret::/", ":/", "secret:k:/a:/b", "secret:k:/\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		file, err := ParseSecretFile(s)
		if err != nil {
			return
		}
		if got := file.Secret.String() + ":" + file.Path; got != s {
			t.Errorf("%q was read as %q", s, got)
		}
		if !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path || strings.ContainsAny(file.Path, ":\x00") {
			t.Errorf("%q has the path %q", s, file.Path)
		}
	})
}
