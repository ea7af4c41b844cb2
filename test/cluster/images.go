package main

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	pauseImage  = "localhost/pause:1"
	busyboxPath = "/bin/busybox"
	bashPath    = "/bin/bash-static"
)

// image is what goes into containerd under a name.
type image struct {
	name  string
	cmd   []string
	write func(*layer) error
}

// layer is the tar file of an image's only layer while it is written.
type layer struct{ out *tar.Writer }

func (l *layer) add(header *tar.Header, content []byte) error {
	header.Size = int64(len(content))
	header.ModTime = time.Unix(0, 0)
	if err := l.out.WriteHeader(header); err != nil {
		return err
	}
	_, err := l.out.Write(content)
	return err
}

func (l *layer) dir(name string, mode int64) error {
	return l.add(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (l *layer) file(name string, mode int64, content string) error {
	return l.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, []byte(content))
}

func (l *layer) link(name, target string) error {
	return l.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

func (l *layer) program(name, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return l.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755}, content)
}

// tree adds a folder of the machine, with the owners and modes it has there.
func (l *layer) tree(root string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil || relative == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSocket != 0 {
			return nil // has no meaning in an image
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(name); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name = filepath.ToSlash(relative)
		if d.IsDir() {
			header.Name += "/"
		}
		header.Uname, header.Gname = "", "" // names of this machine, not of the image
		if err := l.out.WriteHeader(header); err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(l.out, f)
		return err
	})
}

// builtinImages are loaded into every cluster.
func builtinImages(binDir string) []image {
	return []image{
		{name: pauseImage, cmd: []string{"/pause"}, write: func(l *layer) error {
			return l.program("pause", filepath.Join(binDir, "pause"))
		}},
		{name: "busybox:1", cmd: []string{"sh"}, write: writeBusybox},
		{name: "ubuntu:24.04", cmd: []string{"/bin/bash"}, write: writeUbuntu},
	}
}

// busyboxApplets asks busybox what it can do.
func busyboxApplets() ([]string, error) {
	out, err := command(context.Background(), busyboxPath, "--list")
	if err != nil {
		return nil, fmt.Errorf("list busybox's programs: %w", err)
	}
	return strings.Fields(out), nil
}

// writeBase writes what both images have in common. Its folders of programs
// exist already.
func writeBase(l *layer) error {
	return errors.Join(
		l.dir("etc", 0o755),
		l.file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"),
		l.file("etc/group", 0o644, "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n"),
		l.dir("dev", 0o755),
		l.dir("home", 0o755),
		l.dir("proc", 0o555),
		l.dir("root", 0o700),
		l.dir("run", 0o755),
		l.dir("sys", 0o555),
		l.dir("tmp", 0o1777),
		l.dir("var", 0o755),
		l.dir("var/log", 0o755),
		l.dir("var/tmp", 0o1777),
		l.dir("var/www", 0o755),
	)
}

func writeBusybox(l *layer) error {
	applets, err := busyboxApplets()
	if err != nil {
		return err
	}
	if err := errors.Join(l.dir("bin", 0o755), l.program("bin/busybox", busyboxPath)); err != nil {
		return err
	}
	for _, applet := range applets {
		if applet == "busybox" {
			continue
		}
		if err := l.link("bin/"+applet, "busybox"); err != nil {
			return err
		}
	}
	return errors.Join(
		l.dir("usr", 0o755), l.dir("usr/bin", 0o755), l.dir("usr/sbin", 0o755),
		l.link("usr/bin/env", "../../bin/env"),
		writeBase(l),
	)
}

