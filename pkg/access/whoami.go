package access

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// WhoAmI asks the API server, with one SelfSubjectReview, as whom it knows the user.
func WhoAmI(ctx context.Context, client *kube.Client) (string, error) {
	user, err := Identity(ctx, client)
	return user.Username, err
}

// Identity is WhoAmI with the groups and all else that the API server knows of the user.
func Identity(ctx context.Context, client *kube.Client) (authenticationv1.UserInfo, error) {
	version := authenticationv1.SchemeGroupVersion
	api, err := client.REST(version, kube.NewScheme(version, &authenticationv1.SelfSubjectReview{}))
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	answer := &authenticationv1.SelfSubjectReview{}
	err = api.Post().Resource("selfsubjectreviews").Body(&authenticationv1.SelfSubjectReview{}).Do(ctx).Into(answer)
	if err != nil {
		return authenticationv1.UserInfo{}, client.Explain(err, kube.Request{Verb: "create", Resource: "selfsubjectreviews"})
	}
	return answer.Status.UserInfo, nil
}
