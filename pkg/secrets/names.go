package secrets

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// What marks the objects of this product. The names are a contract with everything already
// stored in users' clusters.
const (
	LabelSecret   = "apolo.us/secret" // "true" on a Secret that holds one key
	AnnotationKey = "apolo.us/key"    // the key, as the user wrote it
	LabelGrant    = "apolo.us/grant"  // "true" on Roles and RoleBindings that share a secret
	LabelObject   = "apolo.us/object" // ObjectHash of the Secret that a grant is for
	LabelTrue     = "true"            // the value of the labels that only mark

	// LabelAdopted is the value of LabelSecret on a Secret of another tool, which stays that tool's. Whatever
	// asks for LabelTrue takes it for foreign, and does not write to it.
	LabelAdopted = "adopted"
	// AnnotationDataKey is, on an adopted Secret, which of its data keys is meant.
	AnnotationDataKey = "apolo.us/data-key"

	selector = LabelSecret + " in (" + LabelTrue + "," + LabelAdopted + ")"
)

// MaxValueSize is the largest value, in bytes: the limit of the API server for all of a Secret's
// data (k8s.io/api/core/v1, MaxSecretSize).
const MaxValueSize = 1 << 20

// hashLength is 128 bits in hexadecimal digits: no two keys will ever share it.
const hashLength = 32

var (
	secretsResource      = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	namespacesResource   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	rolesResource        = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	roleBindingsResource = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
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
	if room := validation.DNS1123SubdomainMaxLength - hashLength - 1; len(slug) > room {
		slug = slug[:room]
	}
	if slug = strings.Trim(slug, "-"); slug == "" {
		slug = "key"
	}
	return slug + "-" + hash(key)
}

// ObjectHash is the value of LabelObject for the Secret with that name. Names may have 253
// characters, the values of labels only 63.
func ObjectHash(object string) string { return hash(object) }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:hashLength]
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
			"labels":      map[string]any{LabelSecret: LabelTrue},
			"annotations": map[string]any{AnnotationKey: key},
		},
		"data": map[string]any{key: base64.StdEncoding.EncodeToString(value)},
	}}
}

// keyOf returns the key that one of our Secrets holds. Its name is the answer for one whose annotation
// somebody removed, or changed so that it would pass for another key: anyone who can write to a secret may do that.
func keyOf(object metav1.Object) string {
	key := object.GetAnnotations()[AnnotationKey]
	if uri.ValidateKey(key) != nil || ObjectName(key) != object.GetName() {
		return object.GetName()
	}
	return key
}
