package kube

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

var secretsKind = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}

// clientOf is a client with a token for a server that answers as handler does.
func clientOf(t *testing.T, handler http.Handler, timeout string) (*Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	options := &Options{Kubeconfig: kubetest.WriteKubeconfig(t, server.URL, "default")}
	options.Overrides.Timeout = timeout
	client, err := NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// getMetadata makes one request and explains its error.
func getMetadata(client *Client) error {
	md, err := client.Metadata()
	if err != nil {
		return err
	}
	_, err = md.Resource(secretsKind).Namespace("n").Get(context.Background(), "s", metav1.GetOptions{})
	return client.Explain(err, Request{Verb: "get", Resource: "secrets", Namespace: "n", Name: "s"})
}

// stream opens one and reads it to its end.
func stream(client *Client) error {
	api, err := client.StreamingREST(schema.GroupVersion{Version: "v1"}, NewScheme(schema.GroupVersion{Version: "v1"}))
	if err != nil {
		return err
	}
	body, err := api.Get().Namespace("n").Resource("pods").Name("p").SubResource("log").Stream(context.Background())
	if err != nil {
		return client.Explain(err, Request{Verb: "get", Resource: "pods/log", Namespace: "n", Name: "p"})
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

// zeros answers with spaces, which are white space in JSON, until the other side goes; it notes how many.
func zeros(sent *atomic.Int64, most int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/log") {
			w.Header().Set("Content-Type", "text/plain")
		}
		block := []byte(strings.Repeat(" ", 1<<20))
		for sent.Load() < most {
			if _, err := w.Write(block); err != nil {
				return
			}
			sent.Add(int64(len(block)))
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var sent atomic.Int64
	client, _ := clientOf(t, zeros(&sent, 100*maxAnswer), "")
	err := getMetadata(client)
	if err == nil || !strings.Contains(err.Error(), "more than 64 MiB") || !strings.Contains(err.Error(), client.Host()) {
		t.Errorf("error: %v", err)
	}
	if sent.Load() > 2*maxAnswer {
		t.Errorf("%d bytes were sent before the client left", sent.Load())
	}
}

// Of an error only the beginning is read, of a question and of a change; its status code says enough.
func TestErrorsAreBounded(t *testing.T) {
	var sent atomic.Int64
	endless := zeros(&sent, 20*maxRefusal)
	client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		endless(w, r)
	}), "")
	removed := func(client *Client) error {
		md, err := client.Metadata()
		if err != nil {
			return err
		}
		err = md.Resource(secretsKind).Namespace("n").Delete(context.Background(), "s", metav1.DeleteOptions{})
		return client.Explain(err, Request{Verb: "delete", Resource: "secrets", Namespace: "n", Name: "s"})
	}
	for name, ask := range map[string]func(*Client) error{"get": getMetadata, "delete": removed} {
		sent.Store(0)
		if err := ask(client); err == nil || !strings.Contains(err.Error(), "answered 403 Forbidden without a reason") {
			t.Errorf("%s: %v", name, err)
		}
		if sent.Load() > 10*maxRefusal { // what the kernel holds for a connection is on its way too
			t.Errorf("%s: %d bytes were sent before the client left", name, sent.Load())
		}
	}
}

func TestAnswersAreBoundedAfterDecompression(t *testing.T) {
	client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("the client does not ask for gzip, so that this tests nothing")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			t.Error(err)
		}
		block := []byte(strings.Repeat(" ", 1<<20))
		for range 200 {
			if _, err := compressed.Write(block); err != nil {
				return
			}
		}
		_ = compressed.Close()
	}), "")
	if err := getMetadata(client); err == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Errorf("error: %v", err)
	}
}

func TestAnswersOfTheLargestSizePass(t *testing.T) {
	object := `{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "s"}}`
	client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, object+strings.Repeat(" ", maxAnswer-len(object)))
	}), "")
	if err := getMetadata(client); err != nil {
		t.Error(err)
	}
}

// A log may have any size, and what comes in place of one not.
func TestStreams(t *testing.T) {
	var sent atomic.Int64
	client, _ := clientOf(t, zeros(&sent, 2*maxAnswer), "")
	if err := stream(client); err != nil || sent.Load() < 2*maxAnswer {
		t.Errorf("a log was cut: %v, after %d bytes", err, sent.Load())
	}

	refused := make(chan struct{})
	client, _ = clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		block := []byte(strings.Repeat("no ", 1<<16))
		for {
			if _, err := w.Write(block); err != nil {
				close(refused)
				return
			}
		}
	}), "")
	if err := stream(client); err == nil {
		t.Error("a refusal without an end is no error")
	}
	<-refused

	client, _ = clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), "50ms")
	if err := stream(client); err == nil {
		t.Error("a refusal that never comes to its end is no error")
	}
}

// The other server would get the token: client-go adds it to every request.
func TestRedirectsElsewhereAreNotFollowed(t *testing.T) {
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			var got atomic.Int64
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.Add(1) }))
			defer other.Close()
			client, _ := clientOf(t, http.RedirectHandler(other.URL+"/api", code), "")
			for what, err := range map[string]error{"request": getMetadata(client), "stream": stream(client)} {
				if err == nil || !strings.Contains(err.Error(), "sends the request on to "+other.URL) {
					t.Errorf("%s: error: %v", what, err)
				}
			}
			if got.Load() != 0 {
				t.Error("the other server was asked")
			}
		})
	}
}

func TestRedirectsWithinTheServerAreFollowed(t *testing.T) {
	client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/there") {
			http.Redirect(w, r, "/there"+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "s"}}`)
	}), "")
	if err := getMetadata(client); err != nil {
		t.Error(err)
	}

	client, _ = clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"/on", http.StatusTemporaryRedirect)
	}), "")
	if err := getMetadata(client); err == nil || !strings.Contains(err.Error(), "for the 6th time") {
		t.Errorf("error: %v", err)
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	bounded := &guard{next: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1000000000"}}, Body: http.NoBody}, nil
	})}
	response, err := bounded.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil || response.Header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After became %q, %v", response.Header.Get("Retry-After"), err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The time limit is for all attempts of a request together.
func TestRetriesEndWithTheTimeLimit(t *testing.T) {
	var asked atomic.Int64
	client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", "1000000000")
		w.WriteHeader(http.StatusTooManyRequests)
	}), "200ms")
	if err := getMetadata(client); err == nil {
		t.Error("a server that is always overloaded is no error")
	}
	if asked.Load() != 1 {
		t.Errorf("the server was asked %d times, though it wanted to be left alone", asked.Load())
	}
}

// Whoever has the deadline of a client passes it on.
func TestPatience(t *testing.T) {
	client, _ := clientOf(t, http.NotFoundHandler(), "7s")
	if client.HTTP().Timeout != 7*time.Second {
		t.Errorf("time limit: %s", client.HTTP().Timeout)
	}
	if config := client.RESTConfig(); config.Timeout != 0 {
		t.Errorf("time limit of streams: %s", config.Timeout)
	}
}
