package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// requestCase is what one command asks of the API server. The words of its texts are those of a faultCase.
type requestCase struct {
	command  string
	requests []string
	streams  []string // watches, logs and WebSockets
	perhaps  []string // more of both, depending on the machine's pace
	besides  string   // for docs/requests.md
	fails    bool     // on the local cluster
	before   func(t *testing.T, p *fixture)
}

func requestCases() []requestCase {
	const (
		readBinding  = "GET NS/rolebindings/apolo:secret:KEY:read:UID"
		writeBinding = "GET NS/rolebindings/apolo:secret:KEY:write:UID"
		putRead      = "PUT NS/rolebindings/apolo:secret:KEY:read:UID"
		putWrite     = "PUT NS/rolebindings/apolo:secret:KEY:write:UID"
	)
	follow, events := []string{"GET NS/jobs watch", "GET NS/pods watch"}, []string{"GET NS/events", "GET NS/events watch"}
	ended := func(t *testing.T, p *fixture) {
		p.kubectl(t, "alice", "-n", p.namespace, "wait", "--for=condition=complete", "--timeout=2m", "job/detached", "job/theirs", "job/attached")
	}
	return []requestCase{
		{command: "secret add KEY @NEW", requests: []string{"GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			besides: "Roles of that name with Apolo's label and without it; where a removed secret of that name left some, one more for each"},
		{command: "secret add KEY @NEW --overwrite", requests: []string{"PATCH NS/secrets/KEY"}, besides: "three for a new key"},
		{command: "secret get KEY", requests: []string{"GET NS/secrets/KEY"}},
		{command: "secret ls", requests: []string{"GET NS/secrets"}, besides: "one for each 1,000 secrets"},
		{command: "secret ls -o wide", requests: withUsers("GET NS/secrets"), besides: "one for each 1,000 secrets, one for each 250 objects of another kind"},
		{command: "secret cp KEY copy", requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", "POST NS/secrets"}},
		{command: "secret mv copy moved", requests: withUsers("GET NS/secrets/copy", "GET NS/roles", "GET NS/roles", "POST NS/secrets",
			"GET NS/roles", "GET NS/roles", "USERS", "DELETE NS/secrets/copy"), besides: "two more for each level that it was shared with"},
		{command: "secret adopt foreign", requests: []string{"GET NS/secrets/foreign", "GET NS/roles", "GET NS/roles", "PATCH NS/secrets/foreign"},
			before: func(t *testing.T, p *fixture) {
				p.kubectl(t, "alice", "-n", p.namespace, "create", "secret", "generic", "foreign", "--from-literal=key=value")
			}},
		{command: "secret import --from-secret foreign --prefix of-", requests: []string{"GET NS/secrets/foreign", "GET NS/secrets/of-key", "GET NS/roles", "GET NS/roles", "POST NS/secrets"},
			besides: "four for each key, or one that is unchanged, or two that are replaced; at most 16 at once"},
		{command: "secret export of-key --to-env-file -", requests: []string{"GET NS/secrets/of-key"}, besides: "one for each key, at most 16 at once; one more where none is named"},
		{command: "secret rm moved", requests: withUsers("USERS", "GET NS/roles", "GET NS/roles", "DELETE NS/secrets"),
			besides: "two more for each level that it was shared with; what uses them is asked for once, whatever the number of keys"},
		{command: "acl grant secret:KEY bob read", requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", "POST NS/roles", "POST NS/rolebindings"},
			besides: "`share` is the same"},
		{command: "acl grant secret:KEY carol read", requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", readBinding, putRead}, besides: "a further grant"},
		{command: "acl grant secret:KEY carol write", requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", readBinding, "POST NS/roles", "POST NS/rolebindings", putRead},
			besides: "from read to write"},
		{command: "acl revoke secret:KEY carol", requests: []string{"GET NS/rolebindings", putWrite, "GET NS/rolebindings"},
			besides: "one for each 500 RoleBindings of the namespace, once more until the grantee is in none"},
		{command: "share secret:KEY bob", requests: []string{"GET NS/secrets/KEY", "GET NS/roles", "GET NS/roles", readBinding, writeBinding}, besides: "bob has it already"},
		{command: "acl ls", requests: []string{"GET namespaces", "POST selfsubjectrulesreviews"}, besides: "one for each 1,000 namespaces, and one for each namespace"},
		{command: "acl ls --shared", requests: []string{"GET NS/rolebindings", "GET NS/roles", "GET NS/secrets"}, besides: "one for each 500 RoleBindings and Roles, one for each 1,000 secrets"},
		{command: "secret rm KEY", requests: withUsers("USERS", "GET NS/roles", "GET NS/roles", "DELETE NS/roles/apolo:secret:KEY:write:UID", "DELETE NS/roles/apolo:secret:KEY:read:UID",
			"DELETE NS/rolebindings/apolo:secret:KEY:write:UID", "DELETE NS/rolebindings/apolo:secret:KEY:read:UID", "DELETE NS/secrets"), besides: "that was shared with two levels"},
		{command: "run --no-wait-start --name detached --env X=secret:" + envSecret + " busybox:1 -- true",
			requests: []string{"GET NS", "GET NS/configmaps/apolo-config", "GET NS/secrets/" + envSecret, "GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs"},
			besides:  "one for each secret; without `--name` none for Roles; none for the namespace with `--security` or `--privileged`"},
		{command: "run --no-wait-start --name theirs --env X=secret:/OTHER/" + envSecret + " busybox:1 -- true",
			requests: []string{"GET NS", "GET NS/configmaps/apolo-config", "GET OTHER/secrets/" + envSecret, "GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs", "POST NS/secrets", "PATCH NS/jobs/theirs"},
			besides:  "another's secret: two for each, one to resume the job"},
		{command: "run --name attached busybox:1 -- true", requests: []string{"GET NS", "GET NS/configmaps/apolo-config", "GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs", "GET NS/jobs", "GET NS/pods"}, streams: append(follow, "log"), perhaps: events,
			besides: "one for each secret; a second one for the log where it is not read to its end at once; two for events where it takes more than half a second to start"},
		{command: "run --detach --wait-start --name running busybox:1 -- sleep 1000", requests: []string{"GET NS", "GET NS/configmaps/apolo-config", "GET NS/roles", "POST selfsubjectreviews", "POST NS/jobs", "GET NS/jobs", "GET NS/pods"}, streams: follow, perhaps: events},
		{command: "job ls", requests: []string{"GET NS/jobs", "GET NS/pods"}, before: ended,
			besides: "one for each 500 jobs, one for each 500 pods that have not ended; one where a job has ended this second"},
		{command: "job status running", requests: []string{"GET NS/jobs/running", "GET NS/pods", "GET NS/events", "GET NS/events", "GET NS/rolebindings/apolo:job:running:UID"},
			besides: "events of the job and of its pod"},
		{command: "job logs detached", requests: []string{"GET NS/jobs/detached", "GET NS/pods", "GET NS/secrets/" + envSecret}, streams: []string{"log"},
			besides: "one for each secret, one for each attempt"},
		{command: "job exec running -- true", requests: []string{"GET NS/jobs/running", "GET NS/pods"}, streams: []string{"websocket"}, besides: "`attach` is the same"},
		{command: "job top", requests: []string{"GET NS/jobs", "GET NS/pods", "GET NS/pods", "GET "}, fails: true, besides: "without a metrics API, whose pods come last; with one, three"},
		{command: "job bump-life-span running 1h", requests: []string{"GET NS/jobs/running", "PATCH NS/jobs/running"}},
		{command: "job share running bob", requests: []string{"GET NS/jobs/running", "GET NS/roles", "GET NS/pods", "PATCH NS/pods/POD", "GET NS/rolebindings/apolo:job:running:UID",
			"POST NS/roles", "POST NS/rolebindings", "PATCH NS/roles/apolo:job:running:UID", "PATCH NS/jobs/running"}, besides: "one for each pod"},
		{command: "job unshare running bob", requests: []string{"GET NS/jobs/running", "GET NS/roles", "GET NS/jobs/running", "GET NS/rolebindings/apolo:job:running:UID",
			"PUT NS/rolebindings/apolo:job:running:UID"}},
		{command: "job generate-run-command running", requests: []string{"GET NS/jobs/running", "GET NS/configmaps/apolo-config"}},
		{command: "job kill running", requests: []string{"GET NS/jobs/running", "DELETE NS/jobs/running", "GET NS/pods"},
			besides: "three for each job; one more where a finalizer holds it; four more where there is no such job"},
		{command: "__complete secret get KE", requests: []string{"GET NS/secrets"}, besides: "a TAB; one for each 1,000"},
		{command: "doctor", requests: []string{"GET /version", "POST selfsubjectreviews", "GET NS", "GET NS/roles", "GET NS/rolebindings", "GET NS/pods", "GET NS/secrets", "POST selfsubjectaccessreviews", "GET kube-system/pods", "GET /metrics"},
			besides: "one for each right that is asked about"},
	}
}

// TestRequests counts what every command sends, and its TLS handshakes: one, and one for each WebSocket. It
// compares docs/requests.md with that.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := newRunFixture(t)
	var table strings.Builder
	for _, c := range requestCases() {
		ok := t.Run(c.command, func(t *testing.T) {
			if c.before != nil {
				c.before(t, p)
			}
			a := p.attempt(t, "wanted", fault{kind: never})
			a.proxy.env = append(a.proxy.env, "APOLO_COMPLETION_TIMEOUT=1m") // other tests keep the machine busy
			if got := a.proxy.run(append([]string{"kubectl-apolo"}, a.words(c.command)...)...); (got.code != 0) != c.fails {
				t.Errorf("%s: %s", c.command, got)
			}
			connections := 1
			var streams []string
			for _, stream := range a.proxy.streams {
				switch {
				case strings.HasSuffix(stream, " websocket"):
					connections++
					stream = "websocket"
				case strings.Contains(stream, "/log "):
					stream = "log"
				}
				streams = append(streams, strings.ReplaceAll(stream, a.namespace, "NS"))
			}
			perhaps := func(text string) bool { return slices.Contains(c.perhaps, strings.ReplaceAll(text, a.namespace, "NS")) }
			a.proxy.forwarded = slices.DeleteFunc(a.proxy.forwarded, perhaps)
			if c.command == "doctor" {
				a.proxy.forwarded = slices.Compact(a.proxy.forwarded) // as many questions as there are rights
			}
			a.wantRequests(c.requests)
			streams = slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(streams, perhaps))))
			if want := slices.Sorted(slices.Values(c.streams)); !slices.Equal(streams, want) {
				t.Errorf("the streams are %q, and not %q", streams, want)
			}
			if got := int(a.proxy.handshakes.Load()); got != connections {
				t.Errorf("%d TLS handshakes, and not %d", got, connections)
			}
		})
		if !ok {
			return // what comes then builds on it
		}
		command := strings.NewReplacer("@NEW", "@FILE", "OTHER", "alice").Replace(c.command)
		fmt.Fprintf(&table, "| `%s` | %d | %s | %s |\n", command, len(c.requests)+len(c.streams),
			strings.NewReplacer("NS/", "", "OTHER", "alice").Replace(strings.Join(slices.Concat(c.requests, c.streams), ", ")), c.besides)
	}
	compareWithFile(t, filepath.Join("..", "..", "docs", "requests.md"), requestsHeader+table.String())
}

