package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
)

// kubeconfigAge is how long what was read from the kubeconfig is good for: other programs put new
// credentials into it.
const kubeconfigAge = 30 * time.Second

// visitor is as whom a session talks to clusters.
type visitor interface {
	// client connects to a cluster; an empty name means the current one.
	client(cluster string) (*kube.Client, error)
	// clusters lists the names of those that there are.
	clusters() ([]string, error)
	// namespaces lists those that the visitor may want to work in.
	namespaces(ctx context.Context, client *kube.Client) ([]string, error)
	// configured lists those that are known without a request.
	configured(cluster string) []string
	// used notes that the visitor works in a namespace.
	used(client *kube.Client, namespace string)
}

// owner is who started the program, with the kubeconfig.
type owner struct {
	options *kube.Options
	now     func() time.Time

	mutex sync.Mutex
	known map[string]connection // by the name of the cluster, where "" is the current one
}

type connection struct {
	client *kube.Client
	made   time.Time
}

func (o *owner) client(cluster string) (*kube.Client, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if known, ok := o.known[cluster]; ok && o.now().Sub(known.made) < kubeconfigAge {
		return known.client, nil
	}
	client, err := kube.NewClientFor(o.options, cluster)
	if err != nil {
		return nil, err
	}
	if o.known == nil {
		o.known = map[string]connection{}
	}
	o.known[cluster] = connection{client, o.now()} // of clusters that exist only, so there are few
	return client, nil
}

func (o *owner) clusters() ([]string, error) { return kube.Clusters(o.options) }

func (o *owner) namespaces(ctx context.Context, client *kube.Client) ([]string, error) {
	found, err := namespaces.Find(ctx, o.options, client, nil)
	return found.Names, err
}

func (o *owner) configured(cluster string) []string {
	names, err := kube.NamespacesOf(o.options, cluster)
	if err != nil {
		return nil
	}
	return names
}

func (o *owner) used(client *kube.Client, namespace string) { namespaces.Remember(client, namespace) }

// guest is a member of a team who logged in with a token.
type guest struct {
	connection *kube.Client

	mutex sync.Mutex
	known []string // namespaces where something is shared with the guest
}

// maxKnown bounds what is remembered for a guest.
const maxKnown = 200

// errOtherCluster says that a team's console is for one cluster.
var errOtherCluster = errors.New("this console is for one cluster only")

func (g *guest) client(cluster string) (*kube.Client, error) {
	if cluster != "" && cluster != g.connection.Cluster {
		return nil, errOtherCluster
	}
	return g.connection, nil
}

func (g *guest) clusters() ([]string, error) { return []string{g.connection.Cluster}, nil }

func (g *guest) namespaces(ctx context.Context, client *kube.Client) ([]string, error) {
	names, err := namespaces.All(ctx, client)
	if apierrors.IsForbidden(err) {
		return g.configured(""), nil
	}
	return names, err
}

func (g *guest) configured(string) []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return withName(g.known, g.connection.Namespace)
}

// used remembers for this session alone: what one guest does is no other's business.
func (g *guest) used(_ *kube.Client, namespace string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if len(g.known) < maxKnown {
		g.known = withName(g.known, namespace)
	}
}

// ownNamespace is where a user works who did not say where: a service account in its own namespace.
func ownNamespace(user string) string {
	parts := strings.Split(user, ":")
	if len(parts) == 4 && parts[0] == "system" && parts[1] == "serviceaccount" {
		return parts[2]
	}
	return ""
}

// withName adds a name to a sorted list that may lack it.
func withName(names []string, name string) []string {
	if name == "" {
		return names
	}
	at, found := slices.BinarySearch(names, name)
	if found {
		return names
	}
	return slices.Insert(slices.Clone(names), at, name)
}
