package kubetest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// All that is here is called with the server's mutex held.

// key is where an object is.
type key struct {
	resource        schema.GroupResource
	namespace, name string
}

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.resource.String(), other.resource.String()), cmp.Compare(k.namespace, other.namespace), cmp.Compare(k.name, other.name))
}

// keys are those of the objects that are selected, in their order.
func (s *Server) keys(selected func(key) bool) (found []key) {
	for at := range s.objects {
		if selected(at) {
			found = append(found, at)
		}
	}
	slices.SortFunc(found, key.compare)
	return found
}

// complete sets what a new object has from the server.
func (s *Server) complete(object *unstructured.Unstructured) {
	if object.GetUID() == "" {
		s.made++
		object.SetUID(types.UID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", s.made)))
	}
	if object.GetCreationTimestamp().Time.IsZero() {
		object.SetCreationTimestamp(metav1.NewTime(time.Now().UTC().Truncate(time.Second)))
	}
	completeSecret(object)
}

// completeSecret moves stringData into data, and sets the type (k8s.io/kubernetes/pkg/apis/core/v1, conversion and
// defaults).
func completeSecret(object *unstructured.Unstructured) {
	if object.GetKind() != "Secret" {
		return
	}
	texts, _, _ := unstructured.NestedStringMap(object.Object, "stringData")
	for name, text := range texts {
		_ = unstructured.SetNestedField(object.Object, base64.StdEncoding.EncodeToString([]byte(text)), "data", name)
	}
	delete(object.Object, "stringData")
	if object.Object["type"] == nil {
		object.Object["type"] = string(corev1.SecretTypeOpaque)
	}
}

// put stores an object under a new version.
func (s *Server) put(at key, object *unstructured.Unstructured) {
	before := s.objects[at]
	s.version++
	object.SetResourceVersion(strconv.Itoa(s.version))
	s.objects[at] = object.DeepCopy()
	s.note(change{at: at, version: s.version, before: before, now: s.objects[at]})
}

// drop removes an object, and then those that belong to it alone
// (https://kubernetes.io/docs/concepts/architecture/garbage-collection).
func (s *Server) drop(at key, policy metav1.DeletionPropagation) {
	gone := s.objects[at]
	delete(s.objects, at)
	delete(s.applied, at)
	s.version++
	s.note(change{at: at, version: s.version, before: gone})
	for _, k := range s.keys(func(k key) bool { return ownedBy(s.objects[k], gone.GetUID()) }) {
		object, ok := s.objects[k]
		if !ok {
			continue // another dependent's dependent
		}
		object = object.DeepCopy()
		rest := slices.DeleteFunc(object.GetOwnerReferences(), func(owner metav1.OwnerReference) bool { return owner.UID == gone.GetUID() })
		if policy != metav1.DeletePropagationOrphan && len(rest) == 0 {
			s.remove(k, metav1.DeletePropagationBackground)
			continue
		}
		object.SetOwnerReferences(rest)
		s.put(k, object)
	}
}

func ownedBy(object *unstructured.Unstructured, uid types.UID) bool {
	return slices.ContainsFunc(object.GetOwnerReferences(), func(owner metav1.OwnerReference) bool { return owner.UID == uid })
}

// remove deletes an object, or marks it as being deleted where finalizers hold it; it returns it then.
func (s *Server) remove(at key, policy metav1.DeletionPropagation) (held *unstructured.Unstructured) {
	object := s.objects[at].DeepCopy()
	if len(object.GetFinalizers()) == 0 {
		s.drop(at, policy)
		return nil
	}
	if object.GetDeletionTimestamp() == nil {
		object.SetDeletionTimestamp(&metav1.Time{Time: time.Now().UTC().Truncate(time.Second)})
		object.SetDeletionGracePeriodSeconds(new(int64))
		s.put(at, object)
	}
	return s.objects[at].DeepCopy()
}

// create makes an object of what a request has sent.
func (s *Server) create(t target, object *unstructured.Unstructured, dryRun bool) (*unstructured.Unstructured, error) {
	if t.namespaced {
		switch object.GetNamespace() {
		case "", t.namespace:
			object.SetNamespace(t.namespace)
		default:
			return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
		}
		// The admission plugin NamespaceLifecycle.
		if s.objects[key{namespaces, "", t.namespace}] == nil {
			return nil, apierrors.NewNotFound(namespaces, t.namespace)
		}
	}
	if object.GetName() == "" && object.GetGenerateName() != "" {
		object.SetName(object.GetGenerateName() + utilrand.String(5))
	}
	if object.GetName() == "" {
		return nil, invalid(t, "", field.Required(field.NewPath("metadata", "name"), "name or generateName is required"))
	}
	at := key{t.gvr.GroupResource(), object.GetNamespace(), object.GetName()}
	if existing := s.objects[at]; existing != nil {
		err := apierrors.NewAlreadyExists(at.resource, at.name)
		if existing.GetDeletionTimestamp() != nil { // Store.Create in k8s.io/apiserver/pkg/registry/generic/registry
			err.ErrStatus.Message = "object is being deleted: " + err.ErrStatus.Message
		}
		return nil, err
	}
	object.SetUID("")
	object.SetCreationTimestamp(metav1.Time{})
	object.SetDeletionTimestamp(nil)
	s.complete(object)
	if !dryRun {
		s.put(at, object)
	}
	return object, nil
}

// update replaces an object, whoever has changed it unless the new one says which version it is made from.
func (s *Server) update(t target, object *unstructured.Unstructured, dryRun bool) (*unstructured.Unstructured, error) {
	at := t.key()
	old := s.objects[at]
	switch {
	case old == nil:
		return nil, apierrors.NewNotFound(at.resource, at.name)
	case object.GetName() != at.name:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", object.GetName(), at.name))
	case object.GetResourceVersion() != "" && object.GetResourceVersion() != old.GetResourceVersion():
		// OptimisticLockErrorMsg in k8s.io/apiserver/pkg/registry/generic/registry
		return nil, apierrors.NewConflict(at.resource, at.name, errors.New("the object has been modified; please apply your changes to the latest version and try again"))
	case object.GetUID() != "" && object.GetUID() != old.GetUID():
		// ValidateObjectMetaAccessorUpdate in k8s.io/apimachinery/pkg/api/validation
		return nil, invalid(t, at.name, field.Invalid(field.NewPath("metadata", "uid"), object.GetUID(), "field is immutable"))
	}
	object.SetGroupVersionKind(old.GroupVersionKind())
	object.SetNamespace(old.GetNamespace())
	object.SetUID(old.GetUID())
	object.SetCreationTimestamp(old.GetCreationTimestamp())
	object.SetDeletionTimestamp(old.GetDeletionTimestamp())
	object.SetResourceVersion(old.GetResourceVersion())
	completeSecret(object)
	switch {
	case dryRun, string(asJSON(object)) == string(asJSON(old)): // what changes nothing has no new version
	case object.GetDeletionTimestamp() != nil && len(object.GetFinalizers()) == 0:
		s.drop(at, metav1.DeletePropagationBackground)
	default:
		s.put(at, object)
	}
	return object, nil
}

// invalid is the error of an object that breaks a rule of its kind.
func invalid(t target, name string, problems ...*field.Error) error {
	return apierrors.NewInvalid(t.gvk.GroupKind(), name, problems)
}

// delete deletes one object. It returns the object where it is still there afterwards.
func (s *Server) delete(t target, options metav1.DeleteOptions) (*unstructured.Unstructured, error) {
	at := t.key()
	object := s.objects[at]
	if object == nil {
		return nil, apierrors.NewNotFound(at.resource, at.name)
	}
	if only := options.Preconditions; only != nil {
		// The words of BeforeDelete in k8s.io/apiserver/pkg/registry/rest.
		of := schema.GroupResource{Group: t.gvk.Group, Resource: t.gvk.Kind}
		if only.UID != nil && *only.UID != object.GetUID() {
			return nil, apierrors.NewConflict(of, at.name, fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *only.UID, object.GetUID()))
		}
		if only.ResourceVersion != nil && *only.ResourceVersion != object.GetResourceVersion() {
			return nil, apierrors.NewConflict(of, at.name, fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *only.ResourceVersion, object.GetResourceVersion()))
		}
	}
	policy := t.propagation(options)
	if len(options.DryRun) > 0 {
		return nil, nil
	}
	before := object.DeepCopy()
	held := s.remove(at, policy)
	if held == nil && policy == metav1.DeletePropagationForeground {
		// The answer is from before the garbage collector has removed what belongs to it.
		before.SetFinalizers([]string{metav1.FinalizerDeleteDependents})
		before.SetDeletionTimestamp(&metav1.Time{Time: time.Now().UTC().Truncate(time.Second)})
		return before, nil
	}
	return held, nil
}

// propagation is what becomes of the objects that belong to a deleted one. Only for Jobs they stay unless a request says
// otherwise (jobStrategy.DefaultGarbageCollectionPolicy in k8s.io/kubernetes/pkg/registry/batch/job).
func (t target) propagation(options metav1.DeleteOptions) metav1.DeletionPropagation {
	switch {
	case options.PropagationPolicy != nil:
		return *options.PropagationPolicy
	case t.gvk.Kind == "Job":
		return metav1.DeletePropagationOrphan
	}
	return metav1.DeletePropagationBackground
}

// unprocessable is the answer to a patch that can't be applied (applyJSPatch in
// k8s.io/apiserver/pkg/endpoints/handlers).
func unprocessable(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}
