package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

// labelBench marks every object outside of our namespaces, and these; its value is the run.
const labelBench = "apolo.us/bench"

// oldAfter is the age at which objects of another run are those of one that was killed.
const oldAfter = time.Hour

// atOnce is how many requests prepare the cluster at the same time.
const atOnce = 16

var (
	namespacesResource          = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	secretsResource             = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	rolesResource               = rbac("roles")
	jobsResource                = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	roleBindingsResource        = rbac("rolebindings")
	clusterRolesResource        = rbac("clusterroles")
	clusterRoleBindingsResource = rbac("clusterrolebindings")
)

func rbac(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
}

type object = map[string]any

// cluster is the local cluster, and what the run keeps there.
type cluster struct {
	*local.Cluster

	run      string // the names of all that is made begin with it
	work     string // where kubeconfigs are written
	client   *kube.Client
	metadata metadata.Interface
	proxies  map[account]*proxy
}

func openCluster(work string) (*cluster, error) {
	found, err := local.Open()
	if err != nil {
		return nil, err
	}
	c := &cluster{Cluster: found, run: "bench-" + rand.String(5), work: work, proxies: map[account]*proxy{}}
	if c.client, err = kube.NewClient(&kube.Options{Kubeconfig: c.Kubeconfigs["admin"], UserAgent: "apolo-bench"}); err != nil {
		return nil, err
	}
	c.metadata, err = c.client.Metadata()
	return c, err
}

// serverVersion asks the API server.
func (c *cluster) serverVersion(ctx context.Context) (string, error) {
	core, err := c.rest(namespacesResource)
	if err != nil {
		return "", err
	}
	body, err := core.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var version struct{ GitVersion, GoVersion string }
	err = json.Unmarshal(body, &version)
	return version.GitVersion + " (" + version.GoVersion + ")", err
}

func (c *cluster) rest(of schema.GroupVersionResource) (*rest.RESTClient, error) {
	return c.client.REST(of.GroupVersion(), kube.NewScheme(of.GroupVersion()))
}

// create makes an object as the administrator and returns its UID.
func (c *cluster) create(ctx context.Context, of schema.GroupVersionResource, namespace string, o any) (types.UID, error) {
	client, err := c.rest(of)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	answer, err := client.Post().NamespaceIfScoped(namespace, namespace != "").Resource(of.Resource).
		SetHeader("Content-Type", runtime.ContentTypeJSON).SetHeader("Accept", runtime.ContentTypeJSON).Body(body).Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var created metav1.PartialObjectMetadata
	err = json.Unmarshal(answer, &created)
	return created.UID, err
}

// meta is the metadata of an object of this run.
func (c *cluster) meta(name string) object {
	return object{"name": name, "labels": object{labelBench: c.run}}
}

// namespace makes a namespace of this run.
func (c *cluster) namespace(ctx context.Context, name string) error {
	_, err := c.create(ctx, namespacesResource, "", object{"metadata": c.meta(name)})
	return err
}

// home makes a namespace where user is administrator, and waits until it can be used.
func (c *cluster) home(ctx context.Context, user, suffix string) (account, error) {
	a := account{user, c.run + "-" + suffix}
	if err := c.namespace(ctx, a.namespace); err != nil {
		return a, err
	}
	if _, err := c.create(ctx, roleBindingsResource, a.namespace, c.binding("admin", "ClusterRole", "admin", user)); err != nil {
		return a, err
	}
	client, err := kube.NewClient(&kube.Options{Kubeconfig: c.Kubeconfigs[user], UserAgent: "apolo-bench"})
	if err != nil {
		return a, err
	}
	core, err := client.REST(secretsResource.GroupVersion(), kube.NewScheme(secretsResource.GroupVersion()))
	if err != nil {
		return a, err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		return core.Get().Namespace(a.namespace).Resource("serviceaccounts").Name("default").Do(ctx).Error() == nil, nil
	})
	return a, err
}

