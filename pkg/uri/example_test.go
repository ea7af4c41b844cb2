package uri_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

func ExampleParse() {
	secret, err := uri.Parse("secret://production/team/wandb-token")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(secret.Cluster, secret.Namespace, secret.Key)

	_, err = uri.Parse("secret:/team")
	fmt.Println(err)
	// Output:
	// production team wandb-token
	// "secret:/team" is not complete: it must be secret:/NAMESPACE/KEY
}

func ExampleSecret_String() {
	fmt.Println(uri.Secret{Key: "token"})
	fmt.Println(uri.Secret{Namespace: "team", Key: "token"})
	fmt.Println(uri.Secret{Cluster: "production", Namespace: "team", Key: "token"})
	// Output:
	// secret:token
	// secret:/team/token
	// secret://production/team/token
}
