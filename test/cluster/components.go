package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// readyTimeout is how long a component may take to become ready. It takes a
// few seconds; a machine busy with other things may need much longer.
const readyTimeout = 2 * time.Minute

// component is one of the cluster's daemons.
type component struct {
	name  string
	port  int // 0 where it listens on a socket
	argv  []string
	grace time.Duration // how long it may take to end when asked to
	ready func(ctx context.Context) error
}

// componentNames are in the order in which they can be started.
func componentNames() []string {
	return []string{"etcd", "containerd", "apiserver", "controller-manager", "scheduler", "kubelet"}
}

func (c *cluster) component(name string) component {
	for _, comp := range c.components() {
		if comp.name == name {
			return comp
		}
	}
	panic("no component " + name)
}

func (c *cluster) components() []component {
	bin := func(name string) string { return filepath.Join(c.BinDir, name) }
	pki := func(name string) string { return c.path("pki", name) }
	port := strconv.Itoa
	etcdURL := fmt.Sprintf("https://127.0.0.1:%d", c.Ports.Etcd)
	etcdPeer := fmt.Sprintf("http://127.0.0.1:%d", c.Ports.EtcdPeer)
	serving := []string{"--tls-cert-file=" + pki("serving.crt"), "--tls-private-key-file=" + pki("serving.key")}
	client := func(name string) []string {
		return []string{
			"--kubeconfig=" + c.kubeconfig(name),
			"--authentication-kubeconfig=" + c.kubeconfig(name),
			"--authorization-kubeconfig=" + c.kubeconfig(name),
			// The API server publishes the configuration that these look up
			// only a moment after it became ready.
			"--authentication-tolerate-lookup-failure=true",
			"--leader-elect=false",
			"--bind-address=127.0.0.1",
			"--profiling=false",
			"--kube-api-qps=200",
			"--kube-api-burst=400",
		}
	}
	join := func(lists ...[]string) []string {
		var all []string
		for _, list := range lists {
			all = append(all, list...)
		}
		return all
	}

	return []component{
		{
			name: "etcd", port: c.Ports.Etcd, grace: 10 * time.Second,
			argv: []string{
				bin("etcd"),
				"--name=local",
				"--data-dir=" + c.path("etcd"),
				"--listen-client-urls=" + etcdURL,
				"--advertise-client-urls=" + etcdURL,
				"--listen-peer-urls=" + etcdPeer,
				"--initial-advertise-peer-urls=" + etcdPeer,
				"--initial-cluster=local=" + etcdPeer,
				"--cert-file=" + pki("etcd.crt"),
				"--key-file=" + pki("etcd.key"),
				"--trusted-ca-file=" + pki("etcd-ca.crt"),
				"--client-cert-auth=true",
				// The data need not survive a power cut, and waiting for
				// the disk is most of the time etcd takes.
				"--unsafe-no-fsync=true",
				"--log-level=warn",
			},
			ready: func(ctx context.Context) error { return c.etcdReady(ctx) },
		},
		{
			name: "containerd", grace: 20 * time.Second,
			argv:  []string{bin("containerd"), "--config", c.path("etc", "containerd.toml")},
			ready: func(ctx context.Context) error { return c.containerdReady(ctx) },
		},
		{
			name: "apiserver", port: c.Ports.APIServer, grace: 20 * time.Second,
			argv: join([]string{
				bin("kube-apiserver"),
				"--bind-address=127.0.0.1",
				"--advertise-address=127.0.0.1",
				"--secure-port=" + port(c.Ports.APIServer),
				// The reconciler refuses to publish a loopback address.
				"--endpoint-reconciler-type=none",
				"--etcd-servers=" + etcdURL,
				"--etcd-cafile=" + pki("etcd-ca.crt"),
				"--etcd-certfile=" + pki("etcd-client.crt"),
				"--etcd-keyfile=" + pki("etcd-client.key"),
				"--client-ca-file=" + pki("ca.crt"),
				"--cert-dir=" + c.path("pki"),
				"--service-account-issuer=https://kubernetes.default.svc",
				"--service-account-key-file=" + pki("service-account.pub"),
				"--service-account-signing-key-file=" + pki("service-account.key"),
				"--service-cluster-ip-range=" + serviceRange,
				"--authorization-mode=Node,RBAC",
				"--enable-admission-plugins=NodeRestriction",
				"--allow-privileged=true",
				"--kubelet-certificate-authority=" + pki("ca.crt"),
				"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"),
				"--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
				"--kubelet-preferred-address-types=InternalIP",
				"--encryption-provider-config=" + c.path("etc", "encryption.yaml"),
				"--audit-policy-file=" + c.path("etc", "audit-policy.yaml"),
				"--audit-log-path=" + c.AuditLog,
				// One file for the life of a cluster: a test that reads it
				// should not have to follow a rotation.
				"--audit-log-maxsize=4096",
				// Otherwise it waits a minute for watches that nobody ends
				// before it stops.
				"--shutdown-watch-termination-grace-period=1s",
				"--profiling=false",
			}, serving),
			ready: func(ctx context.Context) error { return c.httpReady(ctx, c.Ports.APIServer, "/readyz") },
		},
		{
			name: "controller-manager", port: c.Ports.ControllerManager, grace: 10 * time.Second,
			argv: join([]string{
				bin("kube-controller-manager"),
				"--secure-port=" + port(c.Ports.ControllerManager),
				"--root-ca-file=" + pki("ca.crt"),
				"--service-account-private-key-file=" + pki("service-account.key"),
				"--use-service-account-credentials=true",
				"--cluster-signing-cert-file=" + pki("ca.crt"),
				"--cluster-signing-key-file=" + pki("ca.key"),
				"--flex-volume-plugin-dir=" + c.path("kubelet", "volume-plugins"),
				"--controllers=*",
			}, client("controller-manager"), serving),
			ready: func(ctx context.Context) error { return c.httpReady(ctx, c.Ports.ControllerManager, "/healthz") },
		},
		{
			name: "scheduler", port: c.Ports.Scheduler, grace: 10 * time.Second,
			argv: join([]string{
				bin("kube-scheduler"),
				"--secure-port=" + port(c.Ports.Scheduler),
			}, client("scheduler"), serving),
			ready: func(ctx context.Context) error { return c.httpReady(ctx, c.Ports.Scheduler, "/healthz") },
		},
		{
			name: "kubelet", port: c.Ports.Kubelet, grace: 10 * time.Second,
			argv: []string{
				bin("kubelet"),
				"--kubeconfig=" + c.kubeconfig("kubelet"),
				"--config=" + c.path("etc", "kubelet.yaml"),
				"--root-dir=" + c.path("kubelet"),
				"--cert-dir=" + c.path("kubelet", "pki"),
				"--hostname-override=" + c.Node,
				// A kubelet refuses a loopback address of its own, but takes
				// any that a cloud provider gives to its node; the cloud
				// provider is this program.
				"--cloud-provider=external",
			},
			ready: func(ctx context.Context) error { return c.kubeletReady(ctx) },
		},
	}
}