const requestsHeader = `# What a command asks of the API server

Made and checked by a test (TestRequests in test/e2e), in which each command goes through a proxy that counts. Every command makes
one TLS connection, and one more for each WebSocket. Requests that need nothing of each other's answers are sent at the same time.
[Decision 0011](decisions/0011-requests.md) tells why it can't be less where one might think so.

| command | requests | these are | besides |
| --- | --- | --- | --- |
`

// compareWithFile compares a file with what it should hold, or writes it with -update.
func compareWithFile(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is not what was counted; go test ./test/e2e -run %s -update writes it", path, t.Name())
	}
}

// TestRequestsOfTheConsole counts what the Console asks for to list secrets with the jobs that use them and whether they
// are shared, and to remove one, once its session is open.
func TestRequestsOfTheConsole(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.attempt(t, bystander, fault{kind: never})
	page := openConsole(t, a.proxy.kubeconfig)
	get[console.Session](page, "/session")
	before := len(a.proxy.requests())
	if list := get[console.SecretList](page, "/secrets"); len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	a.proxy.lock.Lock()
	a.proxy.forwarded = a.proxy.forwarded[before:]
	a.proxy.lock.Unlock()
	a.wantRequests(withUsers("USERS", "GET NS/rolebindings", "GET NS/roles", "GET NS/secrets"))
	page.do(http.StatusNoContent, http.MethodDelete, "/secrets/"+bystander, nil, nil)
	a.wantRequests(withUsers("USERS", "GET NS/rolebindings", "GET NS/roles", "GET NS/secrets", "GET NS/roles", "GET NS/roles", "DELETE NS/secrets"))
	if got := a.proxy.handshakes.Load(); got != 1 {
		t.Errorf("%d TLS handshakes", got)
	}
}

