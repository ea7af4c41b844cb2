package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

func TestExplain(t *testing.T) {
	client := &Client{Cluster: "prod", config: &rest.Config{Host: "https://api.example.com"}}
	secrets := schema.GroupResource{Resource: "secrets"}
	get := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://api.example.com/api/v1/namespaces/n/secrets/s?token=x", Err: err}
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"forbidden by RBAC": {apierrors.NewForbidden(secrets, "s", errors.New(`User "bob" cannot get resource "secrets" in API group "" in the namespace "n"`)),
			`forbidden: you lack permission to get secrets "s" in namespace "n"; ask an administrator for that right`},
		"forbidden by admission": {apierrors.NewForbidden(secrets, "s", errors.New("exceeded quota: q")),
			`the API server rejected the request: secrets "s" is forbidden: exceeded quota: q`},
		"unauthorized":      {apierrors.NewUnauthorized("Unauthorized"), `the cluster "prod" does not accept your credentials; log in again or get a new kubeconfig`},
		"missing namespace": {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "n"), `namespace "n" does not exist; choose one with -n`},
		"missing":           {apierrors.NewNotFound(secrets, "s"), `not found in namespace "n"`},
		"overload":          {apierrors.NewTooManyRequests("slow down", 1), "the API server https://api.example.com is overloaded; try again later"},
		"internal":          {apierrors.NewInternalError(errors.New("etcd is away")), "the API server https://api.example.com failed: Internal error occurred: etcd is away; try again later"},
		"refused":           {get(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), `cannot reach the cluster "prod" at https://api.example.com: connection refused; is it running, and is this the right context?`},
		"timeout":           {get(context.DeadlineExceeded), `cannot reach the cluster "prod" at https://api.example.com: timed out; retry, or raise --request-timeout`},
		"unknown host":      {get(&net.DNSError{Name: "api.example.com"}), `cannot reach the cluster "prod" at https://api.example.com: its name can't be resolved; is this the right context, and are you in the right network?`},
		"cut":               {get(io.EOF), `cannot reach the cluster "prod" at https://api.example.com: the connection was cut; try again`},
		"anything else":     {get(errors.New("proxyconnect failed")), `cannot reach the cluster "prod" at https://api.example.com: proxyconnect failed`},
	} {
		t.Run(name, func(t *testing.T) {
			got := client.Explain(test.err, Request{Verb: "get", Resource: "secrets", Namespace: "n", Name: "s"})
			if got.Error() != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			if !errors.Is(got, test.err) {
				t.Error("the cause is lost")
			}
			if again := client.Explain(fmt.Errorf("secret:s: %w", got), Request{}); !strings.HasSuffix(again.Error(), test.want) {
				t.Errorf("explained twice it becomes %q", again)
			}
		})
	}
}

func TestExplainKeepsTheEndOfTheContext(t *testing.T) {
	client := &Client{config: &rest.Config{}}
	if got := client.Explain(&url.Error{Op: "Get", URL: "x", Err: context.Canceled}, Request{}); got != context.Canceled {
		t.Errorf("got %v", got)
	}
	if got := client.Explain(nil, Request{}); got != nil {
		t.Errorf("nil became %v", got)
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("no", "Forbidden", "secrets", int32(403))
	f.Add(strings.Repeat("é", longestMessage), "", "", int32(500))
	client := &Client{Cluster: "prod", config: &rest.Config{Host: "https://api.example.com"}}
	f.Fuzz(func(t *testing.T, message, reason, kind string, code int32) {
		status := &apierrors.StatusError{ErrStatus: metav1.Status{Message: message, Reason: metav1.StatusReason(reason), Code: code, Details: &metav1.StatusDetails{Kind: kind}}}
		sentence := client.Explain(status, Request{Verb: "get", Resource: "secrets", Namespace: "n"}).Error()
		if sentence == "" || len(sentence) > longestMessage+200 {
			t.Errorf("%q", sentence)
		}
		if utf8.ValidString(message) && !utf8.ValidString(sentence) {
			t.Errorf("a letter was cut in %q", sentence)
		}
	})
}
