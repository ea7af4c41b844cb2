package secrets

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// parallel is how many single secrets are read at once.
const parallel = 16

// page is how many secrets one answer lists. It holds no values, so that 1,000 take less than the 500 whole objects
// that kubectl asks for, and each page is a way to the server and back.
const page = 1000

// partialObjectMetadataList is partialObjectMetadata for a list.
const partialObjectMetadataList = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

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
		if object == nil || !isManaged(object) {
			continue
		}
		if err := each(describe(object)); err != nil {
			return err
		}
	}
	return err
}

// list reads the secrets of a namespace, or of all, a page at a time.
func list(ctx context.Context, client *kube.Client, core *rest.RESTClient, namespace string, each func(Secret) error) error {
	return kube.EachPage(metav1.ListOptions{LabelSelector: selector, Limit: page}, func(options *metav1.ListOptions) (string, error) {
		body, err := kube.Body(core.Get().Namespace(namespace).Resource(secretsResource.Resource).
			VersionedParams(options, metav1.ParameterCodec).SetHeader("Accept", partialObjectMetadataList).Do(ctx))
		if err != nil {
			return "", err
		}
		var failed error
		next, err := readList(body, func(object *metav1.ObjectMeta) bool {
			failed = each(describe(object))
			return failed == nil
		})
		switch {
		case failed != nil:
			return "", failed
		case err != nil:
			return "", fmt.Errorf("unexpected response from %s (not a list); is a proxy intercepting requests?", client.Host())
		}
		return next, nil
	})
}
