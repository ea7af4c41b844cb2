// Package secrets keeps secrets, one Kubernetes Secret per key, so that RBAC can name each.
//
// Values move in two places only: the body of the request that stores one, and the answer to
// Store.Get, Store.Read and Store.ReadObject. Everything else asks the API server for metadata.
package secrets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
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
	// ErrLost says that the Kubernetes Secret of a key is there, without its value.
	ErrLost = errors.New("its Kubernetes Secret has lost the value")
	// ErrForeign says that a Secret with the name that the key needs exists, and is not ours.
	ErrForeign = errors.New("taken by a Kubernetes Secret that Apolo did not make")
)

// parallel is how many single secrets are read at once.
const parallel = 16

// page is how many secrets one answer lists. It holds no values, so that 1,000 take less than the 500 whole objects
// that kubectl asks for, and each page is a way to the server and back.
const page = 1000

// partialObjectMetadata asks the API server to answer with an object's metadata alone, as the
// client-go/metadata package does for reads.
const partialObjectMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

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
}

// Value is a secret with its value.
type Value struct {
	Secret
	Data []byte

	resourceVersion string
}

// Store is the secrets of one namespace. It is safe for use by several goroutines.
type Store struct {
	client   *kube.Client
	where    uri.Secret // how the user called the place; Key is empty
	metadata metadata.Interface
	core     *rest.RESTClient

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
	return &Store{client: client, where: where, metadata: md, core: core}, nil
}

// Namespace is the one that the store is of.
func (s *Store) Namespace() string {
	if s.where.Namespace != "" {
		return s.where.Namespace
	}
	return s.client.Namespace
}

// URI is how the user would call a key of this store: as short as the place was named.
func (s *Store) URI(key string) uri.Secret {
	u := s.where
	u.Key = key
	return u
}

// AddOptions change what Store.Add does.
type AddOptions struct {
	Overwrite bool // replace the value of a key that exists; its grants are kept
	DryRun    bool // let the API server check everything and store nothing
}

// Add stores value under key and reports whether the key is new.
//
// It returns ErrExists for a key that exists, without AddOptions.Overwrite, ErrForeign where the name that the key needs
// is taken, and a *kube.BeingDeletedError where its Secret is being deleted. All of them, and every refusal of the API
// server, leave everything as it was.
func (s *Store) Add(ctx context.Context, key string, value []byte, o AddOptions) (created bool, err error) {
	if err := Validate(key, value); err != nil {
		return false, s.wrap(key, err)
	}
	if o.Overwrite {
		err := s.overwrite(ctx, key, value, o)
		if !errors.Is(err, ErrNotFound) {
			return false, s.wrap(key, err)
		}
	}
	var old Grants
	if !o.DryRun {
		if old, err = s.oldGrants(ctx, key); err != nil {
			return false, s.wrap(key, err)
		}
	}
	err = s.create(ctx, key, value, o)
	if apierrors.IsAlreadyExists(err) {
		err = ErrExists
		// Only to tell the two apart: anyone who can create but not read gets the simpler answer.
		found, lookErr := s.lookup(ctx, key)
		switch {
		case errors.Is(lookErr, ErrForeign):
			err = lookErr
		case lookErr == nil && found.BeingDeleted != nil:
			err = found.BeingDeleted
		case lookErr == nil && found.Owner != "":
			err = adoptedError(found)
		}
	}
	if err == nil && !o.DryRun {
		s.warnOfGrants(key, s.removeSeen(ctx, old))
	}
	return err == nil, s.wrap(key, err)
}

// Validate reports whether Add would refuse key and value without asking the API server.
func Validate(key string, value []byte) error {
	if err := uri.ValidateKey(key); err != nil {
		return err
	}
	if len(value) > MaxValueSize {
		return fmt.Errorf("the value has %d bytes, at most %d are possible", len(value), MaxValueSize)
	}
	return nil
}

