// Package remote connects to what runs in a pod: it runs commands, attaches to a process, and forwards ports. Each connection
// is a WebSocket, or SPDY where a server or a proxy in between can't do that.
package remote

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

const podsResource = "pods" // as RBAC calls it

// Client connects to containers of one name. It is safe for use by several goroutines.
type Client struct {
	kube      *kube.Client
	core      rest.Interface // only makes URLs
	container string
}

// NewClient prepares a Client for the container of that name in any pod. It makes no request.
func NewClient(client *kube.Client, container string) (*Client, error) {
	core, err := client.StreamingREST(corev1.SchemeGroupVersion, kube.NewScheme(corev1.SchemeGroupVersion))
	if err != nil {
		return nil, err
	}
	return &Client{kube: client, core: core, container: container}, nil
}

// OutputError is an error of the writer that gets what a stream brings, after which reading on makes no sense.
type OutputError struct{ error }

// Unwrap returns the error of the writer.
func (e OutputError) Unwrap() error { return e.error }
