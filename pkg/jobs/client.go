package jobs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
)

// The resources, as RBAC calls them.
const (
	jobsResource    = "jobs"
	podsResource    = "pods"
	eventsResource  = "events"
	secretsResource = "secrets"
)

// Client creates, watches and deletes jobs in the current namespace of a cluster. It is safe for
// use by several goroutines.
type Client struct {
	*remote.Client // to a job's container: Exec, Attach, Forward

	kube *kube.Client

	batch, core                   rest.Interface // for single requests, with a time limit
	streamingBatch, streamingCore rest.Interface // for watches and logs, without
}

// NewClient prepares a Client. It makes no request.
func NewClient(client *kube.Client) (*Client, error) {
	batchScheme := kube.NewScheme(batchv1.SchemeGroupVersion, &batchv1.Job{}, &batchv1.JobList{})
	coreScheme := kube.NewScheme(corev1.SchemeGroupVersion,
		&corev1.Pod{}, &corev1.PodList{}, &corev1.Event{}, &corev1.EventList{}, &corev1.Secret{}, &corev1.ConfigMap{})
	streams, err := remote.NewClient(client, jobspec.ContainerName)
	if err != nil {
		return nil, err
	}
	c := &Client{Client: streams, kube: client}
	for _, part := range []struct {
		api  *rest.Interface
		make func() (*rest.RESTClient, error)
	}{
		{&c.batch, func() (*rest.RESTClient, error) { return client.REST(batchv1.SchemeGroupVersion, batchScheme) }},
		{&c.core, func() (*rest.RESTClient, error) { return client.REST(corev1.SchemeGroupVersion, coreScheme) }},
		{&c.streamingBatch, func() (*rest.RESTClient, error) {
			return client.StreamingREST(batchv1.SchemeGroupVersion, batchScheme)
		}},
		{&c.streamingCore, func() (*rest.RESTClient, error) {
			return client.StreamingREST(corev1.SchemeGroupVersion, coreScheme)
		}},
	} {
		api, err := part.make()
		if err != nil {
			return nil, err
		}
		*part.api = api
	}
	return c, nil
}

// Now is the time by the API server's clock, as kube.Client.Now has it.
func (c *Client) Now() time.Time { return c.kube.Now() }

// Ref names one job that exists or existed.
type Ref struct {
	Namespace string
	Name      string
	UID       types.UID
}

// DeleteCommand is how to delete the job with kubectl.
func (r Ref) DeleteCommand() string {
	return fmt.Sprintf("kubectl delete job %s -n %s", r.Name, r.Namespace)
}

// isTransportError reports whether an error is of a request to which no API server gave an answer.
func isTransportError(err error) bool {
	var (
		request *kube.Error
		status  apierrors.APIStatus
	)
	return errors.As(err, &request) && !errors.As(err, &status)
}

// neverSent reports whether a request without an answer certainly did not reach the API server.
func neverSent(err error) bool {
	var (
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &certificate)
}

func (c *Client) explain(err error, verb, resource, name string) error {
	return c.kube.Explain(err, kube.Request{Verb: verb, Resource: resource, Namespace: c.kube.Namespace, Name: name})
}
