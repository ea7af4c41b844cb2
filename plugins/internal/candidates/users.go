package candidates

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// Users offers those who have a grant for a secret of the current namespace. Nobody else is known:
// Kubernetes keeps no list of users.
func Users(ctx context.Context, c *completion.Word) { users(ctx, c, uri.Secret{}) }

// NamespaceUsers is Users for the namespace of the secret that the first argument names.
func NamespaceUsers(ctx context.Context, c *completion.Word) {
	if where, ok := firstSecret(c); ok {
		where.Key = ""
		users(ctx, c, where)
	}
}

// UsersOf offers those who have a grant for the secret that the first argument names.
func UsersOf(ctx context.Context, c *completion.Word) {
	if where, ok := firstSecret(c); ok {
		users(ctx, c, where)
	}
}

func firstSecret(c *completion.Word) (uri.Secret, bool) {
	if len(c.Args) == 0 {
		return uri.Secret{}, false
	}
	where, err := uri.Parse(c.Args[0])
	return where, err == nil
}

// users reads RoleBindings of grants, without the types of RBAC for the size of the binaries. One page is
// enough: nobody chooses out of more.
func users(ctx context.Context, c *completion.Word, of uri.Secret) {
	client, err := kube.NewClientFor(c.Kube, of.Cluster)
	if err != nil {
		return
	}
	version := schema.GroupVersion{Group: grantee.APIGroup, Version: "v1"}
	rbac, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		return
	}
	answer, err := rbac.Get().
		Namespace(client.In(of.Namespace).Namespace).
		Resource("rolebindings").
		VersionedParams(&metav1.ListOptions{Limit: page}, metav1.ParameterCodec).
		SetHeader("Accept", runtime.ContentTypeJSON).
		Do(ctx).
		Raw()
	if err != nil {
		return
	}
	var found struct {
		Items []struct {
			RoleRef  struct{ Name string }
			Subjects []struct{ Kind, Namespace, Name string }
		}
	}
	if json.Unmarshal(answer, &found) != nil {
		return
	}
	for _, binding := range found.Items {
		// By the name of the Role: a manager can strip labels.
		name, ok := secretroles.ParseName(binding.RoleRef.Name)
		if !ok || of.Key != "" && name.Object != secrets.ObjectName(of.Key) {
			continue
		}
		for _, subject := range binding.Subjects {
			c.Offer(grantee.Grantee{Kind: subject.Kind, Namespace: subject.Namespace, Name: subject.Name}.String(), "")
		}
	}
}
