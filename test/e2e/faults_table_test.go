package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

var (
	secretResource  = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	jobResource     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	roleResource    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	bindingResource = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	reviewResource  = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
)

// faultCase is one command that is struck before and after each of its requests. In its texts KEY
// stands for a key of the attempt's own, NS for alice's namespace, OTHER for another one of hers,
// UID for the first digits of the Secret's UID, SCRIPT for what a job runs, and @NEW and FILE for files.
type faultCase struct {
	name     string
	command  string   // words; the first is the binary
	requests []string // all that it sends when nothing is struck
	prepare  func(*attempt)
	check    func(*attempt) // what must hold right after the fault, and after none
	again    func(*attempt) // runs it again, and checks that it ends well
}

// bystander is a key that is shared with nobody.
const bystander = "bystander"

// place is where attempts are made, at the same time.
type place struct {
	*cluster
	admin              dynamic.Interface
	namespace, other   string
	kubeconfig         string
	store              *secrets.Store
	granter            *grants.Granter
	newFile            string // with newValue
	oldValue, newValue []byte
	copiesMade         atomic.Int32 // for jobs
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{cluster: openCluster(t)}
	p.namespace, p.kubeconfig = p.cluster.namespace(t, "alice")
	config, err := clientcmd.BuildConfigFromFlags("", p.cluster.kubeconfig("admin"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	if p.admin, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	client, err := kube.NewClient(&kube.Options{Kubeconfig: p.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	if p.store, err = secrets.NewStore(client, uri.Secret{}); err != nil {
		t.Fatal(err)
	}
	if p.granter, err = grants.NewGranter(client, uri.Secret{}); err != nil {
		t.Fatal(err)
	}
	// Large enough not to fit into one packet or one write, and every byte counts.
	p.oldValue, p.newValue = make([]byte, 200<<10), make([]byte, 200<<10)
	_, _ = rand.Read(p.oldValue) // never fails
	_, _ = rand.Read(p.newValue)
	p.newFile = filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(p.newFile, p.newValue, 0o600); err != nil {
		t.Fatal(err)
	}
	p.add(t, bystander, p.oldValue)
	return p
}

func (p *place) add(t testing.TB, key string, value []byte) {
	t.Helper()
	if _, err := p.store.Add(t.Context(), key, value, secrets.AddOptions{}); err != nil {
		t.Fatal(err)
	}
}

// attempt is one call of a command, with one fault.
type attempt struct {
	*testing.T
	*place
	command string
	key     string
	folder  string // for files
	proxy   *proxy
	ended   outcome
	uid     string // the first digits of the Secret's, where prepare made one
}

// text fills in what stands for something in the texts of a faultCase.
func (a *attempt) text(s string) string {
	return strings.NewReplacer("KEY", a.key, "NS", a.namespace, "OTHER", a.other,
		"@NEW", "@"+a.newFile, "UID", a.uid, "SCRIPT", jobScript, "FILE", filepath.Join(a.folder, "file")).Replace(s)
}

// run runs a command without a fault.
func (a *attempt) run(command string) outcome {
	a.Helper()
	return runDirect(a, a.kubeconfig, a.words(command)...)
}

func (a *attempt) words(command string) []string {
	words := strings.Fields(command)
	for i, word := range words {
		words[i] = a.text(word)
	}
	return words
}

// sent tells how often the API server got a request.
func (a *attempt) sent(request string) int {
	return a.proxy.sent(a.text(request))
}

// succeeds runs a command that has to.
func (a *attempt) succeeds(command, says string) {
	a.Helper()
	if got := a.run(command); got.code != 0 || !strings.Contains(got.stdout, a.text(says)) || got.stderr != "" {
		a.Errorf("%s: want %q, got %s", command, says, got)
	}
}

// fails runs a command that has to, with code 1 and one line that contains says.
func (a *attempt) fails(command, says string) {
	a.Helper()
	if got := a.run(command); got.code != 1 || !isErrorLine(got.stderr) || !strings.Contains(got.stderr, says) {
		a.Errorf("%s: want an error that says %q, got %s", command, says, got)
	}
}

func isErrorLine(stderr string) bool {
	return strings.HasPrefix(stderr, "error: ") && strings.Count(stderr, "\n") == 1
}

// testFaults strikes every command at every request. Whether the API server has answered a read makes
// no difference to what it holds, so the moments after are for what writes.
func testFaults(t *testing.T, p *place, cases []faultCase) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Run(string(never), func(t *testing.T) {
				t.Parallel()
				c.try(t, p, fmt.Sprintf("key-%d", i), fault{moment: never})
			})
			for n, request := range c.requests {
				moments := []moment{killBefore, cutBefore}
				if !reads(request) || n == len(c.requests)-1 {
					moments = append(moments, killAfter, cutAfter)
				}
				for _, m := range moments {
					t.Run(fmt.Sprintf("%s request %d", m, n+1), func(t *testing.T) {
						t.Parallel()
						key := strings.ReplaceAll(fmt.Sprintf("key-%d-%d-%s", i, n+1, m), " ", "-")
						c.try(t, p, key, fault{moment: m, nth: n + 1})
					})
				}
			}
		})
	}
}