// binding is a RoleBinding or a ClusterRoleBinding.
func (c *cluster) binding(name, roleKind, role, user string) object {
	return object{
		"metadata": c.meta(name),
		"roleRef":  object{"apiGroup": rolesResource.Group, "kind": roleKind, "name": role},
		"subjects": []object{{"apiGroup": rolesResource.Group, "kind": "User", "name": user}},
	}
}

// letListNamespaces allows a user what an administrator allows for discovery.
func (c *cluster) letListNamespaces(ctx context.Context, user string) error {
	name := c.run + "-list-namespaces"
	role := object{"metadata": c.meta(name), "rules": []object{{"apiGroups": []string{""}, "resources": []string{"namespaces"}, "verbs": []string{"list"}}}}
	if _, err := c.create(ctx, clusterRolesResource, "", role); err != nil {
		return err
	}
	_, err := c.create(ctx, clusterRoleBindingsResource, "", c.binding(name, "ClusterRole", name, user))
	return err
}

// removeAll removes what this run made. Namespaces end in the background.
func (c *cluster) removeAll(ctx context.Context) error {
	for _, p := range c.proxies {
		p.close()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c.remove(ctx, labelBench+"="+c.run, 0)
}

// removeOld removes what a run left that was killed.
func (c *cluster) removeOld(ctx context.Context) error { return c.remove(ctx, labelBench, oldAfter) }

func (c *cluster) remove(ctx context.Context, selector string, age time.Duration) error {
	for _, of := range []schema.GroupVersionResource{clusterRoleBindingsResource, clusterRolesResource, namespacesResource} {
		found, err := c.metadata.Resource(of).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		err = parallel(ctx, len(found.Items), func(i int) error {
			o := found.Items[i]
			if o.DeletionTimestamp != nil || time.Since(o.CreationTimestamp.Time) < age {
				return nil
			}
			err := c.metadata.Resource(of).Delete(ctx, o.Name, metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig returns a file with which commands are a user in a namespace.
func (c *cluster) kubeconfig(a account) (string, error) {
	file := filepath.Join(c.work, a.user+"-"+a.namespace)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	config, err := c.load(a)
	if err != nil {
		return "", err
	}
	return file, clientcmd.WriteToFile(*config, file)
}

func (c *cluster) load(a account) (*clientcmdapi.Config, error) {
	config, err := clientcmd.LoadFromFile(c.Kubeconfigs[a.user])
	if err != nil {
		return nil, err
	}
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return nil, err
	}
	if config.Contexts[config.CurrentContext] == nil {
		return nil, fmt.Errorf("%s has no current context", c.Kubeconfigs[a.user])
	}
	config.Contexts[config.CurrentContext].Namespace = a.namespace
	return config, nil
}

// proxied is kubeconfig through a proxy that counts. isNew says that nobody went through it yet.
func (c *cluster) proxied(a account) (p *proxy, file string, isNew bool, err error) {
	file = filepath.Join(c.work, a.user+"-"+a.namespace+"-proxied")
	if p, ok := c.proxies[a]; ok {
		return p, file, false, nil
	}
	config, err := c.load(a)
	if err != nil {
		return nil, "", false, err
	}
	connection, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return nil, "", false, err
	}
	p, err = startProxy(connection)
	if err != nil {
		return nil, "", false, err
	}
	c.proxies[a] = p
	context := config.Contexts[config.CurrentContext]
	config.Clusters[context.Cluster] = &clientcmdapi.Cluster{
		Server:                   p.server.URL,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}),
	}
	config.AuthInfos[context.AuthInfo] = &clientcmdapi.AuthInfo{Token: "unused"} // the proxy has the credentials; kubectl would ask for some
	return p, file, true, clientcmd.WriteToFile(*config, file)
}

// parallel calls do for 0 to n-1, some at once, and returns the first error.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					continue
				}
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
