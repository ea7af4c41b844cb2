// Package kube connects to a cluster with the user's own kubeconfig, and puts what the API server
// and the network answer into sentences.
//
// It has no clientset: each package that talks to the API server brings the few types it needs
// (see Client.REST), which keeps the binaries small and quick to start.
package kube

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/metadata"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credentials that kubectl accepts must work here too
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// DefaultRequestTimeout bounds every request that isn't a stream where the user set no
// --request-timeout. kubectl waits forever there.
const DefaultRequestTimeout = time.Minute

// inCluster names the cluster that a pod without a kubeconfig runs in.
const inCluster = "in-cluster"

// Options say which cluster to talk to, and as whom. They are kubectl's global flags: flags bind
// straight into Overrides, so that what they mean is decided by clientcmd as for kubectl.
type Options struct {
	Kubeconfig string // path of the only kubeconfig file to read; empty: as KUBECONFIG says
	Overrides  clientcmd.ConfigOverrides
	UserAgent  string // how the audit log of the cluster calls the command
	// Warn, which may be nil, gets the warnings that an API server sends beside its answers. They are not harmless for a
	// terminal. It may be called by several goroutines at the same time.
	Warn func(text string)
	// Files keep what was read, for all copies of the options; nil: it is read for each call.
	Files *ConfigFiles
}

// Client is a connection to one cluster. It makes no request until it is used, is safe for use by
// several goroutines, and shares its connections among all clients it hands out.
type Client struct {
	// Cluster is the name of the cluster's entry in the kubeconfig.
	Cluster string
	// Context is the name of the kubeconfig context in use; empty inside a cluster.
	Context string
	// Namespace is the current one: the flag's, else the context's, else "default".
	Namespace string
	// ContextNamespace is the context's own, whatever the flag says.
	ContextNamespace string
	// InCluster reports whether this is a pod without a kubeconfig, with the pod's own identity.
	InCluster bool

	config     *rest.Config
	transport  *transport
	httpClient *http.Client // over transport, for single requests
}

// NewClient reads the kubeconfig and prepares a connection with the context that it, or a flag,
// names. It returns ErrNoKubeconfig where there is none, and an error that names the entry where
// a context, cluster or user does not exist.
func NewClient(o *Options) (*Client, error) {
	return newClient(o.load(), o, o.Overrides)
}

// NewClientFor is NewClient for the cluster whose kubeconfig entry has the given name. An empty
// name means the current one. The current context is preferred, then the first in alphabetical
// order that points to this cluster.
func NewClientFor(o *Options, cluster string) (*Client, error) {
	files := o.load()
	current, err := newClient(files, o, o.Overrides)
	if cluster == "" || files.err != nil || (err == nil && current.Cluster == cluster) {
		return current, err
	}
	var contexts, clusters []string
	for name, context := range files.config.Contexts {
		if context.Cluster == cluster {
			contexts = append(contexts, name)
		}
		clusters = append(clusters, context.Cluster)
	}
	if len(contexts) == 0 {
		if err != nil && len(clusters) == 0 {
			return nil, err
		}
		slices.Sort(clusters)
		return nil, fmt.Errorf("cluster %q: no context of the kubeconfig points to it (there are: %s)",
			cluster, strings.Join(slices.Compact(clusters), ", "))
	}
	overrides := o.Overrides
	overrides.CurrentContext = slices.Min(contexts)
	overrides.Context.Cluster = ""
	return newClient(files, o, overrides)
}

