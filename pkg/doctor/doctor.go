// Package doctor finds out whether a user's cluster and rights are fit for the secrets workflow, and
// what to ask an administrator for where they are not.
package doctor

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	versions "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/version"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/leftovers"
)

// Status is the outcome of a check.
type Status string

// The outcomes.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, and yet there is something to know
	Missing Status = "missing" // something does not work without it
	Unknown Status = "unknown" // it can't be seen from here, or with these rights
)

// Check is one thing that was looked at. Details come from the cluster in part, and are not harmless for
// a terminal.
type Check struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Details string `json:"details"`
}

// Report is all that was found.
type Report struct {
	Checks    []Check
	User      string // as the API server knows who asks; empty where it did not say
	Namespace string // that the rights are for
	Lacking   []Task // those for which a right is missing
}

// Healthy reports whether nothing is missing.
func (r *Report) Healthy() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == Missing })
}

func (r *Report) add(name string, status Status, format string, args ...any) {
	r.Checks = append(r.Checks, Check{name, status, fmt.Sprintf(format, args...)})
}

// oldestServer is the first release whose API has all that is used (SelfSubjectReview in
// authentication.k8s.io/v1, KEP-3325).
const oldestServer = "1.28"

const (
	// clockTolerance is how far clocks may be apart: tokens and certificates bear about as much.
	clockTolerance = time.Minute
	// soon is how long before the end of a certificate one should see to a new one.
	soon = 14 * 24 * time.Hour
)

// Examine looks at the connection, the user and their permissions in the client's namespace. What goes wrong is a
// part of the report; where the cluster can't be reached, that is its end.
func Examine(ctx context.Context, client *kube.Client, tasks []Task) *Report {
	r := &Report{Namespace: client.Namespace}
	r.context(client)
	if !r.server(ctx, client) || !r.identity(ctx, client) {
		return r
	}
	r.namespace(ctx, client)
	r.leftovers(ctx, client)
	r.rights(ctx, client, tasks)
	r.discovery(ctx, client)
	r.encryption(ctx, client)
	return r
}

func (r *Report) context(client *kube.Client) {
	if client.InCluster {
		r.add("kubeconfig", OK, "none is needed: this is a pod, with the rights of its service account; namespace %q", client.Namespace)
		return
	}
	r.add("kubeconfig", OK, "context %q: cluster %q, namespace %q", client.Context, client.Cluster, client.Namespace)
}

// server asks for the version, and reads the server's clock off the answer.
func (r *Report) server(ctx context.Context, client *kube.Client) bool {
	config := client.RESTConfig()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(client.Host(), "/")+"/version", nil)
	if err == nil {
		err = r.ask(client.HTTP(), request, client)
	}
	if err != nil {
		r.add("server", Missing, "%s", client.Explain(err, kube.Request{Verb: "get", Resource: "/version"}))
		return false
	}
	if len(config.CertData) == 0 && config.CertFile != "" {
		config.CertData, _ = os.ReadFile(config.CertFile) // the connection has read it already
	}
	if block, _ := pem.Decode(config.CertData); block != nil {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && time.Until(certificate.NotAfter) < soon {
			r.add("certificate", Warning, "your client certificate ends on %s; get a new kubeconfig before", certificate.NotAfter.Format(time.DateOnly))
		}
	}
	return true
}

// longestVersion is more than any API server says of its version, in bytes.
const longestVersion = 64 << 10

func (r *Report) ask(httpClient *http.Client, request *http.Request, client *kube.Client) error {
	began := time.Now()
	response, err := httpClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	took := time.Since(began)
	body, err := io.ReadAll(io.LimitReader(response.Body, longestVersion))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return apierrors.NewGenericServerResponse(response.StatusCode, "get", schema.GroupResource{Resource: "version"}, "", strings.TrimSpace(string(body)), 0, false)
	}
	var server version.Info
	if err := json.Unmarshal(body, &server); err != nil || server.GitVersion == "" {
		return fmt.Errorf("%s does not answer as a Kubernetes API server does", client.Host())
	}
	where := fmt.Sprintf("%s answered in %s", client.Host(), took.Round(time.Millisecond))
	if number, err := versions.ParseGeneric(server.GitVersion); err == nil && number.LessThan(versions.MustParseGeneric(oldestServer)) {
		r.add("server", Warning, "%s; Kubernetes %s is older than %s, so that some of this will not work", where, server.GitVersion, oldestServer)
	} else {
		r.add("server", OK, "%s; Kubernetes %s", where, server.GitVersion)
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return nil // a proxy took it away: nothing follows from that
	}
	// The header has whole seconds.
	if apart := time.Since(date).Abs().Truncate(time.Second); apart > clockTolerance {
		r.add("clock", Warning, "this machine and the API server are %s apart: tokens and certificates may be refused", apart)
	}
	return nil
}

