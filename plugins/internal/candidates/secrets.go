// Package candidates completes what several plugins take: keys and URIs of secrets, jobs, users.
//
// Nothing here reads the value of a secret. What a server does not answer in time, or refuses, is not
// offered.
package candidates

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// Keys offers the keys of the current namespace, and URIs where one was begun.
func Keys(ctx context.Context, c *completion.Word) {
	if uri.IsSecret(c.Text) {
		URIs(ctx, c)
		return
	}
	keys(ctx, c, place{}, func(key string) { c.Offer(key, "") })
}

// URIs offers URIs of secrets.
func URIs(ctx context.Context, c *completion.Word) { URIsWith(ctx, c, "", "") }

// URIsWith offers URIs with text before and after each; with some after it the word continues.
func URIsWith(ctx context.Context, c *completion.Word, before, after string) {
	names{uri.Scheme, keys}.complete(ctx, c, before, after)
}

// Env offers secrets for the value of a variable, as in NAME=secret:KEY.
func Env(ctx context.Context, c *completion.Word) {
	if name, _, ok := strings.Cut(c.Text, "="); ok {
		URIsWith(ctx, c, name+"=", "")
	}
}

// Foreign offers the names of Kubernetes Secrets of other tools, and URIs where one was begun: no secrets of Apolo, no
// copies for jobs, and nothing that the cluster or Helm keep for themselves.
func Foreign(ctx context.Context, c *completion.Word) {
	options := metav1.ListOptions{
		LabelSelector: "!" + wellknown.LabelSecret + ",!" + wellknown.LabelJobCopy,
		FieldSelector: "type!=kubernetes.io/service-account-token,type!=bootstrap.kubernetes.io/token,type!=helm.sh/release.v1",
	}
	each := func(ctx context.Context, c *completion.Word, where place, offer func(string)) {
		_ = list(ctx, c, where, core("secrets"), options, func(secret *metav1.ObjectMeta) { offer(secret.Name) })
	}
	if uri.IsSecret(c.Text) {
		names{uri.Scheme, each}.complete(ctx, c, "", "")
		return
	}
	each(ctx, c, place{}, func(name string) { c.Offer(name, "") })
}

// keys offers the keys of a namespace. Where the user may not list them, these are the secrets that they
// can read by name, such as those that were shared with them.
func keys(ctx context.Context, c *completion.Word, where place, offer func(string)) {
	client, err := kube.NewClientFor(c.Kube, where.cluster)
	if err != nil {
		return
	}
	store, err := secrets.NewStore(client, uri.Secret{Namespace: where.namespace})
	if err != nil {
		return
	}
	each := func(found secrets.Secret) error {
		switch {
		case uri.ValidateKey(found.Key) != nil: // its annotation may be anything
		case found.BeingDeleted != nil && !slices.Contains([]string{"get", "cp", "export", "revoke"}, c.Command): // all others refuse it
		default:
			offer(found.Key)
		}
		return nil
	}
	if apierrors.IsForbidden(store.List(ctx, each)) {
		_ = store.ListNamed(ctx, each) // then there are none
	}
}
