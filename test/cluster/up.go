package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// up is the verb up.
func (m *manager) up(ctx context.Context) error {
	if err := checkMachine(); err != nil {
		return err
	}
	if err := claimable(m.dir); err != nil {
		return err
	}
	folder := defaultKubernetes
	if version := os.Getenv("APOLO_CLUSTER_KUBERNETES"); version != "" {
		folder = "kubernetes-" + version
	}
	r, err := newRecipe(m.source, folder)
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, m.dir, func() { m.say("waiting for another run on the same cluster") })
	if err != nil {
		return err
	}
	defer unlock()
	if err := writeFile(filepath.Join(m.dir, markerFile), []byte("everything in this folder belongs to a test cluster\n"), 0o600); err != nil {
		return fmt.Errorf("mark the cluster's folder: %w", err)
	}
	if err := m.installPackages(ctx); err != nil {
		return err
	}
	if err := m.buildBinaries(ctx, r); err != nil {
		return err
	}

	c, why := m.reusable(r, time.Now())
	if c != nil {
		err := m.resume(ctx, c)
		if err == nil {
			m.say("the cluster in %s is up", c.Dir)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		why = err.Error()
	}
	if why != "" {
		m.say("starting afresh: %s", oneLine(why))
	}
	if err := m.wipe(ctx); err != nil {
		return fmt.Errorf("clean up an earlier cluster: %w", err)
	}
	if err := m.create(ctx, r); err != nil {
		m.abandon()
		return err
	}
	m.say("the cluster in %s is up", m.dir)
	return nil
}

// reusable returns the cluster in the folder if it can continue, or else the
// reason why not; both are empty where there is none.
func (m *manager) reusable(r *recipe, now time.Time) (*cluster, string) {
	if !exists(filepath.Join(m.dir, stateFile)) {
		return nil, ""
	}
	c, err := readCluster(m.dir)
	if err != nil {
		return nil, err.Error()
	}
	boot, err := hostProc().bootID()
	if err != nil {
		return nil, err.Error()
	}
	switch {
	case !c.Ready:
		return nil, "an earlier start did not finish"
	case c.BootID != boot:
		return nil, "the machine was restarted"
	case c.expired(now):
		return nil, "the cluster's certificates have expired"
	case c.BinDir != r.dir():
		return nil, "the cluster runs other binaries"
	case c.Fingerprint != c.fingerprint():
		return nil, "the cluster was made with other settings"
	case !isDir(filepath.Join("/sys/class/net", c.Network.Bridge)):
		return nil, "the pods' network is gone"
	case !slices.ContainsFunc(c.components(), c.running):
		return nil, "none of the cluster's processes is left"
	}
	return c, ""
}

// resume starts what a running cluster lacks, and checks all of it.
func (m *manager) resume(ctx context.Context, c *cluster) error {
	for _, comp := range c.components() {
		if c.running(comp) {
			continue
		}
		if err := m.startComponent(c, comp); err != nil {
			return err
		}
		if err := c.waitReady(ctx, comp); err != nil {
			return err
		}
	}
	if err := c.waitAll(ctx); err != nil {
		return err
	}
	a, err := c.api()
	if err != nil {
		return err
	}
	defer a.client.CloseIdleConnections()
	if err := c.setUpNode(ctx, a); err != nil {
		return err
	}
	return c.waitForPods(ctx)
}

// waitAll waits for all components at once.
func (c *cluster) waitAll(ctx context.Context) error {
	return together(c.components(), func(comp component) error { return c.waitReady(ctx, comp) })
}