// writeUbuntu makes an image with Ubuntu's layout and its shell. It is not
// Ubuntu and says so.
func writeUbuntu(l *layer) error {
	applets, err := busyboxApplets()
	if err != nil {
		return err
	}
	err = errors.Join(
		l.dir("usr", 0o755), l.dir("usr/bin", 0o755), l.dir("usr/sbin", 0o755), l.dir("usr/lib", 0o755),
		l.dir("usr/local", 0o755), l.dir("usr/local/bin", 0o755),
		l.dir("usr/share", 0o755), l.dir("usr/share/doc", 0o755),
		l.link("bin", "usr/bin"), l.link("sbin", "usr/sbin"), l.link("lib", "usr/lib"),
		l.program("usr/bin/busybox", busyboxPath),
		l.program("usr/bin/bash", bashPath),
	)
	if err != nil {
		return err
	}
	for _, applet := range applets {
		if applet == "busybox" || applet == "bash" {
			continue
		}
		if err := l.link("usr/bin/"+applet, "busybox"); err != nil {
			return err
		}
	}
	const what = "Stand-in for tests: busybox and bash in Ubuntu's layout, not Ubuntu"
	return errors.Join(
		writeBase(l),
		l.file("etc/os-release", 0o644, "PRETTY_NAME=\""+what+"\"\nNAME=\"Ubuntu stand-in for tests\"\nID=apolo-test\nID_LIKE=ubuntu\nVERSION_ID=\"24.04\"\n"),
		l.file("etc/hostname", 0o644, "ubuntu\n"),
		l.file("etc/profile", 0o644, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n"),
		l.dir("etc/ssl", 0o755), l.dir("etc/ssl/certs", 0o755),
		l.file("etc/ssl/openssl.cnf", 0o644, "# "+what+"\n"),
		l.file("etc/ssl/certs/README", 0o644, what+".\nA file mounted into this folder must not hide this one.\n"),
		l.file("usr/share/doc/README", 0o644, what+".\n"),
		l.file("root/.bashrc", 0o644, "# "+what+"\n"),
		l.dir("home/ubuntu", 0o755),
		l.file("home/ubuntu/.profile", 0o644, "# "+what+"\n"),
		l.dir("opt", 0o755), l.dir("mnt", 0o755), l.dir("srv", 0o755),
	)
}

// fullName completes an image's name in the way container runtimes do. A tag
// is demanded, and not latest, which Kubernetes would try to pull each time.
func fullName(name string) (string, error) {
	repository, tag, ok := cutTag(name)
	if !ok || repository == "" || tag == "" {
		return "", fmt.Errorf("the image name %q has no tag", name)
	}
	if tag == "latest" {
		return "", fmt.Errorf("the tag latest of %q would be pulled at every start of a pod; use another one", name)
	}
	if strings.ContainsAny(name, " @\t\n") || strings.ToLower(repository) != repository {
		return "", fmt.Errorf("%q is not an image name", name)
	}
	first, _, multiple := strings.Cut(repository, "/")
	switch {
	case !multiple:
		return "docker.io/library/" + name, nil
	case strings.ContainsAny(first, ".:") || first == "localhost":
		return name, nil
	default:
		return "docker.io/" + name, nil
	}
}

// cutTag splits NAME:TAG; a colon before a slash belongs to a port.
func cutTag(name string) (repository, tag string, ok bool) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || strings.Contains(name[i:], "/") {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// packImages writes images as one docker archive, the oldest format that
// every containerd can read.
func packImages(file string, images []image) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("pack images: %w", err)
	}
	defer out.Close()
	buffered := bufio.NewWriterSize(out, 1<<20)
	archive := tar.NewWriter(buffered)
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var manifest []entry
	for i, img := range images {
		prefix := fmt.Sprintf("%d", i)
		e := entry{Config: prefix + ".json", RepoTags: []string{img.name}, Layers: []string{prefix + "/layer.tar"}}
		digest, err := packLayer(archive, file+"."+prefix, e.Layers[0], img)
		if err != nil {
			return fmt.Errorf("pack the image %s: %w", img.name, err)
		}
		config, err := json.Marshal(object{
			"architecture": runtime.GOARCH,
			"os":           "linux",
			"config": object{
				"Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
				"Cmd": img.cmd,
			},
			"rootfs":  object{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
			"history": []object{{"created_by": "kubectl-apolo test cluster"}},
		})
		if err != nil {
			return fmt.Errorf("pack the image %s: %w", img.name, err)
		}
		if err := addFile(archive, e.Config, config); err != nil {
			return fmt.Errorf("pack the image %s: %w", img.name, err)
		}
		manifest = append(manifest, e)
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("pack images: %w", err)
	}
	if err := errors.Join(addFile(archive, "manifest.json", data), archive.Close(), buffered.Flush(), out.Close()); err != nil {
		return fmt.Errorf("pack images: %w", err)
	}
	return nil
}

// packLayer writes a layer to a file first, because its size and its hash
// come before it in the archive.
func packLayer(archive *tar.Writer, temporary, name string, img image) (digest string, err error) {
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer os.Remove(temporary)
	defer f.Close()
	hash := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(f, hash), 1<<20)
	l := &layer{out: tar.NewWriter(buffered)}
	if err := img.write(l); err != nil {
		return "", err
	}
	if err := errors.Join(l.out.Close(), buffered.Flush()); err != nil {
		return "", err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		return "", err
	}
	_, err = io.Copy(archive, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}

func addFile(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// ctr runs containerd's own client.
func (c *cluster) ctr(ctx context.Context, args ...string) (string, error) {
	return command(ctx, filepath.Join(c.BinDir, "ctr"), append([]string{"--address", c.ContainerdSocket, "--namespace", "k8s.io"}, args...)...)
}

// importImages brings images into containerd and waits until the kubelet's
// side of it has seen them.
func (c *cluster) importImages(ctx context.Context, images []image) error {
	dir, err := os.MkdirTemp(c.Dir, "images")
	if err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	defer os.RemoveAll(dir)
	names := make([]string, len(images))
	for i := range images {
		if names[i], err = fullName(images[i].name); err != nil {
			return err
		}
		images[i].name = names[i]
	}
	archive := filepath.Join(dir, "images.tar")
	if err := packImages(archive, images); err != nil {
		return err
	}
	if _, err := c.ctr(ctx, "images", "import", "--snapshotter", c.Snapshotter, archive); err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	return poll(ctx, readyTimeout, "load images", func(ctx context.Context) (bool, string, error) {
		out, err := c.ctr(ctx, "images", "ls", "--quiet", `labels."io.cri-containerd.image"==managed`)
		if err != nil {
			return false, err.Error(), nil
		}
		known := strings.Fields(out)
		for _, name := range names {
			if !slices.Contains(known, name) {
				return false, name + " is not known yet", nil
			}
		}
		return true, "", nil
	})
}

// loadImage is the verb load-image.
func (m *manager) loadImage(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return usageError{"load-image takes a name, a folder and perhaps a command"}
	}
	name, root, cmd := args[0], args[1], args[2:]
	full, err := fullName(name)
	if err != nil {
		return usageError{err.Error()}
	}
	if err := checkMachine(); err != nil {
		return err
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	if info, err := os.Stat(root); err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	} else if !info.IsDir() {
		return fmt.Errorf("load %s: %s is not a folder", name, root)
	}
	if len(cmd) == 0 {
		cmd = []string{"sh"}
	}
	unlock, err := lockExisting(ctx, m.dir)
	if err != nil {
		return err
	}
	defer unlock()
	c, err := loadCluster(m.dir)
	if err != nil {
		return err
	}
	img := image{name: name, cmd: cmd, write: func(l *layer) error { return l.tree(root) }}
	if err := c.importImages(ctx, []image{img}); err != nil {
		return err
	}
	if !slices.Contains(c.Images, full) {
		c.Images = append(c.Images, full)
		if err := c.save(); err != nil {
			return err
		}
	}
	m.say("loaded %s", full)
	return nil
}

// parsePlugins looks for the CRI plugin in the output of ctr plugins ls, and
// says whether it works. containerd 2 split it in two, the service and the
// runtime.
func parsePlugins(out string) (bool, error) {
	found := false
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "cri" || fields[0] != "io.containerd.grpc.v1" {
			continue
		}
		if state := fields[len(fields)-1]; state != "ok" {
			return false, fmt.Errorf("containerd's CRI plugin: %s", state)
		}
		found = true
	}
	return found, nil
}
