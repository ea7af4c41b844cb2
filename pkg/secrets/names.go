package secrets

import (
	"encoding/base64"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// selector selects the Secrets that hold a key.
const selector = wellknown.LabelSecret + " in (" + wellknown.LabelTrue + "," + wellknown.LabelAdopted + ")"

// MaxValueSize is the largest value, in bytes: the limit of the API server for all of a Secret's
// data (k8s.io/api/core/v1, MaxSecretSize).
const MaxValueSize = 1 << 20

var (
	secretsResource    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	namespacesResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// ObjectName is the metadata.name of the Secret that holds a key: the key itself where Kubernetes
// allows it (a DNS-1123 subdomain), else a readable slug and a hash of the key. Keys that differ
// only in case get names that differ.
func ObjectName(key string) string {
	if len(validation.IsDNS1123Subdomain(key)) == 0 {
		return key
	}
	slug := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(key))
	if room := validation.DNS1123SubdomainMaxLength - wellknown.HashLength - 1; len(slug) > room {
		slug = slug[:room]
	}
	if slug = strings.Trim(slug, "-"); slug == "" {
		slug = "key"
	}
	return slug + "-" + wellknown.Hash(key)
}

// Manifest is the Secret that stores value under key.
func Manifest(namespace, key string, value []byte) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"type":       "Opaque",
		"metadata": map[string]any{
			"name":        ObjectName(key),
			"namespace":   namespace,
			"labels":      map[string]any{wellknown.LabelSecret: wellknown.LabelTrue},
			"annotations": map[string]any{wellknown.AnnotationKey: key},
		},
		"data": map[string]any{key: base64.StdEncoding.EncodeToString(value)},
	}}
}

// keyOf returns the key that one of our Secrets holds. Its name is the answer for one whose annotation
// somebody removed, or changed so that it would pass for another key: anyone who can write to a secret may do that.
func keyOf(object metav1.Object) string {
	key := object.GetAnnotations()[wellknown.AnnotationKey]
	if uri.ValidateKey(key) != nil || ObjectName(key) != object.GetName() {
		return object.GetName()
	}
	return key
}
