// Package uri reads and writes the names by which users point at secrets and jobs.
//
// There are three forms, as in Apolo:
//
//	secret:KEY                        a key in the current cluster and namespace
//	secret:/NAMESPACE/KEY             a key in the current cluster
//	secret://CLUSTER/NAMESPACE/KEY    complete
//
// and the same three for job:NAME.
//
// Nothing is ever decoded or cleaned: percent signs, dots and look-alike letters are taken as
// they stand and refused where the name rules of Kubernetes don't allow them, so that two
// readers of one URI can't disagree about what it names.
package uri

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Scheme begins every URI of a secret.
const Scheme = "secret:"

// MaxKeyLength is the longest key, in bytes. Kubernetes allows the same for a key of a Secret's
// data (k8s.io/apimachinery/pkg/util/validation, DNS1123SubdomainMaxLength).
const MaxKeyLength = validation.DNS1123SubdomainMaxLength

// Secret points at one secret. An empty Cluster or Namespace means the current one.
type Secret struct {
	Cluster   string
	Namespace string
	Key       string
}

// IsSecret reports whether s claims to be a URI of a secret; it may still be a wrong one.
func IsSecret(s string) bool { return strings.HasPrefix(s, Scheme) }

// Parse reads one of the three forms. Its errors quote s and say which part is wrong and why.
//
// A complete URI is split from its right end, because the name of a cluster is whatever a
// kubeconfig calls it, and there it may contain slashes (Amazon's ARNs do).
func Parse(s string) (Secret, error) {
	rest, ok := strings.CutPrefix(s, Scheme)
	if !ok {
		return Secret{}, fmt.Errorf("%q is not a secret: it must begin with %q", s, Scheme)
	}
	cluster, namespace, key, err := split(s, Scheme, rest, "KEY")
	if err != nil {
		return Secret{}, err
	}
	if err := ValidateKey(key); err != nil {
		return Secret{}, fmt.Errorf("%q: %w", s, err)
	}
	return Secret{Cluster: cluster, Namespace: namespace, Key: key}, nil
}

// split takes apart what comes after the scheme of a URI. what says what a URI's last part is.
func split(s, scheme, rest, what string) (cluster, namespace, last string, err error) {
	switch {
	case strings.HasPrefix(rest, "//"):
		rest, last = cutLast(rest[2:])
		cluster, namespace = cutLast(rest)
		if cluster == "" || namespace == "" || last == "" {
			return "", "", "", fmt.Errorf("%q is not complete: it must be %s//CLUSTER/NAMESPACE/%s", s, scheme, what)
		}
	case strings.HasPrefix(rest, "/"):
		namespace, last = cutLast(rest[1:])
		if namespace == "" || last == "" {
			return "", "", "", fmt.Errorf("%q is not complete: it must be %s/NAMESPACE/%s", s, scheme, what)
		}
	default:
		last = rest
	}
	if namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0 {
		return "", "", "", fmt.Errorf("%q: %q is not the name of a namespace", s, namespace)
	}
	return cluster, namespace, last, nil
}

// ParseKeyOrURI reads a plain KEY too, which stands for secret:KEY.
func ParseKeyOrURI(s string) (Secret, error) {
	if IsSecret(s) {
		return Parse(s)
	}
	if err := ValidateKey(s); err != nil {
		return Secret{}, err
	}
	return Secret{Key: s}, nil
}

// String is the shortest of the three forms that holds all that is set.
func (s Secret) String() string {
	switch {
	case s.Cluster != "":
		return Scheme + "//" + s.Cluster + "/" + s.Namespace + "/" + s.Key
	case s.Namespace != "":
		return Scheme + "/" + s.Namespace + "/" + s.Key
	default:
		return Scheme + s.Key
	}
}

// ValidateKey says why key can't name a secret, or returns nil. A key is 1 to MaxKeyLength
// characters of [A-Za-z0-9_.-], not "." and not beginning with "..": the rule of Kubernetes for
// a key of a Secret's data (IsConfigMapKey), because that is what it becomes.
func ValidateKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > MaxKeyLength:
		return fmt.Errorf("the key has %d characters, at most %d are possible", len(key), MaxKeyLength)
	case len(validation.IsConfigMapKey(key)) > 0:
		return fmt.Errorf("%q can't be a key: use letters, digits, '_', '-' and '.', not \".\" alone and not \"..\" at the beginning", key)
	}
	return nil
}

// cutLast splits s at its last slash.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}