func (s *Store) create(ctx context.Context, key string, value []byte, o AddOptions) error {
	body, err := json.Marshal(Manifest(s.Namespace(), key, value))
	if err != nil {
		return err
	}
	err = s.core.Post().
		Namespace(s.Namespace()).
		Resource(secretsResource.Resource).
		VersionedParams(&metav1.CreateOptions{DryRun: dryRun(o)}, metav1.ParameterCodec).
		SetHeader("Accept", partialObjectMetadata). // the value need not come back
		SetHeader("Content-Type", runtime.ContentTypeJSON).
		Body(body).
		Do(kube.MaskWarnings(ctx, value)).
		Error()
	return s.explain(kube.Mask(err, value), "create", key)
}

// overwrite replaces a value in one request, which the API server carries out only on one of our Secrets. So anyone who can
// replace values need not be able to read them. Where it says no to that, a second look tells why, or finds a Secret
// that is ours with less of our marks.
func (s *Store) overwrite(ctx context.Context, key string, value []byte, o AddOptions) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}
	path := func(parts ...string) string {
		escape := strings.NewReplacer("~", "~0", "/", "~1") // RFC 6901
		for i := range parts {
			parts[i] = escape.Replace(parts[i])
		}
		return "/" + strings.Join(parts, "/")
	}
	applied := path("metadata", "annotations", lastApplied)
	patch, err := json.Marshal([]operation{
		{"test", path("metadata", "labels", LabelSecret), LabelTrue},
		{"test", path("metadata", "annotations", AnnotationKey), key},
		{"test", path("metadata", "deletionTimestamp"), json.RawMessage("null")}, // that is: there is none
		{"add", applied, "-"}, // what is not there can't be removed
		{"remove", applied, nil},
		{"add", path("data"), map[string][]byte{key: value}},
	})
	if err != nil {
		return err
	}
	_, err = s.metadata.Resource(secretsResource).Namespace(s.Namespace()).
		Patch(withholdWarnings(ctx, ObjectName(key)), ObjectName(key), types.JSONPatchType, patch, metav1.PatchOptions{DryRun: dryRun(o)})
	if isUnprocessable(err) {
		return s.overwriteFound(ctx, key, value, o)
	}
	return s.explain(s.maskStored(ctx, err, ObjectName(key), value), "patch", key)
}

// isUnprocessable reports whether the API server could not apply a patch to what there is.
func isUnprocessable(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code == http.StatusUnprocessableEntity
}

// lastApplied is where kubectl apply leaves the old value in plain text.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func (s *Store) overwriteFound(ctx context.Context, key string, value []byte, o AddOptions) error {
	found, err := s.lookup(ctx, key)
	if err != nil {
		return err
	}
	switch {
	case found.BeingDeleted != nil:
		return found.BeingDeleted
	case found.Owner != "":
		return adoptedError(found)
	}
	// The UID is a precondition: that one, not a later one of the same name.
	patch, err := replacement(found, key, value, map[string]any{"uid": found.UID})
	if err != nil {
		return err
	}
	return s.patchLiving(ctx, found.Object, types.MergePatchType, patch, metav1.PatchOptions{DryRun: dryRun(o)}, value)
}

// patchLiving patches a Secret that was not being deleted when it was looked at. The answer reports whether it still was
// not: what was written is lost otherwise. carried is the value in the patch.
func (s *Store) patchLiving(ctx context.Context, object string, kind types.PatchType, patch []byte, o metav1.PatchOptions, carried ...[]byte) error {
	patched, err := s.metadata.Resource(secretsResource).Namespace(s.Namespace()).Patch(withholdWarnings(ctx, object), object, kind, patch, o)
	switch {
	case kube.IsReplaced(err):
		return ErrChanged
	case err != nil:
		return s.explainObject(s.maskStored(ctx, err, object, carried...), "patch", object)
	}
	return kube.CheckNotBeingDeleted(patched)
}

