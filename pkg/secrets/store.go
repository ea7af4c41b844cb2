// Package secrets keeps secrets, one Kubernetes Secret per key, so that RBAC can name each.
//
// Values move in two places only: the body of the request that stores one, and the answer to
// Store.Get, Store.Read and Store.ReadObject. Everything else asks the API server for metadata.
package secrets

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// Errors that callers distinguish with errors.Is.
var (
	// ErrExists says that the key has a value and was not to be overwritten.
	ErrExists = errors.New("already exists")
	// ErrNotFound says that there is no such key.
	ErrNotFound = errors.New("does not exist")
	// ErrChanged says that somebody has changed or removed the secret since it was read.
	ErrChanged = errors.New("was changed by somebody else in the meantime")
	// ErrAdopted says that the value belongs to another tool, which alone may change it.
	ErrAdopted = errors.New("is adopted")
	// ErrMissingData says that the Kubernetes Secret of a key is there, without its value.
	ErrMissingData = errors.New("its Kubernetes Secret has lost the value")
	// ErrNotManaged says that a Secret with the name that the key needs exists, and is not ours.
	ErrNotManaged = errors.New("taken by a Kubernetes Secret that Apolo did not make")
)

// Secret is what can be known of a secret without its value.
type Secret struct {
	Namespace string
	Key       string
	Object    string // the name of the Kubernetes Secret
	UID       types.UID
	Created   time.Time
	// DataKey is which data key of the Kubernetes Secret has the value: Key itself, unless it is adopted, or another
	// tool has renamed the Secret.
	DataKey string
	// Owner is, of an adopted Secret, the tool that it belongs to; empty for one that Apolo made.
	Owner string
	// BeingDeleted says that the Secret was deleted and what holds it; nil for others. Its value can be read, and what
	// is written to it is lost.
	BeingDeleted *kube.BeingDeletedError
	// Timer is what ends the secret, by name and UID; Name is empty for one without an end.
	Timer timers.Timer
}

// Value is a secret with its value.
type Value struct {
	Secret
	Data []byte

	resourceVersion string
}

// Store is the secrets of one namespace. It is safe for use by several goroutines.
type Store struct {
	client    *kube.Client
	where     uri.Secret // as the user named the namespace; Key is empty
	namespace string
	metadata  metadata.Interface
	core      *rest.RESTClient
	roles     *secretroles.Client
	timers    *timers.Client

	// Warn, if it is set, is told what the user has to know although a call succeeded. It may be called by several
	// goroutines at once.
	Warn func(text string)
}

// NewStore opens the place that where names, in the cluster that client is connected to. An empty
// namespace means the client's current one. It makes no request.
func NewStore(client *kube.Client, where uri.Secret) (*Store, error) {
	where.Key = ""
	md, err := client.Metadata()
	if err != nil {
		return nil, err
	}
	core, err := client.REST(secretsResource.GroupVersion(), kube.NewScheme(secretsResource.GroupVersion()))
	if err != nil {
		return nil, err
	}
	namespace := where.Namespace
	if namespace == "" {
		namespace = client.Namespace
	}
	roles, err := secretroles.NewClient(client, namespace)
	if err != nil {
		return nil, err
	}
	return &Store{client: client, where: where, namespace: namespace, metadata: md, core: core, roles: roles,
		timers: timers.NewClient(client, namespace)}, nil
}

// Namespace is the one that the store is of.
func (s *Store) Namespace() string { return s.namespace }

// Roles are the client for the Roles that give access to secrets of this store.
func (s *Store) Roles() *secretroles.Client { return s.roles }

// Timers are the client for what ends secrets of this store, and access to them.
func (s *Store) Timers() *timers.Client { return s.timers }

// URI is how the user would call a key of this store: as short as the place was named.
func (s *Store) URI(key string) uri.Secret {
	u := s.where
	u.Key = key
	return u
}
