package grants

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// page is how many objects one answer brings.
const page = 500

// eachBinding calls each for the RoleBindings of a namespace, a page at a time.
func eachBinding(ctx context.Context, client *kube.Client, api *rest.RESTClient, namespace string, each func(*rbacv1.RoleBinding)) error {
	err := kube.EachPage(metav1.ListOptions{Limit: page}, func(options *metav1.ListOptions) (string, error) {
		list := &rbacv1.RoleBindingList{}
		err := api.Get().Namespace(namespace).Resource("rolebindings").VersionedParams(options, metav1.ParameterCodec).Do(ctx).Into(list)
		for i := range list.Items {
			each(&list.Items[i])
		}
		return list.Continue, err
	})
	return client.Explain(err, kube.Request{Verb: "list", Resource: "rolebindings", Namespace: namespace})
}

// eachRole calls each for the Roles of a namespace, a page at a time.
func eachRole(ctx context.Context, client *kube.Client, api *rest.RESTClient, namespace, selector string, each func(*rbacv1.Role)) error {
	err := kube.EachPage(metav1.ListOptions{LabelSelector: selector, Limit: page}, func(options *metav1.ListOptions) (string, error) {
		list := &rbacv1.RoleList{}
		err := api.Get().Namespace(namespace).Resource("roles").VersionedParams(options, metav1.ParameterCodec).Do(ctx).Into(list)
		for i := range list.Items {
			each(&list.Items[i])
		}
		return list.Continue, err
	})
	return client.Explain(err, kube.Request{Verb: "list", Resource: "roles", Namespace: namespace})
}