func dryRun(o AddOptions) []string {
	if o.DryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// replacement is a merge patch that gives a key another value.
func replacement(secret Secret, key string, value []byte, preconditions map[string]any) ([]byte, error) {
	preconditions["annotations"] = map[string]any{AnnotationKey: key, lastApplied: nil}
	data := map[string]any{secret.DataKey: nil} // of one that was renamed
	data[key] = base64.StdEncoding.EncodeToString(value)
	return json.Marshal(map[string]any{"metadata": preconditions, "data": data})
}

// Replace gives a secret that was read another value, if nobody has changed it since: it returns ErrChanged
// otherwise. Its grants are kept.
func (s *Store) Replace(ctx context.Context, read Value, value []byte) error {
	if err := Validate(read.Key, value); err != nil {
		return s.wrap(read.Key, err)
	}
	switch {
	case read.BeingDeleted != nil:
		return s.wrap(read.Key, read.BeingDeleted)
	case read.Owner != "":
		return s.wrap(read.Key, adoptedError(read.Secret))
	}
	patch, err := replacement(read.Secret, read.Key, value, map[string]any{"uid": read.UID, "resourceVersion": read.resourceVersion})
	if err != nil {
		return err
	}
	_, err = s.metadata.Resource(secretsResource).Namespace(s.Namespace()).
		Patch(kube.MaskWarnings(ctx, value, read.Data), read.Object, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsConflict(err) {
		return s.wrap(read.Key, ErrChanged)
	}
	return s.wrap(read.Key, s.explain(kube.Mask(err, value, read.Data), "patch", read.Key))
}

// Get returns the value of a key. It returns ErrNotFound or ErrForeign where there is none.
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
	if err := ours(&object.Metadata, key); err != nil {
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
	return Value{}, s.wrap(key, fmt.Errorf("%w; add it again with --overwrite", ErrLost))
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
	answer := s.core.Get().
		Namespace(s.Namespace()).
		Resource(secretsResource.Resource).
		Name(name).
		SetHeader("Accept", runtime.ContentTypeJSON).
		Do(ctx)
	err := answer.Error() // Raw's own knows less
	var body []byte
	if err == nil {
		body, err = answer.Raw()
	}
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

// Lookup finds a key without reading its value. It returns ErrNotFound or ErrForeign where there
// is none.
func (s *Store) Lookup(ctx context.Context, key string) (Secret, error) {
	if err := uri.ValidateKey(key); err != nil {
		return Secret{}, s.wrap(key, err)
	}
	found, err := s.lookup(ctx, key)
	return found, s.wrap(key, err)
}

func (s *Store) lookup(ctx context.Context, key string) (Secret, error) {
	object, err := s.metadata.Resource(secretsResource).Namespace(s.Namespace()).Get(ctx, ObjectName(key), metav1.GetOptions{})
	if err != nil {
		return Secret{}, s.explain(err, "get", key)
	}
	if err := ours(object, key); err != nil {
		return Secret{}, err
	}
	return describe(object), nil
}

// ours refuses a Secret that the store must not touch.
func ours(object metav1.Object, key string) error {
	if !marked(object) {
		return fmt.Errorf("%w (%s); choose another key, or 'secret adopt %s'", ErrForeign, object.GetName(), object.GetName())
	}
	if object.GetName() != ObjectName(key) {
		return fmt.Errorf("the API server answered with the Secret %q, which was not asked for", object.GetName())
	}
	return nil
}

// marked reports whether a Secret is to be seen as one of Apolo's keys.
func marked(object metav1.Object) bool {
	mark := object.GetLabels()[LabelSecret]
	return mark == LabelTrue || mark == LabelAdopted
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
	described.BeingDeleted, _ = kube.CheckNotBeingDeleted(object).(*kube.BeingDeletedError)
	switch object.GetLabels()[LabelSecret] {
	case LabelTrue:
		// A tool that renames objects, as kustomize does with namePrefix, leaves the annotation and the data as they were.
		// The key is what the object's name says, so that it can't pass for another one.
		if before := object.GetAnnotations()[AnnotationKey]; uri.ValidateKey(before) == nil {
			described.DataKey = before
		}
	case LabelAdopted:
		described.DataKey, described.Owner = object.GetAnnotations()[AnnotationDataKey], ownerOf(object)
	}
	return described
}

// List calls each for every secret of the namespace, in the order of the API server, a page of
// requests at a time. Where listing is forbidden it returns an error for which
// apierrors.IsForbidden holds; ListNamed may know more.
func (s *Store) List(ctx context.Context, each func(Secret) error) error {
	seen := false
	err := list(ctx, s.client, s.core, s.Namespace(), func(found Secret) error {
		seen = true
		return each(found)
	})
	if err != nil {
		return s.client.Explain(err, kube.Request{Verb: "list", Resource: secretsResource.Resource, Namespace: s.Namespace()})
	}
	if !seen {
		// An empty list is also the answer for a namespace that does not exist.
		_, err := s.metadata.Resource(namespacesResource).Get(ctx, s.Namespace(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return s.client.Explain(err, kube.Request{Verb: "get", Resource: namespacesResource.Resource, Namespace: s.Namespace()})
		}
	}
	return nil
}

// ListAll is Store.List for all namespaces of a cluster.
func ListAll(ctx context.Context, client *kube.Client, each func(Secret) error) error {
	core, err := client.REST(secretsResource.GroupVersion(), kube.NewScheme(secretsResource.GroupVersion()))
	if err != nil {
		return err
	}
	err = list(ctx, client, core, metav1.NamespaceAll, each)
	return client.Explain(err, kube.Request{Verb: "list", Resource: secretsResource.Resource})
}

// ListNamed calls each for the secrets that the user may read by name, for accounts that may not
// list: CI accounts mostly. Names of other secrets, or of those that are gone, are passed over. Where some
// can't be read, each gets the others before the error is returned.
func (s *Store) ListNamed(ctx context.Context, each func(Secret) error) error {
	rules, err := access.Review(ctx, s.client, s.Namespace())
	if err != nil {
		return err
	}
	names := rules.Names("get", secretsResource.GroupResource())
	found := make([]*metav1.PartialObjectMetadata, len(names))
	var requests errgroup.Group
	requests.SetLimit(parallel)
	for i, name := range names {
		requests.Go(func() error {
			object, err := s.metadata.Resource(secretsResource).Namespace(s.Namespace()).Get(ctx, name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				return nil
			case err != nil:
				return s.client.Explain(err, kube.Request{Verb: "get", Resource: secretsResource.Resource, Namespace: s.Namespace(), Name: name})
			}
			found[i] = object
			return nil
		})
	}
	err = requests.Wait()
	for _, object := range found {
		if object == nil || !marked(object) {
			continue
		}
		if err := each(describe(object)); err != nil {
			return err
		}
	}
	return err
}

// explain words a failed request about one key.
func (s *Store) explain(err error, verb, key string) error {
	name := ""
	if verb != "create" {
		name = ObjectName(key)
	}
	return s.explainObject(err, verb, name)
}

// explainObject is explain for the name of a Kubernetes Secret.
func (s *Store) explainObject(err error, verb, name string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsAlreadyExists(err):
		return err
	}
	explained := s.client.Explain(err, kube.Request{Verb: verb, Resource: secretsResource.Resource, Namespace: s.Namespace(), Name: name})
	var status apierrors.APIStatus
	if apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == secretsResource.Resource {
		return fmt.Errorf("%w in namespace %q", ErrNotFound, s.Namespace())
	}
	return explained
}

// wrap names the secret that an error is about.
func (s *Store) wrap(key string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", s.URI(key), err)
}

// wrapObject names the Kubernetes Secret that an error is about.
func (s *Store) wrapObject(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("the Kubernetes Secret %s: %w", name, err)
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