func (c *cluster) noteFile(comp component) string { return c.path("pid", comp.name+".json") }
func (c *cluster) logFile(comp component) string  { return c.path("log", comp.name+".log") }

// running says whether the process that was started for a component is there.
func (c *cluster) running(comp component) bool {
	return hostProc().alive(readNote(c.noteFile(comp)))
}

func (m *manager) startComponent(c *cluster, comp component) error {
	if c.running(comp) {
		return nil
	}
	m.say("starting %s", comp.name)
	return spawn(c.Dir, c.logFile(comp), c.noteFile(comp), comp.argv)
}

func (m *manager) stopComponent(ctx context.Context, c *cluster, comp component, kill bool) error {
	id := readNote(c.noteFile(comp))
	if !hostProc().alive(id) {
		m.say("%s does not run", comp.name)
		return nil
	}
	grace := comp.grace
	if kill {
		grace = 0
	}
	m.say("stopping %s", comp.name)
	if err := hostProc().end(ctx, id, grace); err != nil || comp.port == 0 {
		return err
	}
	// A killed process is a zombie while its last threads still hold its sockets.
	return poll(ctx, 10*time.Second, "stop "+comp.name, func(context.Context) (bool, string, error) {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(comp.port)))
		if err != nil {
			return false, "its port is still in use", nil
		}
		return true, "", listener.Close()
	})
}

// waitReady waits until a component that was started answers. A component
// that ended is not waited for.
func (c *cluster) waitReady(ctx context.Context, comp component) error {
	return poll(ctx, readyTimeout, "start "+comp.name, func(ctx context.Context) (bool, string, error) {
		// The process is looked at first: if it ends in between, the check
		// fails and the next round sees it.
		running := c.running(comp)
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err := comp.ready(attempt)
		switch {
		case err == nil && running:
			return true, "", nil
		case !running:
			return false, "", fmt.Errorf("it ended; %s says: %s", c.logFile(comp), lastLine(c.logFile(comp)))
		default:
			return false, err.Error(), nil
		}
	})
}

