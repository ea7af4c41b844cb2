// Package namespaces finds the namespaces in which a user may have rights, also for users who can
// not list them.
package namespaces

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/privatefile"
)

// maxRemembered bounds the file of remembered namespaces; the oldest are forgotten.
const maxRemembered = 200

// page is how many namespaces one answer lists; it holds their metadata alone.
const page = 1000

var resource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// Found is what Find knows.
type Found struct {
	Names []string // sorted
	// Complete tells that these are all namespaces of the cluster. Otherwise the user may not
	// list them, and these are the ones that are known from elsewhere.
	Complete bool
}

// Find lists the namespaces of a cluster where the user may do so. Otherwise it returns the
// current one, those of the kubeconfig, those that were remembered, and extra.
func Find(ctx context.Context, o *kube.Options, client *kube.Client, extra []string) (Found, error) {
	names, err := All(ctx, client)
	if err == nil {
		return Found{Names: names, Complete: true}, nil
	}
	if !apierrors.IsForbidden(err) {
		return Found{}, err
	}
	names, err = Known(o, client)
	if err != nil {
		return Found{}, err
	}
	names = append(names, extra...)
	slices.Sort(names)
	return Found{Names: slices.Compact(names)}, nil
}

// Known lists, without a request, the namespaces of a cluster that are known from elsewhere: the current
// one, those of the kubeconfig and those that were remembered. A name may be there twice.
func Known(o *kube.Options, client *kube.Client) ([]string, error) {
	names, err := kube.NamespacesOf(o, client.Cluster)
	return slices.Concat(names, remembered(client), []string{client.Namespace}), err
}

// All lists, sorted, all namespaces of a cluster. Where that is forbidden it returns an error for
// which apierrors.IsForbidden holds.
func All(ctx context.Context, client *kube.Client) ([]string, error) {
	md, err := client.Metadata()
	if err != nil {
		return nil, err
	}
	var names []string
	err = kube.EachMetadata(ctx, md.Resource(resource), metav1.ListOptions{Limit: page}, func(found *metav1.PartialObjectMetadata) {
		names = append(names, found.Name)
	})
	if err != nil {
		return nil, client.Explain(err, kube.Request{Verb: "list", Resource: resource.Resource})
	}
	slices.Sort(names)
	return names, nil
}

// Remember notes that a command used a namespace of a cluster, for a later Find. It is a
// convenience: what can't be written is not remembered.
func Remember(client *kube.Client, namespace string) {
	known := remembered(client)
	if namespace == client.Namespace || slices.Contains(known, namespace) {
		return
	}
	known = append(known, namespace)
	known = known[max(0, len(known)-maxRemembered):]
	path := file(client)
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	_ = privatefile.Write(path, []byte(strings.Join(known, "\n")+"\n")) // what can't be remembered is looked for again
}

func remembered(client *kube.Client) []string {
	data, err := os.ReadFile(file(client))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}

// file is beside kubectl's own cache, one a cluster.
func file(client *kube.Client) string {
	folder := os.Getenv("KUBECACHEDIR")
	if folder == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		folder = filepath.Join(home, ".kube", "cache")
	}
	sum := sha256.Sum256([]byte(client.Host()))
	return filepath.Join(folder, "apolo", "namespaces-"+hex.EncodeToString(sum[:8]))
}
