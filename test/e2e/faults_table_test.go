package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	"k8s.io/apimachinery/pkg/types"
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
	podResource     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	roleResource    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	bindingResource = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	reviewResource  = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
)

// faultCase is one command, with a fault injected into each of its requests. In its texts KEY
// stands for a key of the attempt's own, NS for alice's namespace, OTHER for another one of hers,
// UID for the first digits of the Secret's UID, SCRIPT for what a job runs, SCRIPT-SLOWLY for the same with a pause, POD for the attempt's pod,
// and @NEW, =NEW and FILE for files; besides the fixture's own names.
type faultCase struct {
	name     string
	row      string   // of the table in docs/reliability.md; empty: name
	command  string   // words; the first is the binary
	requests []string // all that it sends without a fault, streams apart; nil where the order is open
	streams  []string // more requests, of which the first of its kind gets a fault
	prepare  func(*attempt)
	check    func(*attempt) // what must hold right after the fault, and after none
	again    func(*attempt) // runs it again, and checks that it ends well
	// silent says that the command keeps to itself what went wrong, as completion does.
	silent bool
	// mayTell says that the command may have something to tell that is no error, and no reason to fail.
	mayTell bool
	// reports says that what went wrong is what was asked for: doctor has it on standard output.
	reports bool
}

// bystander is a key that is shared with nobody.
const bystander = "bystander"

// fixture is where attempts are made, at the same time.
type fixture struct {
	*cluster
	admin              dynamic.Interface
	namespace, other   string
	kubeconfig         string
	store              *secrets.Store
	granter            *grants.Granter
	newFile            string // with newValue
	oldValue, newValue []byte
	copiesMade         atomic.Int32      // for jobs
	names              map[string]string // more that stands for something in the texts of a faultCase
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	p := &fixture{cluster: openCluster(t)}
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

func (p *fixture) add(t testing.TB, key string, value []byte) {
	t.Helper()
	if _, err := p.store.Add(t.Context(), key, value, secrets.AddOptions{}); err != nil {
		t.Fatal(err)
	}
}

// attempt is one call of a command, with one fault.
type attempt struct {
	*testing.T
	*fixture
	command string
	key     string
	folder  string // for files
	proxy   *proxy
	ended   outcome
	uid     string // the first digits of the Secret's, where prepare made one
}

// text fills in what stands for something in the texts of a faultCase.
func (a *attempt) text(s string) string {
	for name, value := range a.names {
		s = strings.ReplaceAll(s, name, value)
	}
	return strings.NewReplacer("KEY", a.key, "NS", a.namespace, "OTHER", a.other,
		"@NEW", "@"+a.newFile, "=NEW", "="+a.newFile, "UID", a.uid, "SCRIPT-SLOWLY", jobScript+" && sleep 1", "SCRIPT", jobScript, "FILE", filepath.Join(a.folder, "file")).Replace(s)
}

// known is a request in the words of a faultCase.
func (a *attempt) known(request string) string {
	for name, value := range a.names {
		request = strings.ReplaceAll(request, value, name)
	}
	request = regexp.MustCompile("/pods/("+a.key+"|running)-[a-z0-9]{5}\\b").ReplaceAllString(request, "/pods/POD")
	for _, name := range []struct{ name, value string }{{"KEY", a.key}, {"NS", a.namespace}, {"OTHER", a.other}} {
		if name.value != "" {
			request = strings.ReplaceAll(request, name.value, name.name)
		}
	}
	for _, prefix := range []string{"/apolo:secret:", "/apolo:job:"} {
		if strings.Contains(request, prefix) {
			request = request[:strings.LastIndex(request, ":")] + ":UID"
		}
	}
	return request
}

// run runs a command without a fault.
func (a *attempt) run(command string) outcome {
	a.Helper()
	_, end := start(a, a.kubeconfig, a.words(command), a.proxy.env...)
	return end()
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

// The kinds of faults.
var (
	endings = []faultKind{killBefore, killAfter, cutBefore, cutAfter}
	answers = []faultKind{late, slow, cutBody, half, busy, failing, unavailable, conflict, unauthorized, webPage, emptyBody, badGateway}
)

// testFaults injects faults into the requests of commands. Whether the API server has answered a read makes
// no difference to what it holds, so the kinds after are for what writes.
//
// With -every-fault each kind is injected into every request. Without, each ending and a third of the answers go into one request of a
// command, another one for the next command; with -short, two kinds of fault per command.
func testFaults(t *testing.T, p *fixture, o *observed, kinds []faultKind, cases []faultCase) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Run(string(never), func(t *testing.T) {
				t.Parallel()
				c.try(t, p, o, fmt.Sprintf("key-%d", i), fault{kind: never})
			})
			for j, m := range kinds {
				targets := c.targets(m)
				if !*everyFault && len(targets) > 0 {
					if testing.Short() && (i+j)%(len(kinds)/2) != 0 || !slices.Contains(endings, m) && (i+j)%3 != 0 {
						continue
					}
					one := (i + j) % len(targets)
					targets = targets[one : one+1]
				}
				for _, target := range targets {
					t.Run(fmt.Sprintf("%s request %d", m, target+1), func(t *testing.T) {
						t.Parallel()
						key := strings.ReplaceAll(fmt.Sprintf("key-%d-%d-%s", i, target+1, m), " ", "-")
						c.try(t, p, o, key, fault{kind: m, nth: target + 1, slow: slowness()})
					})
				}
			}
		})
	}
}

