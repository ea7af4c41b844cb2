package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deleteMetadata makes one request of whose answer nothing is read, and explains its error.
func deleteMetadata(client *Client) error {
	md, err := client.Metadata()
	if err != nil {
		return err
	}
	err = md.Resource(secretsKind).Namespace("n").Delete(context.Background(), "s", metav1.DeleteOptions{})
	return client.Explain(err, Request{Verb: "delete", Resource: "secrets", Namespace: "n", Name: "s"})
}

func TestWhatIsNoAnswer(t *testing.T) {
	const object = `{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "s"}}`
	for name, test := range map[string]struct {
		contentType, body, want string
	}{
		"an object":           {"application/json", object, ""},
		"with a charset":      {"application/json; charset=utf-8", object, ""},
		"half an object":      {"application/json", object[:40], "cut"},
		"nothing":             {"application/json", "", "answered with nothing; is a proxy intercepting requests?"},
		"a page":              {"text/html; charset=utf-8", object, "answered with a web page; is a proxy intercepting requests?"},
		"another type":        {"text/csv", object, "answered with text/csv; is a proxy intercepting requests?"},
		"no type":             {"-", object, "answered with something without a type; is a proxy intercepting requests?"},
		"nothing in protobuf": {"application/vnd.kubernetes.protobuf", "k8s\x00", "cut"},
		"half a protobuf":     {"application/vnd.kubernetes.protobuf", "k8s\x00\x0a\x10v1", "cut"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.contentType}
				if test.contentType == "-" {
					w.Header()["Content-Type"] = nil
				}
				fmt.Fprint(w, test.body)
			}), "")
			err := deleteMetadata(client)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestWhatBreaksOff has a server break off the first answers in the middle. A read is sent again, up to a limit; what
// changes something is not, since nobody knows whether it did.
func TestWhatBreaksOff(t *testing.T) {
	const object = `{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "s"}}`
	for name, test := range map[string]struct {
		send       func(*Client) error
		status     int   // of an answer that breaks off
		broken     int32 // answers
		wantAsked  int32
		wantFailed bool
	}{
		"a read, once":        {getMetadata, 200, 1, 2, false},
		"a read, a few times": {getMetadata, 200, maxCuts, maxCuts + 1, false},
		"a read, forever":     {getMetadata, 200, 1000, maxCuts + 1, true},
		"a refusal, once":     {getMetadata, 404, 1, 2, false},
		"a deletion, once":    {deleteMetadata, 200, 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if asked.Add(1) > test.broken {
					fmt.Fprint(w, object)
					return
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(object)))
				w.WriteHeader(test.status)
				fmt.Fprint(w, object[:40])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}), "")
			err := test.send(client)
			if (err != nil) != test.wantFailed || err != nil && !strings.Contains(err.Error(), "the connection was cut; try again") {
				t.Errorf("got %v", err)
			}
			if asked.Load() != test.wantAsked {
				t.Errorf("asked %d times and not %d", asked.Load(), test.wantAsked)
			}
		})
	}
}

// TestNewerToken replaces the file with a token after the first request. The body of a request that is refused is sent
// again, too.
func TestNewerToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func() string {
		t.Helper()
		token := rand.Text()
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return token
	}
	valid, refused, bodies := write(), 0, 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+valid {
			refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
			bodies++
		}
		fmt.Fprint(w, `{"apiVersion": "v1", "kind": "Status", "status": "Success"}`)
	}))
	defer server.Close()
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": %q, "insecure-skip-tls-verify": true}}],
		"users": [{"name": "u", "user": {"tokenFile": %q}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`, server.URL, file)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(&Options{Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := deleteMetadata(client); err != nil {
			t.Error(err)
		}
		valid = write()
	}
	if refused != 2 || bodies != 3 {
		t.Errorf("%d refusals and %d bodies", refused, bodies)
	}
	valid = "none that the user has"
	if err := deleteMetadata(client); err == nil || !strings.Contains(err.Error(), "does not accept your credentials") {
		t.Error(err)
	}
}

func TestNow(t *testing.T) {
	for _, apart := range []time.Duration{0, 2 * time.Second, time.Hour, -time.Hour} {
		client, _ := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(apart).UTC().Format(http.TimeFormat))
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"apiVersion": "v1", "kind": "Status", "status": "Success"}`)
		}), "")
		if err := deleteMetadata(client); err != nil {
			t.Fatal(err)
		}
		if ahead := time.Until(client.Now()); (ahead-apart).Abs() > time.Minute || apart == 2*time.Second && ahead > time.Second {
			t.Errorf("%s apart became %s", apart, ahead)
		}
	}
}
