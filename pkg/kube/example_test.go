package kube_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: staging
clusters:
- {name: staging, cluster: {server: "https://staging.example.com"}}
- {name: production, cluster: {server: "https://production.example.com"}}
contexts:
- {name: staging, context: {cluster: staging, user: alice, namespace: team}}
- {name: live, context: {cluster: production, user: alice, namespace: team-live}}
users:
- {name: alice, user: {token: example}}
`

// No request is made until a client is used.
func ExampleNewClientFor() {
	folder, err := os.MkdirTemp("", "example-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "config")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	options := kube.Options{Kubeconfig: file, UserAgent: "example"}
	for _, cluster := range []string{"", "production", "nowhere"} {
		client, err := kube.NewClientFor(&options, cluster)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(client.Cluster, client.Context, client.Namespace, client.Host())
	}
	// Output:
	// staging staging team https://staging.example.com
	// production live team-live https://production.example.com
	// cluster "nowhere": no context of the kubeconfig points to it (there are: production, staging)
}
