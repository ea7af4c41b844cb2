package access

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// WhoAmI asks the API server, with one SelfSubjectReview, as whom it knows the user.
func WhoAmI(ctx context.Context, client *kube.Client) (string, error) {
	user, err := Identity(ctx, client)
	return user.Username, err
}

// User is what the API server knows of a user.
type User struct {
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

// Identity is WhoAmI with the user's groups.
func Identity(ctx context.Context, client *kube.Client) (User, error) {
	version := schema.GroupVersion{Group: "authentication.k8s.io", Version: "v1"}
	api, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		return User{}, err
	}
	review := &struct {
		metav1.TypeMeta `json:",inline"`
		Status          struct {
			UserInfo User `json:"userInfo"`
		} `json:"status"`
	}{TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}}
	err = post(ctx, client, api, "selfsubjectreviews", review)
	return review.Status.UserInfo, err
}