// waitAfterStart waits for a component that was started on its own, and for
// those that must find it again before the cluster is usable.
func (c *cluster) waitAfterStart(ctx context.Context, comp component) error {
	if err := c.waitReady(ctx, comp); err != nil {
		return err
	}
	api, kubelet := c.component("apiserver"), c.component("kubelet")
	switch {
	case comp.name == "etcd" && c.running(api):
		return c.waitReady(ctx, api)
	case comp.name == "containerd" && c.running(kubelet):
		return c.waitReady(ctx, kubelet)
	case comp.name == "kubelet" && c.running(api):
		return c.waitForPods(ctx)
	}
	return nil
}

// waitForPods waits until the kubelet knows all pods of its node. After a
// start it is healthy before it has read them from the API server, and
// refuses to show their logs or to run anything in them.
func (c *cluster) waitForPods(ctx context.Context) error {
	a, err := c.api()
	if err != nil {
		return err
	}
	defer a.client.CloseIdleConnections()
	kubelet := &api{client: a.client, server: fmt.Sprintf("https://127.0.0.1:%d", c.Ports.Kubelet)}
	return poll(ctx, readyTimeout, "wait for the kubelet", func(ctx context.Context) (bool, string, error) {
		placed, err := a.pods(ctx, "/api/v1/pods?fieldSelector=spec.nodeName="+c.Node)
		if err != nil {
			return false, err.Error(), nil
		}
		known, err := kubelet.pods(ctx, "/pods")
		if err != nil {
			return false, err.Error(), nil
		}
		for uid, name := range placed {
			if _, ok := known[uid]; !ok {
				return false, "it does not know the pod " + name, nil
			}
		}
		return true, "", nil
	})
}

func (c *cluster) etcdReady(ctx context.Context) error {
	client, err := httpsClient(c.Etcd.CAFile, c.Etcd.CertFile, c.Etcd.KeyFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return expectOK(ctx, client, c.Etcd.URL+"/readyz")
}

func (c *cluster) httpReady(ctx context.Context, port int, path string) error {
	client, err := httpsClient(c.CA.CertFile, c.path("pki", "admin.crt"), c.path("pki", "admin.key"))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return expectOK(ctx, client, fmt.Sprintf("https://127.0.0.1:%d%s", port, path))
}

func (c *cluster) containerdReady(ctx context.Context) error {
	// A look at the socket first: ctr would wait for it to appear.
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.ContainerdSocket)
	if err != nil {
		return err
	}
	conn.Close()
	out, err := c.ctr(ctx, "plugins", "ls")
	if err != nil {
		return err
	}
	return criReady(out)
}

// kubeletReady asks both of the kubelet's servers: the one that reports its
// health and the one that kubectl logs and exec end at.
func (c *cluster) kubeletReady(ctx context.Context) error {
	client, err := httpsClient(c.CA.CertFile, c.path("pki", "admin.crt"), c.path("pki", "admin.key"))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := expectOK(ctx, client, fmt.Sprintf("http://127.0.0.1:%d/healthz", c.Ports.KubeletHealth)); err != nil {
		return err
	}
	return expectOK(ctx, client, fmt.Sprintf("https://127.0.0.1:%d/healthz", c.Ports.Kubelet))
}

// status prints the state of every component, and fails if one is not well.
func (m *manager) status(ctx context.Context) error {
	c, err := loadCluster(m.dir)
	if err != nil {
		return err
	}
	bad := 0
	for _, comp := range c.components() {
		id := readNote(c.noteFile(comp))
		where := "port " + strconv.Itoa(comp.port)
		if comp.port == 0 {
			where = c.ContainerdSocket
		}
		switch {
		case !hostProc().alive(id):
			bad++
			fmt.Fprintf(m.out, "%-20s stopped\n", comp.name)
		default:
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := comp.ready(attempt)
			cancel()
			state := "ready"
			if err != nil {
				bad++
				state = "not ready: " + oneLine(err.Error())
			}
			fmt.Fprintf(m.out, "%-20s running, pid %d, %s, %s\n", comp.name, id.PID, where, state)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d components are not ready", bad, len(componentNames()))
	}
	return nil
}

// env prints what a shell needs to use the cluster as alice.
func (m *manager) env() error {
	c, err := loadCluster(m.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.out, "export KUBECONFIG=%s\nexport PATH=%s:\"$PATH\"\nexport APOLO_CLUSTER_DIR=%s\n",
		shellQuote(c.Kubeconfigs["alice"]), shellQuote(c.BinDir), shellQuote(c.Dir))
	return nil
}

// criReady reads ctr's list of plugins: containerd answers on its socket even
// if the part that the kubelet needs failed to load.
func criReady(out string) error {
	found, err := parsePlugins(out)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("containerd runs without its CRI plugin")
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
