// Package local is the local cluster as the tests see it: where it is, and its API without any of the product's
// code in between.
package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is what test/cluster says of itself in its cluster.json.
type Cluster struct {
	Dir               string            `json:"dir"`
	KubernetesVersion string            `json:"kubernetesVersion"`
	BinDir            string            `json:"binDir"`
	Server            string            `json:"server"`
	AuditLog          string            `json:"auditLog"`
	Kubeconfigs       map[string]string `json:"kubeconfigs"`
	CA                struct {
		CertFile string `json:"certFile"`
		KeyFile  string `json:"keyFile"`
	} `json:"ca"`
	Etcd struct {
		URL      string `json:"url"`
		CAFile   string `json:"caFile"`
		CertFile string `json:"certFile"`
		KeyFile  string `json:"keyFile"`
	} `json:"etcd"`
}

// Open reads the cluster that APOLO_CLUSTER_DIR names.
func Open() (*Cluster, error) {
	folder := os.Getenv("APOLO_CLUSTER_DIR")
	if folder == "" {
		return nil, errors.New("APOLO_CLUSTER_DIR is not set: run 'make test', or 'make cluster-up' and eval \"$(make -s cluster-env)\"")
	}
	data, err := os.ReadFile(filepath.Join(folder, "cluster.json"))
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	return c, json.Unmarshal(data, c)
}

// Binaries is the folder of the binaries under test: APOLO_BIN, or what make build left in the checkout that root
// leads to.
func Binaries(root string) (string, error) {
	folder := os.Getenv("APOLO_BIN")
	if folder == "" {
		folder = filepath.Join(root, "bin")
	}
	folder, err := filepath.Abs(folder)
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "kubectl-apolo"))
	}
	if err != nil {
		return "", fmt.Errorf("no binaries to test, run 'make build': %w", err)
	}
	return folder, nil
}

// API is the API server, as one user.
type API struct {
	server string
	client *http.Client
}

// API connects with a kubeconfig. It makes no request.
func (c *Cluster) API(kubeconfig string) (*API, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return &API{server: config.Host, client: client}, nil
}

// StatusError is an answer that is none of success.
type StatusError struct {
	Code int
	Text string
}

func (e *StatusError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Text) }

// Code is the status of an answer: 200 where err is nil, and 0 for one that did not come.
func Code(err error) int {
	var status *StatusError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &status):
		return status.Code
	}
	return 0
}

// Do sends body, unless it is nil, and reads the answer into answer, unless that is nil. It returns a StatusError
// for every answer but success. A PATCH is a merge patch.
func (a *API) Do(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.server+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusMultipleChoices:
		return &StatusError{Code: response.StatusCode, Text: string(data)}
	case answer == nil:
		return nil
	}
	return json.Unmarshal(data, answer)
}

// MakeNamespace makes a namespace, and a user its admin by the RoleBinding "admin". The API server learns of that in a
// moment.
func (a *API) MakeNamespace(ctx context.Context, name, user string) error {
	const rbac = "rbac.authorization.k8s.io"
	type object map[string]any
	if err := a.Do(ctx, http.MethodPost, "/api/v1/namespaces", object{"metadata": object{"name": name}}, nil); err != nil {
		return err
	}
	return a.Do(ctx, http.MethodPost, "/apis/"+rbac+"/v1/namespaces/"+name+"/rolebindings", object{
		"metadata": object{"name": "admin"},
		"roleRef":  object{"apiGroup": rbac, "kind": "ClusterRole", "name": "admin"},
		"subjects": []object{{"apiGroup": rbac, "kind": "User", "name": user}},
	}, nil)
}