func newClient(files *configFile, o *Options, overrides clientcmd.ConfigOverrides) (*Client, error) {
	if files.err != nil {
		return nil, files.err
	}
	config, namespace, err := files.settings(&overrides)
	if err != nil {
		return nil, err
	}
	client := &Client{Cluster: inCluster, Namespace: namespace, ContextNamespace: namespace, InCluster: files.mayBeInCluster(&overrides)}
	client.Context = cmp.Or(overrides.CurrentContext, files.config.CurrentContext)
	if context, ok := files.config.Contexts[client.Context]; ok {
		client.Cluster = context.Cluster
		client.ContextNamespace = cmp.Or(context.Namespace, metav1.NamespaceDefault)
	}
	if overrides.Context.Cluster != "" {
		client.Cluster = overrides.Context.Cluster
	}

	if overrides.Timeout == "" || overrides.Timeout == "0" {
		config.Timeout = 0
	}
	if overrides.Timeout == "" {
		config.Timeout = DefaultRequestTimeout
	}
	config.QPS = -1 // the server's own fairness is enough; waiting here would only slow down bursts
	config.WarningHandlerWithContext = warnings{o.Warn}
	config.UserAgent = o.UserAgent
	config.Wrap(serializeFirstRequest)
	client.config = config
	if client.transport, err = newTransport(config); err != nil {
		return nil, describeConfigError(err)
	}
	client.httpClient = httpClient(client.transport, config, false)
	return client, nil
}

// Host is the URL of the API server.
func (c *Client) Host() string { return c.config.Host }

// Now is the time by the API server's clock, as its last answer told it, to within a few seconds; before the first one,
// by this machine's. What is compared with times that are in the cluster is to come from here.
func (c *Client) Now() time.Time { return time.Now().Add(time.Duration(c.transport.ahead.Load())) }

// RequestTimeout is how long a request may take, with all that is tried again; 0: forever.
func (c *Client) RequestTimeout() time.Duration { return c.config.Timeout }

// RESTConfig returns a copy of the connection's configuration for libraries that need one, for
// streams: it has no time limit but for their beginning.
func (c *Client) RESTConfig() *rest.Config {
	config := rest.CopyConfig(c.config)
	config.Timeout = 0
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return newGuard(&handshake{next, c.config.Timeout}, c.config, true)
	})
	return config
}

// HTTP makes single requests that no API group has, with the user's credentials and a time limit. An answer that is too
// large for an API server's is an error.
func (c *Client) HTTP() *http.Client { return c.httpClient }

// Metadata returns a client that reads and deletes objects of every kind, and never receives more
// of them than their metadata.
func (c *Client) Metadata() (metadata.Interface, error) {
	return metadata.NewForConfigAndClient(c.config, c.httpClient)
}

// REST returns a client for one API group version, which speaks protobuf where the types in the
// scheme can. The scheme needs no more than the types that the caller reads and writes;
// NewScheme makes one.
func (c *Client) REST(version schema.GroupVersion, scheme *runtime.Scheme) (*rest.RESTClient, error) {
	return restClient(c.config, c.httpClient, version, scheme)
}

// StreamingREST is REST without a time limit for the answer, for watches and logs. Only the beginning of a
// watch, and of a log that isn't followed, has to come in time.
func (c *Client) StreamingREST(version schema.GroupVersion, scheme *runtime.Scheme) (*rest.RESTClient, error) {
	return restClient(c.RESTConfig(), httpClient(c.transport, c.config, true), version, scheme)
}

func restClient(base *rest.Config, httpClient *http.Client, version schema.GroupVersion, scheme *runtime.Scheme) (*rest.RESTClient, error) {
	config := rest.CopyConfig(base)
	config.GroupVersion = &version
	config.APIPath = "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return rest.RESTClientForConfigAndClient(config, httpClient)
}

// Body is the body of an answer. Its errors are those of Result.Error, which say what the API server said; those of
// Result.Raw know less.
func Body(answer rest.Result) ([]byte, error) {
	if err := answer.Error(); err != nil {
		return nil, err
	}
	return answer.Raw()
}

// NewScheme returns a scheme that knows the given types of one API group version, besides what
// every answer of an API server may be (Status, WatchEvent, the options of a request).
func NewScheme(version schema.GroupVersion, types ...runtime.Object) *runtime.Scheme {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(version, types...)
	metav1.AddToGroupVersion(scheme, version)
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme
}

// NamespacesOf lists, sorted, the namespaces that the kubeconfig's contexts name for a cluster.
func NamespacesOf(o *Options, cluster string) ([]string, error) {
	files := o.load()
	if files.err != nil {
		return nil, files.err
	}
	var names []string
	for _, context := range files.config.Contexts {
		if context.Cluster == cluster && context.Namespace != "" {
			names = append(names, context.Namespace)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
