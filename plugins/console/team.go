package console

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// Where a pod finds the API server; every namespace has the ConfigMap kube-root-ca.crt with its
// authority, which docs/console-team.yaml mounts there.
const (
	defaultServer = "https://kubernetes.default.svc"
	defaultCA     = "/etc/apolo/ca.crt"
)

// teamOptions are the flags of --in-cluster.
type teamOptions struct {
	enabled     bool
	address     string
	hosts       cmdline.Strings
	server      string
	authority   string
	clusterName string
	certificate string
	key         string
	plainHTTP   bool
}

func (o *teamOptions) flags() []cli.Flag {
	const category = "For a team, with --in-cluster:"
	text := func(name, usage, value string, destination *string) cli.Flag {
		return &cli.StringFlag{Name: name, Usage: usage, Value: value, Destination: destination, Category: category}
	}
	return []cli.Flag{
		&cli.BoolFlag{Name: "in-cluster", Usage: "serve a team from a pod: each logs in with their own Kubernetes token",
			Destination: &o.enabled, DisableDefaultText: true, Category: category},
		text("address", "`HOST:PORT` to listen on", ":8080", &o.address),
		&cli.GenericFlag{Name: "host", Usage: "`NAME` that visitors have in their address bar, such as console.example.com; may be given several times",
			Value: &o.hosts, Category: category},
		text("api-server", "`URL` of the API server", defaultServer, &o.server),
		text("api-server-ca", "`FILE` with who signed its certificate", defaultCA, &o.authority),
		text("cluster-name", "`NAME` of the cluster, for the URIs of secrets", "cluster", &o.clusterName),
		text("tls-cert", "`FILE` with the certificate to serve with; without it an ingress must do TLS", "", &o.certificate),
		text("tls-key", "`FILE` with its key", "", &o.key),
		&cli.BoolFlag{Name: "plain-http", Usage: "visitors reach it without any TLS, on a network that everybody trusts; their tokens cross it in plain text",
			Destination: &o.plainHTTP, DisableDefaultText: true, Category: category},
	}
}

// complete checks the flags; given reports which were typed.
func (o *teamOptions) complete(given func(string) bool) error {
	if !o.enabled {
		for _, flag := range o.flags() {
			if name := flag.Names()[0]; given(name) {
				return cmdline.Usagef("--%s works with --in-cluster", name)
			}
		}
		return nil
	}
	for _, name := range []string{"port", "no-browser", "kubeconfig", "context", "cluster", "user", "as", "as-group"} {
		if given(name) {
			return cmdline.Usagef("--%s can't be used with --in-cluster, where each visitor is who their token says", name)
		}
	}
	if len(o.hosts) == 0 {
		return cmdline.Usagef("--in-cluster needs --host, the name that visitors have in their address bar")
	}
	if i := slices.IndexFunc(o.hosts, func(host string) bool { return host == "" || strings.ContainsAny(host, "/: *") }); i >= 0 {
		return cmdline.Usagef("--host %q must be a name alone, such as console.example.com", o.hosts[i])
	}
	if _, _, err := net.SplitHostPort(o.address); err != nil {
		return cmdline.Usagef("--address %q must be HOST:PORT or :PORT", o.address)
	}
	if server, err := url.Parse(o.server); err != nil || server.Scheme != "https" || server.Host == "" {
		return cmdline.Usagef("--api-server %q must be a URL that begins with https://", o.server)
	}
	if (o.certificate == "") != (o.key == "") {
		return cmdline.Usagef("--tls-cert and --tls-key belong together")
	}
	if o.plainHTTP && o.certificate != "" {
		return cmdline.Usagef("--plain-http and --tls-cert exclude each other")
	}
	return nil
}

// team describes the server.
func (o *teamOptions) team(namespace, userAgent string) (*console.Team, error) {
	if err := cmdline.HomePaths(&o.authority, &o.certificate, &o.key); err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(o.authority)
	if err != nil {
		return nil, fmt.Errorf("--api-server-ca: %w; mount the ConfigMap kube-root-ca.crt there", err)
	}
	return &console.Team{
		Cluster: kube.TokenOptions{Cluster: o.clusterName, Server: o.server, CAData: authority, Namespace: namespace, UserAgent: userAgent},
		Hosts:   o.hosts,
		Secure:  !o.plainHTTP,
	}, nil
}

// listen opens the address, with TLS where there is a certificate. Its file is read for every
// connection, because it is renewed while the server runs.
func (o *teamOptions) listen(ctx context.Context) (net.Listener, error) {
	if o.certificate != "" {
		if _, err := tls.LoadX509KeyPair(o.certificate, o.key); err != nil {
			return nil, fmt.Errorf("--tls-cert: %w", err)
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", o.address)
	if err != nil || o.certificate == "" {
		return listener, err
	}
	return tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.certificate, o.key)
			return &pair, err
		},
	}), nil
}