// targets are which requests a kind of fault is for, from 0; streams come after the others.
func (c *faultCase) targets(m faultKind) (all []int) {
	for n, request := range c.requests {
		if m.afterwards() && m != late && m != cutBody && m != half && reads(request) && n != len(c.requests)-1 {
			continue
		}
		all = append(all, n)
	}
	for n, request := range c.streams {
		switch exec := strings.HasSuffix(request, "/exec websocket"); {
		case m == half, exec && m.afterwards() && m != late, m == late && strings.HasSuffix(request, "follow=*"):
			continue // these have no whole answer, or one that may begin at any time
		}
		all = append(all, len(c.requests)+n)
	}
	return all
}

// reads reports whether a request changes nothing; some questions are asked with POST.
func reads(request string) bool {
	return strings.HasPrefix(request, "GET ") || strings.HasPrefix(request, "POST selfsubject")
}

// attempt makes ready for one command.
func (p *fixture) attempt(t *testing.T, key string, f fault) *attempt {
	t.Helper()
	return &attempt{T: t, fixture: p, key: key, folder: t.TempDir(), proxy: newProxy(t, p.kubeconfig, f)}
}

// try injects a fault into a command. One that is given little time may spend it before that request, on a busy
// machine: it is tried again with twice as much.
func (c faultCase) try(t *testing.T, p *fixture, o *observed, key string, f fault) {
	for limit := requestTimeout; ; limit *= 2 {
		if c.tryWithin(t, p, o, key, f, limit) || t.Failed() {
			return
		}
		if 2*limit > tooLong/2 {
			t.Fatalf("%s ended without request %d, with --request-timeout=%s", c.command, f.nth, limit)
		}
		key += "-again"
	}
}

// tryWithin reports whether there was time enough to inject the fault, and checks what became of it.
func (c faultCase) tryWithin(t *testing.T, p *fixture, o *observed, key string, f fault, limit time.Duration) bool {
	a := p.attempt(t, key, f)
	a.command = c.command
	if c.prepare != nil {
		c.prepare(a)
	}
	words := a.words(c.command)
	injected := "GET"
	switch {
	case f.kind == never:
	case f.nth > len(c.requests):
		injected = c.streams[f.nth-len(c.requests)-1]
		a.proxy.fault.nth = 1
		a.proxy.fault.match = func(request string) bool {
			beginning, open := strings.CutSuffix(injected, "*")
			known := a.known(request)
			return known == injected || open && strings.HasPrefix(known, beginning)
		}
	default: // which of those that go at the same time comes first is open
		injected = c.requests[f.nth-1]
		a.proxy.fault.nth = 0
		for _, request := range c.requests[:f.nth] {
			if request == injected {
				a.proxy.fault.nth++
			}
		}
		a.proxy.fault.match = func(request string) bool { return a.known(request) == injected }
	}
	switch {
	case c.silent && f.kind == late:
		a.proxy.env = append(a.proxy.env, "APOLO_COMPLETION_TIMEOUT="+limit.String())
	case c.silent:
		a.proxy.env = append(a.proxy.env, "APOLO_COMPLETION_TIMEOUT=1m") // or it may end before its request
	case f.kind == late:
		words = slices.Insert(words, 1, "--request-timeout="+limit.String())
	}
	a.ended = a.proxy.run(words...)
	a.proxy.settle()
	a.Logf("code %d: %s", a.ended.code, strings.TrimSpace(a.ended.stderr))
	if f.kind == late && !a.proxy.injected && (c.silent || strings.Contains(a.ended.stderr, "timed out")) {
		return false
	}
	o.add(c, f.kind, a.ended)
	if f.kind == never && c.requests != nil {
		a.wantRequests(c.requests)
	}
	a.wantClean()
	switch {
	case f.kind == never:
		if a.ended.code != 0 || a.ended.stderr != "" {
			a.Errorf("%s: %s", c.command, a.ended)
		}
	case !a.proxy.injected:
		a.Fatalf("%s ended without request %d: %s", c.command, f.nth, a.ended)
	case a.proxy.outwaited:
		a.Errorf("%s waited for an answer for more than %s, with --request-timeout %s", c.command, tooLong, limit)
	case f.kind.kills():
		if a.ended.code != -1 {
			a.Errorf("%s was not killed: %s", c.command, a.ended)
		}
	case c.silent:
		if a.ended.code != 0 || a.ended.stderr != "" {
			a.Errorf("%s: %s", c.command, a.ended)
		}
	case a.ended.code != 0: // a client may send a read again
		if a.ended.code != 1 || !isErrorLine(a.ended.stderr) && !(c.reports && a.ended.stderr == "") {
			a.Errorf("%s: %s", c.command, a.ended)
		}
	case a.ended.stderr != "" && !c.mayTell:
		a.Errorf("%s says that it worked, and more: %s", c.command, a.ended)
	case f.kind.afterwards() && !reads(injected) && !c.mayTell:
		a.Errorf("%s says that it worked, and can't know: %s", c.command, a.ended)
	}
	c.check(a)
	a.wantWhole()
	c.again(a)
	return true
}

