package secrets

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// fieldManager owns the marks on adopted Secrets, and nothing else.
const fieldManager = "kubectl-apolo-adopt"

// labelManagedBy is where tools write their names (kubernetes.io, recommended labels).
const labelManagedBy = "app.kubernetes.io/managed-by"

// DataKeyError says that a Kubernetes Secret does not have the one data key that was asked for.
type DataKeyError struct {
	Object string
	Wanted string   // empty: none was named
	Keys   []string // what there is, sorted
}

func (e *DataKeyError) Error() string {
	there := "it has none"
	if len(e.Keys) > 0 {
		there = "there are " + strings.Join(e.Keys, ", ")
	}
	if e.Wanted == "" {
		return fmt.Sprintf("the Kubernetes Secret %s does not have one data key: %s", e.Object, there)
	}
	return fmt.Sprintf("the Kubernetes Secret %s has no data key %q: %s", e.Object, e.Wanted, there)
}

// Adopt makes a Kubernetes Secret of another tool usable as the secret of its own name, without copying or changing
// what is in it: it gets a label and an annotation under a separate field manager. dataKey is which of its data
// keys is meant; it may be empty where there is one only. changed is false where it was adopted like that already.
//
// It returns ErrNotFound, ErrExists for a Secret that is Apolo's own, a *kube.BeingDeletedError, and a DataKeyError.
func (s *Store) Adopt(ctx context.Context, name, dataKey string, dryRun bool) (adopted Secret, changed bool, err error) {
	if err := uri.ValidateKey(name); err != nil {
		return Secret{}, false, s.wrap(name, err)
	}
	if ObjectName(name) != name {
		return Secret{}, false, fmt.Errorf("%q can't be the name of a Kubernetes Secret", name)
	}
	found, err := s.readObject(ctx, name)
	if err != nil {
		return Secret{}, false, s.wrap(name, err)
	}
	if err := kube.CheckNotBeingDeleted(&found.Metadata); err != nil {
		return Secret{}, false, s.wrap(name, err)
	}
	keys := slices.Sorted(maps.Keys(found.Data))
	if dataKey == "" && len(keys) == 1 {
		dataKey = keys[0]
	}
	mark := found.Metadata.Labels[wellknown.LabelSecret]
	switch {
	case mark == wellknown.LabelTrue:
		return Secret{}, false, s.wrap(name, fmt.Errorf("%w, and is Apolo's own", ErrExists))
	case dataKey == "" && mark == wellknown.LabelAdopted:
		dataKey = found.Metadata.Annotations[wellknown.AnnotationDataKey]
	}
	if !slices.Contains(keys, dataKey) {
		return Secret{}, false, &DataKeyError{Object: name, Wanted: dataKey, Keys: keys}
	}
	meta := &found.Metadata
	if !dryRun {
		if err := s.endUnfitGrants(ctx, meta); err != nil {
			return Secret{}, false, s.wrap(name, err)
		}
	}
	if mark == wellknown.LabelAdopted && meta.Annotations[wellknown.AnnotationDataKey] == dataKey {
		return describe(meta), false, nil
	}
	adopted = Secret{Namespace: s.Namespace(), Key: name, Object: name, UID: meta.UID, Created: meta.CreationTimestamp.Time, DataKey: dataKey, Owner: ownerOf(meta)}
	err = s.apply(ctx, adopted, map[string]any{
		"labels":      map[string]any{wellknown.LabelSecret: wellknown.LabelAdopted},
		"annotations": map[string]any{wellknown.AnnotationDataKey: dataKey},
	}, dryRun)
	return adopted, err == nil, s.wrap(name, err)
}

// endUnfitGrants removes the grants that an adopted Secret must not have. One that is adopted now begins without any. One
// that was adopted before keeps those of read that were made for it.
func (s *Store) endUnfitGrants(ctx context.Context, meta *metav1.ObjectMeta) error {
	found, err := s.roles.Find(ctx, meta.Name)
	if err != nil {
		return err
	}
	if meta.Labels[wellknown.LabelSecret] == wellknown.LabelAdopted {
		fit := secretroles.NewName(meta.Name, meta.UID, "read").String()
		found.Roles = slices.DeleteFunc(found.Roles, func(role secretroles.Role) bool { return role.Name == fit })
	}
	if found.Roles, err = s.roles.Remove(ctx, found.Roles); err != nil {
		return err
	}
	s.warnOfGrants(meta.Name, found)
	return nil
}

// release takes Apolo's marks off a Secret of another tool. Whoever wrote them may not be Adopt: a restored backup has
// another field manager, and a grantee of write can set them. So they are removed whoever owns the fields, and the answer
// of the API server is looked at.
func (s *Store) release(ctx context.Context, adopted Secret) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         adopted.UID, // a precondition
		"labels":      map[string]any{wellknown.LabelSecret: nil},
		"annotations": map[string]any{wellknown.AnnotationDataKey: nil, wellknown.AnnotationKey: nil},
	}})
	if err != nil {
		return err
	}
	released, err := s.metadata.Resource(secretsResource).Namespace(s.Namespace()).
		Patch(withholdWarnings(ctx, adopted.Object), adopted.Object, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	switch {
	case apierrors.IsConflict(err), kube.IsReplaced(err):
		return ErrChanged
	case err != nil:
		return s.explainObject(s.maskStored(ctx, err, adopted.Object), "patch", adopted.Object)
	case isManaged(released):
		return fmt.Errorf("not released: something in the cluster puts the label %s back; remove it there", wellknown.LabelSecret)
	}
	return nil
}

// apply sets the metadata that Apolo owns of another's Secret, with server-side apply: what is not in it, and was
// before, goes.
func (s *Store) apply(ctx context.Context, to Secret, meta map[string]any, dryRun bool) error {
	meta["name"] = to.Object
	meta["uid"] = to.UID // a precondition: that one, and none that would have to be made
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": meta})
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: fieldManager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	err = s.patchLiving(ctx, to.Object, types.ApplyPatchType, body, options)
	if apierrors.IsConflict(err) {
		return ErrChanged
	}
	return err
}

// ownerOf names whose a Kubernetes Secret is, as well as can be known: the object that made it, the tool that its
// label names, or who wrote its fields first.
func ownerOf(object metav1.Object) string {
	for _, owner := range object.GetOwnerReferences() {
		return owner.Kind + "/" + owner.Name
	}
	if tool := object.GetLabels()[labelManagedBy]; tool != "" {
		return tool
	}
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != fieldManager && entry.Manager != "" {
			return entry.Manager
		}
	}
	return "another tool"
}

func adoptedError(secret Secret) error {
	return fmt.Errorf("%w: its value belongs to %s; change it there", ErrAdopted, secret.Owner)
}
