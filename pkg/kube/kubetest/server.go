// Package kubetest is a Kubernetes API server in memory, for unit tests: it stores what it is sent, and answers over HTTP
// in the words of a real one.
//
// It decides nothing that RBAC, admission, controllers or the defaults of a kind decide: everybody with a token can do
// everything unless a test forbids it, and a Job runs no Pod. What depends on that is tested on a real API server, in
// test/e2e. Only tests import this package.
package kubetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// User is whose requests are those without a token, as with the kubeconfig: client-go sends no credentials of a kubeconfig
// without TLS.
const User = "alice"

// Server is an API server. Its methods may be called at any time, by several goroutines.
type Server struct {
	URL        string
	Kubeconfig string // the path of a kubeconfig for User, whose current namespace is default

	mutex     sync.Mutex
	objects   map[key]*unstructured.Unstructured
	version   int                    // the last resourceVersion
	made      int                    // UIDs: they are counted, so that a test can name them
	history   []change               // for watches
	changed   chan struct{}          // closed with the next change
	applied   map[key]map[string]any // what each field manager has applied, by its name
	users     map[string]string      // by their tokens
	rules     *authorizationv1.SubjectRulesReviewStatus
	forbidden []right
	scripted  []*script
	warnings  []warning
	logs      map[key]string
	requests  []string
	tokens    []string
	release   string // of Kubernetes
}

// right is what Forbid takes away.
type right struct{ verb, resource string }

// script is what a test answers in place of the server.
type script struct {
	pattern string
	answers []http.HandlerFunc
	always  bool
}

type warning struct{ pattern, text string }

// Start starts a server that has the namespaces default and kube-system, and the given objects. It ends with the test.
func Start(t testing.TB, objects ...runtime.Object) *Server {
	t.Helper()
	s := &Server{
		objects: map[key]*unstructured.Unstructured{}, applied: map[key]map[string]any{}, changed: make(chan struct{}),
		users: map[string]string{"": User}, logs: map[key]string{}, release: "v1.34.1",
	}
	server := httptest.NewServer(s) // TLS would take most of a test's time
	t.Cleanup(func() {
		server.CloseClientConnections() // of watches
		server.Close()
	})
	s.URL = server.URL
	s.Kubeconfig = WriteKubeconfig(t, s.URL, metav1.NamespaceDefault)
	s.AddNamespaces(t, metav1.NamespaceDefault, metav1.NamespaceSystem)
	s.Add(t, objects...)
	return s
}

// WriteKubeconfig writes a kubeconfig for any server, and returns its path.
func WriteKubeconfig(t testing.TB, url, namespace string) string {
	t.Helper()
	config := fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": %q}}],
		"users": [{"name": %q, "user": {}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": %q, "namespace": %q}}]}`,
		url, User, User, namespace)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Add stores objects as they are: what a real server sets, such as a UID, is set where the object has none. A namespace
// that does not exist is made.
func (s *Server) Add(t testing.TB, objects ...runtime.Object) {
	t.Helper()
	for _, object := range objects {
		content, err := toUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		at, err := resourceOf(content.GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}
		if at.namespaced && content.GetNamespace() == "" {
			content.SetNamespace(metav1.NamespaceDefault)
		}
		s.AddNamespaces(t, content.GetNamespace())
		s.mutex.Lock()
		s.complete(content)
		s.put(key{at.gvr.GroupResource(), content.GetNamespace(), content.GetName()}, content)
		s.mutex.Unlock()
	}
}

// AddNamespaces makes those namespaces that do not exist.
func (s *Server) AddNamespaces(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if name == "" || s.Object("namespaces", "", name) != nil {
			continue
		}
		s.mutex.Lock()
		namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		namespace.SetName(name)
		s.complete(namespace)
		s.put(key{namespaces, "", name}, namespace)
		s.mutex.Unlock()
	}
}

// Object is a copy of an object, or nil where there is none. The resource is as in RBAC, without its API group.
func (s *Server) Object(resource, namespace, name string) *unstructured.Unstructured {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for at, object := range s.objects {
		if at.resource.Resource == resource && at.namespace == namespace && at.name == name {
			return object.DeepCopy()
		}
	}
	return nil
}

// Objects are copies of all objects of a resource, in the order of their namespaces and names.
func (s *Server) Objects(resource string) (all []*unstructured.Unstructured) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, at := range s.keys(func(k key) bool { return k.resource.Resource == resource }) {
		all = append(all, s.objects[at].DeepCopy())
	}
	return all
}

// Requests are those that came so far, as test/e2e names them: "GET NAMESPACE/RESOURCE/NAME", "POST selfsubjectreviews",
// "GET NAMESPACE/pods watch".
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.requests)
}

// Tokens are those that the requests came with, in their order.
func (s *Server) Tokens() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.tokens)
}

// ForgetRequests has Requests and Tokens begin anew.
func (s *Server) ForgetRequests() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests, s.tokens = nil, nil
}

// SetUser makes a token known as a user's, or unknown where the user is empty.
func (s *Server) SetUser(token, user string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users[token] = user
}

// SetRules sets the answer to a SelfSubjectRulesReview, which otherwise is that everything is allowed.
func (s *Server) SetRules(rules authorizationv1.SubjectRulesReviewStatus) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rules = &rules
}

// Forbid takes a right from everybody: a verb and a resource as in RBAC, such as "get" and "pods/log". "*" is all of them.
// Who they are and what they can do, everybody may still ask.
func (s *Server) Forbid(verb, resource string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.forbidden = append(s.forbidden, right{verb, resource})
}

// On answers those requests that fit a pattern in place of the server, one with each of the answers; nil stands for the
// server's own. Afterwards the server answers. The pattern is one for path.Match, in the words of Requests: "GET */secrets/*".
func (s *Server) On(pattern string, answers ...http.HandlerFunc) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.scripted = append(s.scripted, &script{pattern: pattern, answers: answers})
}

// Always is On with the same answer for every request.
func (s *Server) Always(pattern string, answer http.HandlerFunc) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.scripted = append(s.scripted, &script{pattern: pattern, answers: []http.HandlerFunc{answer}, always: true})
}

// Warn has the server send a warning with its answers to the requests that fit a pattern.
func (s *Server) Warn(pattern, text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.warnings = append(s.warnings, warning{pattern, text})
}

// SetLog sets the log of a pod. Each line is written a millisecond after the one before.
func (s *Server) SetLog(namespace, pod, text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.logs[key{pods, namespace, pod}] = text
}

// answer returns what a test has laid down for a request, or nil. The server's mutex is held.
func (s *Server) answer(request string) http.HandlerFunc {
	for _, script := range s.scripted {
		if !fits(script.pattern, request) || len(script.answers) == 0 {
			continue
		}
		next := script.answers[0]
		if !script.always {
			script.answers = script.answers[1:]
		}
		return next
	}
	return nil
}

func fits(pattern, request string) bool {
	ok, err := path.Match(pattern, request)
	if err != nil {
		panic(fmt.Sprintf("kubetest: pattern %q: %v", pattern, err))
	}
	return ok
}