// User asks the API server as whom it knows the user; one that it does not know is an error.
func User(ctx context.Context, client *kube.Client) (string, error) {
	user, err := access.WhoAmI(ctx, client)
	if err == nil && user == anonymous {
		err = errAnonymous
	}
	return user, err
}

// anonymous is what the API server calls who brings no credentials.
const anonymous = "system:anonymous"

var errAnonymous = errors.New("the cluster does not know who you are (" + anonymous + "): log in, or get a kubeconfig with credentials")

func (r *Report) identity(ctx context.Context, client *kube.Client) bool {
	user, err := access.Identity(ctx, client)
	switch {
	case err != nil:
		r.add("user", Missing, "%s", err)
		return false
	case user.Username == anonymous:
		r.add("user", Missing, "%s", errAnonymous)
		return false
	}
	r.User = user.Username
	r.add("user", OK, "%s, of %s", user.Username, strings.Join(user.Groups, ", "))
	return true
}

// podSecurity is the label that says which pods a namespace takes
// (https://kubernetes.io/docs/concepts/security/pod-security-admission/).
const podSecurity = "pod-security.kubernetes.io/enforce"

// coreV1 is the version of the core API. Its package brings megabytes of types.
func coreV1() schema.GroupVersion { return schema.GroupVersion{Version: "v1"} }

func (r *Report) namespace(ctx context.Context, client *kube.Client) {
	metadata, err := client.Metadata()
	if err != nil {
		r.add("namespace", Unknown, "%s", err)
		return
	}
	found, err := metadata.Resource(coreV1().WithResource("namespaces")).Get(ctx, client.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err):
		r.add("namespace", Unknown, "you can't see whether %q exists", client.Namespace)
	case apierrors.IsNotFound(err):
		r.add("namespace", Missing, "%q does not exist; choose another with -n, or in the kubeconfig: kubectl config set-context --current --namespace NAMESPACE", client.Namespace)
	case err != nil:
		r.add("namespace", Unknown, "%s", client.Explain(err, kube.Request{Verb: "get", Resource: "namespaces", Name: client.Namespace}))
	case found.DeletionTimestamp != nil:
		r.add("namespace", Missing, "%q is being deleted", client.Namespace)
	case found.Labels[podSecurity] == "restricted":
		r.add("namespace", Warning, "%q exists; it takes only pods that meet the Pod Security Standard \"restricted\"; jobs are made so by themselves, and most images run as root: give run a user with --run-as-user", client.Namespace)
	default:
		r.add("namespace", OK, "%q exists", client.Namespace)
	}
}

// leftovers looks for what is left of jobs that are gone. Where there is nothing, there is nothing to tell.
func (r *Report) leftovers(ctx context.Context, client *kube.Client) {
	found, _, err := leftovers.Find(ctx, client, client.Namespace)
	if err != nil {
		r.add("leftovers", Unknown, "%s", err)
		return
	}
	for len(found) > 0 {
		job := found[0].Job
		var what []string
		found = slices.DeleteFunc(found, func(o leftovers.Object) bool {
			if o.Job == job {
				what = append(what, o.What())
			}
			return o.Job == job
		})
		r.add("leftovers", Warning, "of job %q, which was deleted, there are left: %s; job kill %s removes them", job, strings.Join(what, ", "), job)
	}
}

// rights has a check for each task.
func (r *Report) rights(ctx context.Context, client *kube.Client, tasks []Task) {
	all := RightsOf(tasks)
	reviewer, err := newReviewer(client)
	var missing []Right
	if err == nil {
		missing, err = reviewer.missing(ctx, client.Namespace, all)
	}
	for _, task := range tasks {
		if err != nil {
			r.add(string(task), Unknown, "%s", err)
			continue
		}
		lacking := slices.DeleteFunc(task.Rights(), func(right Right) bool { return !slices.Contains(missing, right) })
		if len(lacking) > 0 {
			r.Lacking = append(r.Lacking, task)
			r.add(string(task), Missing, "in namespace %q you can't %s", client.Namespace, inWords(lacking))
		} else {
			r.add(string(task), OK, "%s", task.may())
		}
	}
}