func reads(request string) bool { return strings.HasPrefix(request, "GET ") }

// attempt makes ready for one command.
func (p *place) attempt(t *testing.T, key string, f fault) *attempt {
	t.Helper()
	return &attempt{T: t, place: p, key: key, folder: t.TempDir(), proxy: newProxy(t, p.kubeconfig, f)}
}

func (c faultCase) try(t *testing.T, p *place, key string, f fault) {
	a := p.attempt(t, key, f)
	a.command = c.command
	if c.prepare != nil {
		c.prepare(a)
	}
	a.ended = a.proxy.run(a.words(c.command)...)
	switch {
	case f.moment == never:
		a.wantRequests(c.requests)
		if a.ended.code != 0 || a.ended.stderr != "" {
			a.Errorf("%s: %s", c.command, a.ended)
		}
	case !a.proxy.struck:
		a.Fatalf("%s ended without request %d: %s", c.command, f.nth, a.ended)
	case f.moment.kills():
		if a.ended.code != -1 {
			a.Errorf("%s was not killed: %s", c.command, a.ended)
		}
	case a.ended.code != 0: // a client may send a read again
		if a.ended.code != 1 || !isErrorLine(a.ended.stderr) {
			a.Errorf("%s, with its connection cut: %s", c.command, a.ended)
		}
	case !reads(c.requests[f.nth-1]):
		a.Errorf("%s says that it worked, and can't know: %s", c.command, a.ended)
	}
	c.check(a)
	c.again(a)
}

// wantRequests compares what was sent. A request more makes the command slower: it needs a reason.
func (a *attempt) wantRequests(want []string) {
	a.Helper()
	got := a.proxy.requests()
	for i, text := range got {
		for _, name := range []struct{ name, value string }{{"KEY", a.key}, {"NS", a.namespace}, {"OTHER", a.other}} {
			if name.value != "" {
				text = strings.ReplaceAll(text, name.value, name.name)
			}
		}
		if strings.Contains(text, "/apolo:secret:") {
			text = text[:strings.LastIndex(text, ":")] + ":UID"
		}
		got[i] = text
	}
	want = slices.Clone(want)
	sortReads(want)
	sortReads(got)
	if !slices.Equal(got, want) {
		a.Errorf("the requests are\n\t%s\nand not\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// sortReads sorts reads that follow one another: they may have been sent at the same time.
func sortReads(requests []string) {
	for from := 0; from < len(requests); from++ {
		to := from
		for to < len(requests) && reads(requests[to]) {
			to++
		}
		slices.Sort(requests[from:to])
		from = to
	}
}

// find reads an object as the administrator; nil where there is none.
func (p *place) find(t testing.TB, resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	found, err := p.admin.Resource(resource).Namespace(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// list reads the objects with a label as the administrator.
func (p *place) list(t testing.TB, resource schema.GroupVersionResource, selector string) []unstructured.Unstructured {
	t.Helper()
	found, err := p.admin.Resource(resource).Namespace(p.namespace).List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}

// as converts an object to its type.
func as[T any](t testing.TB, object *unstructured.Unstructured) *T {
	t.Helper()
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		t.Fatal(err)
	}
	return typed
}

// create makes an object as the administrator, from JSON with the words of a faultCase.
func (a *attempt) create(resource schema.GroupVersionResource, text string) {
	a.Helper()
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(a.text(text)), &object.Object); err != nil {
		a.Fatal(err)
	}
	if _, err := a.admin.Resource(resource).Namespace(a.namespace).Create(a.Context(), object, metav1.CreateOptions{}); err != nil {
		a.Fatal(err)
	}
}

// may asks the API server whether a user may do something in the namespace, as kubectl auth can-i does.
func (p *place) may(t testing.TB, user, verb string, resource schema.GroupVersionResource, name string) bool {
	t.Helper()
	answer, err := p.admin.Resource(reviewResource).Create(context.Background(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"spec": map[string]any{
			"user": user, "groups": []any{"system:authenticated"},
			"resourceAttributes": map[string]any{
				"verb": verb, "group": resource.Group, "resource": resource.Resource, "namespace": p.namespace, "name": name,
			},
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

// eventually waits until a condition holds; what says what it is.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return condition(), nil
	})
	if err != nil {
		t.Errorf("never came true: %s", what)
	}
}

// quoted is s as a JSON string.
func quoted(s string) string { return strconv.Quote(s) }