// TestAccessThatEndedStaysEnded ends a secret rm right after the request that ended bob's access. Whom the secret is
// granted then has it, and bob has it no more.
func TestAccessThatEndedStaysEnded(t *testing.T) {
	t.Parallel()
	a := newFixture(t).attempt(t, "wanted", fault{kind: killAfter, nth: 12})
	shareKey("read")(a)
	a.proxy.run(a.words("kubectl-apolo_secret rm KEY")...)
	a.wantRequests(withUsers("USERS", "GET NS/roles", "GET NS/roles", "DELETE NS/roles/apolo:secret:KEY:read:UID"))
	a.succeeds("kubectl-apolo_acl grant secret:KEY carol manage", "secret/KEY granted to user carol (manage)")
	eventually(a, "carol can read it", func() bool { return a.may(a, "carol", "get", secretResource, a.key) })
	if a.may(a, "bob", "get", secretResource, a.key) {
		a.Error("bob can read it again")
	}
	a.fails("kubectl-apolo_acl revoke secret:KEY bob", "has no grant")
}

// withUsers puts, in the place of USERS, the requests that look for what uses a secret; without it, at the end.
func withUsers(requests ...string) []string {
	var users []string
	for _, resource := range []string{"pods", "jobs", "cronjobs", "deployments", "statefulsets", "daemonsets", "replicasets", "ingresses", "serviceaccounts"} {
		users = append(users, "GET NS/"+resource)
	}
	if i := slices.Index(requests, "USERS"); i >= 0 {
		return slices.Replace(requests, i, i+1, users...)
	}
	return append(requests, users...)
}
