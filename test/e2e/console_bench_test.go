package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// BenchmarkConsoleSecrets lists 5,000 secrets: what the server and the cluster need for the page's table.
func BenchmarkConsoleSecrets(b *testing.B) {
	const many = 5000
	c := openCluster(b)
	_, kubeconfig := c.namespace(b, "alice")
	client, err := kube.NewClient(&kube.Options{Kubeconfig: kubeconfig})
	if err != nil {
		b.Fatal(err)
	}
	store, err := secrets.NewStore(client, uri.Secret{})
	if err != nil {
		b.Fatal(err)
	}
	var writes errgroup.Group
	writes.SetLimit(32)
	for i := range many {
		writes.Go(func() error {
			_, err := store.Add(b.Context(), fmt.Sprintf("key-%04d", i), []byte("value"), secrets.AddOptions{})
			return err
		})
	}
	if err := writes.Wait(); err != nil {
		b.Fatal(err)
	}
	alice := openConsole(b, kubeconfig)
	for b.Loop() {
		var list console.SecretList
		alice.do(http.StatusOK, http.MethodGet, "/secrets", nil, &list)
		if len(list.Items) != many {
			b.Fatalf("%d secrets", len(list.Items))
		}
	}
}