// together does something for several things at the same time.
func together[T any](things []T, do func(T) error) error {
	results := make(chan error)
	for _, thing := range things {
		go func() { results <- do(thing) }()
	}
	var first error
	for range things {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// create starts a new cluster in an empty folder.
func (m *manager) create(ctx context.Context, r *recipe) error {
	c, err := m.plan(ctx, r)
	if err != nil {
		return err
	}
	if err := c.makePKI(time.Now()); err != nil {
		return err
	}
	if err := c.writeConfigs(); err != nil {
		return err
	}
	if err := makeCgroups(c.CgroupRoot); err != nil {
		return err
	}
	start := func(name string) error {
		comp := c.component(name)
		if err := m.startComponent(c, comp); err != nil {
			return err
		}
		return c.waitReady(ctx, comp)
	}
	// The images are loaded while the control plane starts.
	err = together([]func() error{
		func() error {
			if err := start("containerd"); err != nil {
				return err
			}
			if err := c.importImages(ctx, builtinImages(c.BinDir)); err != nil {
				return err
			}
			m.say("loaded %s", strings.Join(c.Images, " "))
			return nil
		},
		func() error {
			if err := start("etcd"); err != nil {
				return err
			}
			if err := start("apiserver"); err != nil {
				return err
			}
			return together([]string{"controller-manager", "scheduler"}, start)
		},
	}, func(do func() error) error { return do() })
	if err != nil {
		return err
	}
	a, err := c.api()
	if err != nil {
		return err
	}
	defer a.client.CloseIdleConnections()
	if err := c.setUpUsers(ctx, a); err != nil {
		return err
	}
	if err := start("kubelet"); err != nil {
		return err
	}
	m.say("waiting for the node and the users")
	if err := c.setUpNode(ctx, a); err != nil {
		return err
	}
	if err := c.waitForUsers(ctx, a); err != nil {
		return err
	}
	c.Ready = true
	return c.save()
}

// plan decides everything about a new cluster and writes it down.
func (m *manager) plan(ctx context.Context, r *recipe) (*cluster, error) {
	boot, err := hostProc().bootID()
	if err != nil {
		return nil, err
	}
	id := shortHash(m.dir)
	c := &cluster{
		Dir:               m.dir,
		ID:                id,
		KubernetesVersion: r.kubernetesVersion,
		EtcdVersion:       r.etcdVersion,
		BinDir:            r.dir(),
		Kubectl:           filepath.Join(r.dir(), "kubectl"),
		Node:              nodeName,
		CgroupRoot:        cgroupRoot(id),
		BootID:            boot,
		CNIDir:            cniDir(),
		Snapshotter:       "overlayfs",
		Kubeconfigs:       make(map[string]string),
	}
	c.CA = keyPair{CertFile: c.path("pki", "ca.crt"), KeyFile: c.path("pki", "ca.key")}
	c.AuditLog = c.path("audit.log")
	c.LogDir = c.path("log")
	c.ContainerdSocket = c.path("containerd.sock")
	for _, name := range append([]string{"admin"}, users()...) {
		c.Kubeconfigs[name] = c.kubeconfig(name)
	}
	for _, img := range builtinImages(c.BinDir) {
		full, err := fullName(img.name)
		if err != nil {
			return nil, err
		}
		c.Images = append(c.Images, full)
	}
	if !overlayWorks(m.dir) {
		c.Snapshotter = "native"
	}
	if err := claimKubeletFolder(kubeletFolder); err != nil {
		return nil, err
	}
	if err := c.planNetwork(ctx); err != nil {
		return nil, err
	}
	c.Server = fmt.Sprintf("https://127.0.0.1:%d", c.Ports.APIServer)
	c.Etcd = etcdAccess{
		URL:      fmt.Sprintf("https://127.0.0.1:%d", c.Ports.Etcd),
		CAFile:   c.path("pki", "etcd-ca.crt"),
		CertFile: c.path("pki", "etcd-client.crt"),
		KeyFile:  c.path("pki", "etcd-client.key"),
	}
	c.Fingerprint = c.fingerprint()
	return c, c.save()
}

// cgroupRoot is the cgroup of all pods of a cluster.
func cgroupRoot(id string) string { return "/apolo-" + id }

// fingerprint changes whenever this program would start the cluster in
// another way than it was started.
func (c *cluster) fingerprint() string {
	sum := sha256.New()
	for _, comp := range c.components() {
		fmt.Fprintf(sum, "%s %q\n", comp.name, comp.argv)
	}
	files := c.configFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %q\n", name, files[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// abandon ends the processes of a start that failed. Its files stay, because
// the logs say why; the next up or down removes them.
func (m *manager) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := &cluster{Dir: m.dir, CgroupRoot: cgroupRoot(shortHash(m.dir))}
	if err := errors.Join(c.endProcesses(ctx), unmountBelow(m.dir)); err != nil {
		m.say("%s", oneLine(err.Error()))
	}
}
