package secrets_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// A key that can be the name of an object is; another one gets a readable name that belongs to it alone.
func ExampleObjectName() {
	fmt.Println(secrets.ObjectName("wandb-token"))
	fmt.Println(secrets.ObjectName("WANDB_TOKEN"))
	// Output:
	// wandb-token
	// wandb-token-cd24fd09b7657410194e6d209c7d21e6
}

func ExampleManifest() {
	manifest := secrets.Manifest("team", "wandb-token", []byte("value"))
	fmt.Println(manifest.GetNamespace(), manifest.GetName(), manifest.GetLabels(), manifest.Object["data"])
	// Output: team wandb-token map[apolo.us/secret:true] map[wandb-token:dmFsdWU=]
}

func ExampleValidate() {
	fmt.Println(secrets.Validate("wandb token", nil))
	fmt.Println(secrets.Validate("large", make([]byte, secrets.MaxValueSize+1)))
	// Output:
	// "wandb token" can't be a key: use letters, digits, '_', '-' and '.', not "." alone and not ".." at the beginning
	// the value has 1048577 bytes, at most 1048576 are possible
}

// Where the Apolo platform keeps the secrets of a project.
func ExampleParsePlatformProject() {
	project, err := secrets.ParsePlatformProject("acme/research")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(project.Namespace())
	fmt.Println(project.Object())
	// Output:
	// platform--acme--research--675658fb9de01a0c65837311
	// project--acme--research--secrets
}
