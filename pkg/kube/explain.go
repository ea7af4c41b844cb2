package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Request says what was asked of the API server, so that an error can name it.
type Request struct {
	Verb      string // as in RBAC: get, list, create, …
	Resource  string // as in RBAC: secrets, pods/log, …
	Namespace string // empty for what is in no namespace
	Name      string // empty where the request names no single object
}

// Error is a failed request in one sentence. It unwraps to what client-go returned, so that the
// functions of apimachinery's api/errors work on it.
type Error struct {
	sentence string
	cause    error
}

func (e *Error) Error() string { return e.sentence }
func (e *Error) Unwrap() error { return e.cause }

// Explain turns the error of a request into an Error whose text is one sentence for a user: what
// happened and what to do about it. It returns nil for nil, and leaves the end of the context as
// it is.
func (c *Client) Explain(err error, request Request) error {
	if err == nil {
		return nil
	}
	if known := (*Error)(nil); errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return &Error{sentence: c.sentence(err, request), cause: err}
}

func (c *Client) sentence(err error, request Request) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return c.unreachable(err)
	}
	details := status.Status().Details
	message := shortened(strings.TrimSpace(status.Status().Message))
	switch {
	case isWebPage(details):
		code := int(status.Status().Code)
		return fmt.Sprintf("the API server %s answered %d %s with a web page; is a proxy intercepting requests?", c.Host(), code, http.StatusText(code))
	case apierrors.IsUnauthorized(err):
		return c.unauthorized()
	case apierrors.IsTooManyRequests(err):
		return fmt.Sprintf("the API server %s is overloaded; try again later", c.Host())
	case apierrors.IsInternalError(err), apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err):
		return fmt.Sprintf("the API server %s failed: %s; try again later", c.Host(), message)
	case message == "unknown": // client-go's word for an error without one
		code := int(status.Status().Code)
		return fmt.Sprintf("the API server %s answered %d %s without a reason; is a proxy intercepting requests?", c.Host(), code, http.StatusText(code))
	case apierrors.HasStatusCause(err, namespaceTerminating):
		return fmt.Sprintf("namespace %q is being deleted, and nothing can be created in it; choose another one with -n", request.Namespace)
	case apierrors.IsForbidden(err) && strings.Contains(message, "cannot "+request.Verb+" resource"):
		return "forbidden: you lack permission to " + request.right() + "; ask an administrator for that right"
	case apierrors.IsForbidden(err):
		return "the API server rejected the request: " + message // an admission rule: its words say which
	case apierrors.IsAlreadyExists(err) && strings.HasPrefix(message, "object is being deleted: "):
		return "an object of the same name is being deleted; try again when it is gone"
	case apierrors.IsNotFound(err) && details != nil && details.Kind == "namespaces":
		return fmt.Sprintf("namespace %q does not exist; choose one with -n", request.Namespace)
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("not found in namespace %q", request.Namespace)
	}
	return "the API server rejected the request: " + message
}

// namespaceTerminating is k8s.io/api/core/v1's NamespaceTerminatingCause, without the weight of that package.
const namespaceTerminating metav1.CauseType = "NamespaceTerminating"

// longestMessage is how much of a server's message is passed on, in bytes. Admission rules now and then have a lot to say.
const longestMessage = 4 << 10

func shortened(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	return strings.ToValidUTF8(message[:longestMessage], "") + "…"
}

// isWebPage reports whether an answer has no words of an API server: client-go keeps what it was then.
func isWebPage(details *metav1.StatusDetails) bool {
	return details != nil && slices.ContainsFunc(details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Type == metav1.CauseTypeUnexpectedServerResponse && strings.HasPrefix(strings.TrimSpace(cause.Message), "<")
	})
}

// right is the request in the words of RBAC.
func (r Request) right() string {
	text := r.Verb + " " + r.Resource
	if r.Name != "" {
		text += fmt.Sprintf(" %q", r.Name)
	}
	if r.Namespace == "" {
		return text + " in all namespaces"
	}
	return text + fmt.Sprintf(" in namespace %q", r.Namespace)
}

func (c *Client) unauthorized() string {
	text := fmt.Sprintf("the cluster %q does not accept your credentials", c.Cluster)
	if expiry, ok := c.certificateExpiry(); ok && time.Now().After(expiry) {
		return text + fmt.Sprintf(": your client certificate expired on %s; get a new kubeconfig", expiry.Format(time.DateOnly))
	}
	return text + "; log in again or get a new kubeconfig"
}

// certificateExpiry reads when the user's client certificate ends, if there is one.
func (c *Client) certificateExpiry() (time.Time, bool) {
	data := c.config.CertData
	if len(data) == 0 && c.config.CertFile != "" {
		data, _ = os.ReadFile(c.config.CertFile)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return certificate.NotAfter, true
}

// unreachable words errors of the connection. client-go hands on those of net/http, whose text
// repeats the whole URL.
func (c *Client) unreachable(err error) string {
	where := fmt.Sprintf("cannot reach the cluster %q at %s: ", c.Cluster, c.Host())
	if operation := (*net.OpError)(nil); errors.As(err, &operation) && (operation.Op == "proxyconnect" || strings.HasPrefix(operation.Op, "socks")) {
		return where + "the proxy in between fails: " + operation.Err.Error() + "; see HTTPS_PROXY, and proxy-url in the kubeconfig"
	}
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		plugin      *pluginError
		answer      *answerError
		cut         *cutError
		request     *url.Error
		large       *tooLarge
	)
	switch {
	case errors.Is(err, ErrTooManyPages):
		return fmt.Sprintf("%s (%s); is a proxy intercepting requests?", ErrTooManyPages, c.Host())
	case runtime.IsNotRegisteredError(err):
		return fmt.Sprintf("the API server %s sent an unexpected response; is a proxy intercepting requests?", c.Host())
	case errors.As(err, &large):
		return fmt.Sprintf("the API server %s can't be understood: %s; is a proxy intercepting requests?", c.Host(), large)
	case errors.As(err, &plugin):
		return plugin.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return where + "connection refused; is it running, and is this the right context?"
	case errors.As(err, &dns):
		return where + "its name can't be resolved; is this the right context, and are you in the right network?"
	case errors.As(err, &certificate):
		return where + "its certificate is not trusted: " + certificate.Err.Error()
	case errors.As(err, &answer):
		return c.Host() + " " + answer.Error()
	case isTimeout(err):
		return where + "timed out; retry, or raise --request-timeout"
	case errors.As(err, &cut), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return where + "the connection was cut; try again"
	case errors.As(err, &request):
		return where + shortened(request.Err.Error())
	}
	return fmt.Sprintf("the API server %s can't be understood: %s; is a proxy intercepting requests?", c.Host(), shortened(err.Error()))
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