// wantClean checks that nothing of a secret is in what a command says of itself.
func (a *attempt) wantClean() {
	a.Helper()
	for _, value := range [][]byte{a.oldValue, a.newValue} {
		for _, part := range [][]byte{value[:24], value[len(value)/2:][:24]} {
			for _, secret := range []string{string(part), base64.StdEncoding.EncodeToString(part)} {
				if strings.Contains(a.ended.stderr, secret) {
					a.Error("part of a value is on standard error")
				}
				if strings.Contains(a.ended.stdout, secret) && a.ended.stdout != string(value) {
					a.Error("part of a value is on standard output")
				}
			}
		}
	}
}

// wantWhole looks for what nobody can have wanted: grants without a secret or half of one, copies without a job,
// jobs that wait for a command that has ended.
func (a *attempt) wantWhole() {
	a.Helper()
	stored := a.grants()
	roles := map[string]bool{}
	for _, role := range stored.roles {
		roles[role.Name] = true
	}
	var secretUID types.UID
	if secret := a.find(a, secretResource, a.namespace, a.key); secret != nil {
		secretUID = secret.GetUID()
	}
	for _, binding := range stored.bindings {
		switch owners := binding.OwnerReferences; {
		case binding.Name == a.text(staleGrant):
		case len(owners) != 1 || secretUID != "" && owners[0].UID != secretUID:
			a.Errorf("the rolebinding %s is owned by %v", binding.Name, owners)
		case len(binding.Subjects) > 0 && !roles[binding.Name] && a.sent("DELETE NS/roles/"+binding.Name) == 0:
			a.Errorf("the rolebinding %s has no role", binding.Name)
		}
	}
	job := a.find(a, jobResource, a.namespace, a.key)
	if job == nil || a.ended.code == -1 {
		return
	}
	_, preparing := job.GetAnnotations()["apolo.us/preparing"]
	if preparing && !strings.Contains(a.ended.stderr, "left behind") && !strings.Contains(a.ended.stderr, "was created is unknown; if it was, remove it with") {
		a.Errorf("a job is left that waits to be prepared: %s", a.ended)
	}
}

// wantRequests compares what was sent. A request more makes the command slower: it needs a reason.
func (a *attempt) wantRequests(want []string) {
	a.Helper()
	got := a.proxy.requests()
	for i, text := range got {
		got[i] = a.known(text)
	}
	want = slices.Clone(want)
	for _, requests := range [][]string{want, got} {
		sortRuns(requests, reads)
		sortRuns(requests, endsGrant)
		sortRuns(requests, endsJob)
	}
	if !slices.Equal(got, want) {
		a.Errorf("the requests are\n\t%s\nand not\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// endsGrant reports whether a request deletes a Role or a RoleBinding by its name; those of one secret go at the same time.
func endsGrant(request string) bool { return strings.HasPrefix(request, "DELETE NS/role") }

// endsJob reports whether a request is one of the two that job kill sends at the same time.
func endsJob(request string) bool {
	return strings.HasPrefix(request, "DELETE NS/jobs/") || request == "GET NS/pods"
}

// sortRuns sorts requests of a kind that follow one another: they may have been sent at the same time.
func sortRuns(requests []string, kind func(string) bool) {
	for from := 0; from < len(requests); from++ {
		to := from
		for to < len(requests) && kind(requests[to]) {
			to++
		}
		slices.Sort(requests[from:to])
		from = to
	}
}

// find reads an object as the administrator; nil where there is none.
func (p *fixture) find(t testing.TB, resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
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
func (p *fixture) list(t testing.TB, resource schema.GroupVersionResource, selector string) []unstructured.Unstructured {
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
func (p *fixture) may(t testing.TB, user, verb string, resource schema.GroupVersionResource, name string) bool {
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
	if err := repeat(condition); err != nil {
		t.Errorf("never came true: %s", what)
	}
}

// quoted is s as a JSON string.
func quoted(s string) string { return strconv.Quote(s) }
