package secrets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// partialObjectMetadata asks the API server to answer with an object's metadata alone, as the
// client-go/metadata package does for reads.
const partialObjectMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// AddOptions change what Store.Add does.
type AddOptions struct {
	Overwrite bool // replace the value of a key that exists; its grants are kept
	DryRun    bool // let the API server check everything and store nothing
}

// Add stores value under key and reports whether the key is new.
//
// It returns ErrExists for a key that exists, without AddOptions.Overwrite, ErrNotManaged where the name that the key needs
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
	err = s.addNew(ctx, key, value, o)
	return err == nil, s.wrap(key, err)
}

// addNew stores the value of a key that is new, owned by what is to end it.
func (s *Store) addNew(ctx context.Context, key string, value []byte, o AddOptions, owners ...metav1.OwnerReference) (err error) {
	var old secretroles.Found
	if !o.DryRun {
		if old, err = s.oldGrants(ctx, key); err != nil {
			return err
		}
	}
	err = s.create(ctx, key, value, o, owners)
	if apierrors.IsAlreadyExists(err) {
		err = ErrExists
		// Only to tell the two apart: anyone who can create but not read gets the simpler answer.
		found, lookErr := s.lookup(ctx, key)
		switch {
		case errors.Is(lookErr, ErrNotManaged):
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
	return err
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

func (s *Store) create(ctx context.Context, key string, value []byte, o AddOptions, owners []metav1.OwnerReference) error {
	manifest := Manifest(s.Namespace(), key, value)
	if len(owners) > 0 {
		manifest.SetOwnerReferences(owners)
	}
	body, err := json.Marshal(manifest)
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
		{"test", path("metadata", "labels", wellknown.LabelSecret), wellknown.LabelTrue},
		{"test", path("metadata", "annotations", wellknown.AnnotationKey), key},
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
	preconditions["annotations"] = map[string]any{wellknown.AnnotationKey: key, lastApplied: nil}
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
