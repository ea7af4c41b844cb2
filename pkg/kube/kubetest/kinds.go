package kubetest

import (
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// scheme has the kinds that the server knows. A request for any other has the answer of a server without that API group.
var scheme = newScheme()

// codecs read what clients send as protobuf.
var codecs = serializer.NewCodecFactory(scheme)

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, batchv1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, rbacv1.AddToScheme,
		authorizationv1.AddToScheme, authenticationv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
}

var (
	namespaces = schema.GroupResource{Resource: "namespaces"}
	pods       = schema.GroupResource{Resource: "pods"}
)

// inNoNamespace are the kinds that are in no namespace.
var inNoNamespace = []string{"Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding",
	"SelfSubjectReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview"}

// apiResource is a kind, and what it is called in a URL.
type apiResource struct {
	gvr        schema.GroupVersionResource
	gvk        schema.GroupVersionKind
	namespaced bool
}

var resources = newResources()

func newResources() map[schema.GroupVersionResource]apiResource {
	all := map[schema.GroupVersionResource]apiResource{}
	for kind := range scheme.AllKnownTypes() {
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		all[plural] = apiResource{plural, kind, !slices.Contains(inNoNamespace, kind.Kind)}
	}
	return all
}

func resourceOf(kind schema.GroupVersionKind) (apiResource, error) {
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	found, ok := resources[plural]
	if !ok {
		return apiResource{}, fmt.Errorf("kubetest does not know the kind %s", kind)
	}
	return found, nil
}

// toUnstructured is an object of any type as a server keeps it.
func toUnstructured(object runtime.Object) (*unstructured.Unstructured, error) {
	if content, ok := object.(*unstructured.Unstructured); ok {
		return content.DeepCopy(), nil
	}
	kinds, _, err := scheme.ObjectKinds(object)
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	typed := &unstructured.Unstructured{Object: content}
	typed.SetGroupVersionKind(kinds[0])
	return typed, nil
}

// As is an object as its type.
func As[T any](object *unstructured.Unstructured) (*T, error) {
	typed := new(T)
	return typed, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed)
}

func asJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of what was JSON before
	}
	return text
}
