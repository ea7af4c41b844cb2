package kube

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TokenOptions say how to connect with a bearer token, and with nothing that the process has itself:
// no kubeconfig and no service account of its own is read.
type TokenOptions struct {
	Cluster   string // what the cluster is called
	Server    string // the URL of the API server
	CAData    []byte // PEM of who signed its certificate; empty: the system's authorities
	Token     string
	Namespace string // the current one; empty: "default"
	UserAgent string
}

// NewClientWithToken prepares a connection for who has the token.
func NewClientWithToken(o TokenOptions) (*Client, error) {
	config := &rest.Config{
		Host:            o.Server,
		BearerToken:     o.Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: o.CAData},
		UserAgent:       o.UserAgent,
		Timeout:         DefaultRequestTimeout,
		QPS:             -1,

		WarningHandlerWithContext: warnings{}, // to those alone whom a context names
	}
	transport, err := newTransport(config)
	if err != nil {
		return nil, err
	}
	if o.Namespace == "" {
		o.Namespace = metav1.NamespaceDefault
	}
	return &Client{Cluster: o.Cluster, Namespace: o.Namespace, ContextNamespace: o.Namespace, config: config,
		transport: transport, httpClient: httpClient(transport, config, false)}, nil
}

// In returns the same connection with another current namespace; an empty one changes nothing.
func (c *Client) In(namespace string) *Client {
	if namespace == "" || namespace == c.Namespace {
		return c
	}
	other := *c
	other.Namespace = namespace
	return &other
}

// Clusters lists, sorted, the names of the clusters that the contexts of the kubeconfig point to.
func Clusters(o *Options) ([]string, error) {
	files := o.load()
	if files.err != nil {
		return nil, files.err
	}
	var names []string
	for _, context := range files.config.Contexts {
		if files.config.Clusters[context.Cluster] != nil {
			names = append(names, context.Cluster)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Entries are the names of what is in a kubeconfig, each list sorted.
type Entries struct{ Contexts, Clusters, Users []string }

// EntriesOf reads the names of a kubeconfig's entries, whichever of them are in use.
func EntriesOf(o *Options) (Entries, error) {
	files := o.load()
	if files.err != nil {
		return Entries{}, files.err
	}
	raw := files.config
	return Entries{
		Contexts: slices.Sorted(maps.Keys(raw.Contexts)),
		Clusters: slices.Sorted(maps.Keys(raw.Clusters)),
		Users:    slices.Sorted(maps.Keys(raw.AuthInfos)),
	}, nil
}
