package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// Get returns the value of a key. It returns ErrNotFound or ErrNotManaged where there is none.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Read(ctx, key)
	return value.Data, err
}

// Read is Get with all else that is known of the secret.
func (s *Store) Read(ctx context.Context, key string) (Value, error) {
	if err := uri.ValidateKey(key); err != nil {
		return Value{}, s.wrap(key, err)
	}
	object, err := s.readObject(ctx, ObjectName(key))
	if err != nil {
		return Value{}, s.wrap(key, err)
	}
	if err := checkManaged(&object.Metadata, key); err != nil {
		return Value{}, s.wrap(key, err)
	}
	value := Value{Secret: describe(&object.Metadata), resourceVersion: object.Metadata.ResourceVersion}
	value.Key = key
	var ok bool
	switch value.Data, ok = object.Data[value.DataKey]; {
	case ok:
		return value, nil
	case value.Owner == "" && value.DataKey != key:
		// Not renamed after all: somebody has changed the annotation.
		if value.Data, ok = object.Data[key]; ok {
			value.DataKey = key
			return value, nil
		}
	case value.Owner != "":
		return Value{}, s.wrap(key, fmt.Errorf("its Kubernetes Secret, of %s, has no data key %q; adopt it again with another", value.Owner, value.DataKey))
	}
	return Value{}, s.wrap(key, fmt.Errorf("%w; add it again with --overwrite", ErrMissingData))
}

// ReadObject returns all data keys of the Kubernetes Secret of a name, whoever made it. It returns ErrNotFound where
// there is none.
func (s *Store) ReadObject(ctx context.Context, name string) (map[string][]byte, error) {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, fmt.Errorf("%q can't be the name of a Kubernetes Secret", name)
	}
	read, err := s.readObject(ctx, name)
	if err != nil {
		return nil, s.wrapObject(name, err)
	}
	return read.Data, nil
}

// object is as much of a Kubernetes Secret as is needed here.
type object struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Data     map[string][]byte `json:"data"`
}

// readObject reads the Kubernetes Secret of a name, with its values.
func (s *Store) readObject(ctx context.Context, name string) (*object, error) {
	body, err := kube.Body(s.core.Get().
		Namespace(s.Namespace()).
		Resource(secretsResource.Resource).
		Name(name).
		SetHeader("Accept", runtime.ContentTypeJSON).
		Do(ctx))
	if err != nil {
		return nil, s.explainObject(err, "get", name)
	}
	read := &object{}
	if json.Unmarshal(body, read) != nil {
		// The error of encoding/json can quote what it read.
		return nil, fmt.Errorf("unexpected response from %s (not a Secret); is a proxy intercepting requests?", s.client.Host())
	}
	return read, nil
}

// Lookup finds a key without reading its value. It returns ErrNotFound or ErrNotManaged where there
// is none.
func (s *Store) Lookup(ctx context.Context, key string) (Secret, error) {
	if err := uri.ValidateKey(key); err != nil {
		return Secret{}, s.wrap(key, err)
	}
	found, err := s.lookup(ctx, key)
	return found, s.wrap(key, err)
}

func (s *Store) lookup(ctx context.Context, key string) (Secret, error) {
	object, err := s.lookupObject(ctx, key)
	if err != nil {
		return Secret{}, err
	}
	return describe(object), nil
}

func (s *Store) lookupObject(ctx context.Context, key string) (*metav1.PartialObjectMetadata, error) {
	object, err := s.metadata.Resource(secretsResource).Namespace(s.Namespace()).Get(ctx, ObjectName(key), metav1.GetOptions{})
	if err != nil {
		return nil, s.explain(err, "get", key)
	}
	return object, checkManaged(object, key)
}

// checkManaged refuses a Secret that the store must not touch.
func checkManaged(object metav1.Object, key string) error {
	if !isManaged(object) {
		return fmt.Errorf("%w (%s); choose another key, or 'secret adopt %s'", ErrNotManaged, object.GetName(), object.GetName())
	}
	if object.GetName() != ObjectName(key) {
		return fmt.Errorf("the API server answered with the Secret %q, which was not asked for", object.GetName())
	}
	return nil
}

// isManaged reports whether a Secret is to be seen as one of Apolo's keys.
func isManaged(object metav1.Object) bool {
	mark := object.GetLabels()[wellknown.LabelSecret]
	return mark == wellknown.LabelTrue || mark == wellknown.LabelAdopted
}

func describe(object metav1.Object) Secret {
	described := Secret{
		Namespace: object.GetNamespace(),
		Key:       keyOf(object),
		Object:    object.GetName(),
		UID:       object.GetUID(),
		Created:   object.GetCreationTimestamp().Time,
	}
	described.DataKey = described.Key
	described.Timer, _ = timers.OwnerOf(object)
	_ = errors.As(kube.CheckNotBeingDeleted(object), &described.BeingDeleted) // else it stays nil
	switch object.GetLabels()[wellknown.LabelSecret] {
	case wellknown.LabelTrue:
		// A tool that renames objects, as kustomize does with namePrefix, leaves the annotation and the data as they were.
		// The key is what the object's name says, so that it can't pass for another one.
		if before := object.GetAnnotations()[wellknown.AnnotationKey]; uri.ValidateKey(before) == nil {
			described.DataKey = before
		}
	case wellknown.LabelAdopted:
		described.DataKey, described.Owner = object.GetAnnotations()[wellknown.AnnotationDataKey], ownerOf(object)
	}
	return described
}

// KeyOfObject reads which key the Kubernetes Secret of a name holds, without its value.
func KeyOfObject(ctx context.Context, client *kube.Client, namespace, object string) (string, error) {
	md, err := client.Metadata()
	if err != nil {
		return "", err
	}
	found, err := md.Resource(secretsResource).Namespace(namespace).Get(ctx, object, metav1.GetOptions{})
	if err != nil {
		return "", client.Explain(err, kube.Request{Verb: "get", Resource: secretsResource.Resource, Namespace: namespace, Name: object})
	}
	return keyOf(found), nil
}