// may says what one may do who has the rights.
func (t Task) may() string {
	switch t {
	case Add:
		return "you may add secrets and replace their values"
	case List:
		return "you may list secrets"
	case Get:
		return "you may read their values"
	case Remove:
		return "you may remove them"
	case Grant:
		return "you may share them"
	case Run:
		return "you may run jobs with them"
	}
	return "you may work in your jobs: attach, exec, port-forward"
}

func (r *Report) discovery(ctx context.Context, client *kube.Client) {
	reviewer, err := newReviewer(client)
	var missing []Right
	if err == nil {
		missing, err = reviewer.missing(ctx, "", rights("", "namespaces", "list"))
	}
	switch {
	case err != nil:
		r.add("discovery", Unknown, "%s", err)
	case len(missing) > 0:
		r.add("discovery", Warning, "you can't list namespaces, so acl ls looks only in those that your kubeconfig or your commands named, or --in; "+
			"an administrator can change that for everybody with acl enable-discovery")
	default:
		r.add("discovery", OK, "acl ls finds what is shared with you in all namespaces")
	}
}

// encryption looks for signs of encryption at rest: there is no API that says it. They are the flags of an API
// server that runs as a pod, and else its metrics.
func (r *Report) encryption(ctx context.Context, client *kube.Client) {
	const flag = "--encryption-provider-config"
	version := coreV1()
	core, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		r.add("encryption", Unknown, "%s", err)
		return
	}
	// Bare JSON: the types of pods are large, and these few fields all that is read.
	body, err := core.Get().Namespace(metav1.NamespaceSystem).Resource("pods").Param("labelSelector", "component=kube-apiserver").
		Param("limit", "1").SetHeader("Accept", "application/json").Do(ctx).Raw()
	var pods struct {
		Items []struct {
			Spec struct {
				Containers []struct{ Command, Args []string }
			}
		}
	}
	if err == nil && json.Unmarshal(body, &pods) == nil && len(pods.Items) > 0 && len(pods.Items[0].Spec.Containers) > 0 {
		var args []string // of all of its containers: which one is the server is for its installer to name
		for _, container := range pods.Items[0].Spec.Containers {
			args = slices.Concat(args, container.Command, container.Args)
		}
		if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag) }) {
			r.add("encryption", OK, "the API server has a configuration for encryption at rest (%s)", flag)
		} else {
			r.add("encryption", Warning, "the API server has no %s: values are in etcd as they are", flag)
		}
		return
	}
	stream, err := core.Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Stream(ctx)
	if err != nil {
		r.add("encryption", Unknown, "whether values are encrypted at rest can't be seen with your rights; ask an administrator")
		return
	}
	defer stream.Close()
	sign, err := encryptionSign(stream)
	switch {
	case err != nil:
		r.add("encryption", Unknown, "the metrics of the API server can't be read: %s", err)
	case sign == "":
		r.add("encryption", Unknown, "the API server's metrics show no encryption at rest; look for %s, or ask who runs it", flag)
	default:
		r.add("encryption", OK, "the API server encrypts at rest (%s)", sign)
	}
}

// longestMetrics bounds what is read of an API server's metrics, in bytes; they are a few megabytes.
const longestMetrics = 64 << 20

// encryptionSign finds in an API server's metrics, in Prometheus's text format, that it has a configuration for
// encryption at rest: either it says so itself, or secrets are written with a provider's prefix, as in
// k8s:enc:kms:v2: (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/). It returns the name of
// what it found, and nothing where there is no sign.
func encryptionSign(metrics io.Reader) (string, error) {
	const (
		configured  = "apiserver_encryption_config_controller_last_config_info"
		transformed = "apiserver_storage_transformation_operations_total"
	)
	lines := bufio.NewScanner(io.LimitReader(metrics, longestMetrics))
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, configured+"{"):
			return configured, nil
		case strings.HasPrefix(line, transformed+"{") && strings.Contains(line, `transformer_prefix="k8s:enc:`):
			return transformed, nil
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return "", err
	}
	return "", nil
}
