package e2e

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// warningPolicy warns of each Secret that has the annotation, and quotes what is in it, as a careless one does.
const warningPolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAMESPACE-warns}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [secrets]}
  variables:
  - name: data
    expression: "(object != null ? object : oldObject).data"
  validations:
  - expression: "false"
    messageExpression: "'found ' + variables.data.map(k, k + '=' + string(variables.data[k])).join(',')"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAMESPACE-warns}
spec:
  policyName: NAMESPACE-warns
  validationActions: [Warn]
  matchResources:
    namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: NAMESPACE}
`

// warningsOf are the warnings of the API server in an answer of the Console.
func warningsOf(t testing.TB, response *http.Response) (all []string) {
	t.Helper()
	for _, encoded := range response.Header.Values("Apolo-Warning") {
		text, err := url.PathUnescape(encoded)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

// TestWarningsOfTheServer has an admission policy quote a value in its warnings, and looks at what the Console and a command
// show of that.
func TestWarningsOfTheServer(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	bin := binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(strings.ReplaceAll(warningPolicy, "NAMESPACE", namespace)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kubectl(t, "admin", "delete", "-f", policy) })
	c.kubectl(t, "admin", "apply", "-f", policy)
	eventually(t, "the policy to warn", func() bool {
		response, _ := alice.send(http.MethodPost, "/secrets", map[string]any{"key": "probe", "value": []byte("x"), "overwrite": true})
		return len(response.Header.Values("Apolo-Warning")) > 0
	})

	const value, next = "canary-of-alice-7f3a", "another-canary-91bc"
	hidden := func(text string) {
		t.Helper()
		for _, secret := range []string{value, next} {
			if strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
				t.Errorf("a value is shown: %s", text)
			}
		}
	}
	page := func(method, path string, input any, status int, want string) {
		t.Helper()
		response, body := alice.send(method, path, input)
		warned := warningsOf(t, response)
		if response.StatusCode != status || len(warned) != 1 || !strings.Contains(warned[0], want) {
			t.Errorf("%s %s: %s %s, warnings %q, want one with %q", method, path, response.Status, body, warned, want)
		}
		hidden(strings.Join(warned, " ") + string(body))
	}
	const withheld = `the API server's warning about Secret "k" is not shown, because it may quote a value that is stored there`
	page(http.MethodPost, "/secrets", map[string]any{"key": "k", "value": []byte(value)}, http.StatusCreated, "found k=***")
	page(http.MethodPost, "/secrets", map[string]any{"key": "k", "value": []byte(next), "overwrite": true}, http.StatusCreated, withheld)
	page(http.MethodDelete, "/secrets/k", nil, http.StatusNoContent, withheld)
	if response, _ := alice.send(http.MethodGet, "/secrets", nil); len(response.Header.Values("Apolo-Warning")) > 0 {
		t.Errorf("a list warns: %q", response.Header)
	}

	command := func(want []string, args ...string) {
		t.Helper()
		run := exec.Command(filepath.Join(bin, "kubectl-apolo"), append([]string{"secret"}, args...)...)
		run.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		out, err := run.CombinedOutput()
		lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return !strings.HasPrefix(line, "warning: ") })
		matches := len(lines) == len(want)
		for i := 0; matches && i < len(want); i++ {
			matches = strings.HasSuffix(lines[i], want[i])
		}
		if err != nil || !matches {
			t.Errorf("%s: %v, %s, want warnings that end with %q", args[0], err, out, want)
		}
		hidden(string(out))
	}
	command([]string{"found k=***"}, "add", "k", value)
	command([]string{withheld}, "add", "--overwrite", "k", next)
	command([]string{"found l=***", "found k=***"}, "mv", "k", "l", "-q") // its value is known
	command([]string{strings.Replace(withheld, `"k"`, `"l"`, 1)}, "rm", "l")
}

// TestConsoleAnswers has the Console say of grants to nearly everybody, of what a finalizer holds, and of what is left of
// jobs, the same as the commands.
func TestConsoleAnswers(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	alice := openConsole(t, kubeconfig)
	kubectl := func(args ...string) { t.Helper(); c.kubectl(t, "alice", append([]string{"-n", namespace}, args...)...) }

	alice.do(http.StatusCreated, http.MethodPost, "/secrets", map[string]any{"key": "k", "value": []byte("value")}, nil)
	var grant console.Grant
	alice.do(http.StatusCreated, http.MethodPost, "/secrets/k/access", map[string]any{"grantee": "group:system:authenticated"}, &grant)
	const everybody = "everybody with an account on the cluster, and every pod, has read on it now"
	if list := get[console.GrantList](alice, "/secrets/k/access").Items; grant.Warning != everybody || len(list) != 1 || list[0].Warning != everybody {
		t.Errorf("%+v, %+v", grant, list)
	}
	grant = console.Grant{}
	alice.do(http.StatusCreated, http.MethodPost, "/secrets/k/access", map[string]any{"grantee": "bob"}, &grant)
	if grant.Warning != "" {
		t.Errorf("%+v", grant)
	}
	var problem console.Problem
	for _, nobody := range []string{"user:bob", "bob,carol", "b\u200bob", "system:serviceaccounts"} {
		alice.do(http.StatusUnprocessableEntity, http.MethodPost, "/secrets/k/access", map[string]any{"grantee": nobody}, &problem)
		if problem.Field != "grantee" {
			t.Errorf("%q: %+v", nobody, problem)
		}
	}

	const held, hold = "is being deleted; held by finalizer example.com/hold", `{"metadata":{"finalizers":["example.com/hold"]}}`
	refused := func(path string) {
		t.Helper()
		alice.do(http.StatusConflict, http.MethodDelete, path, nil, &problem)
		if !strings.Contains(problem.Detail, held) {
			t.Errorf("%s: %+v", path, problem)
		}
	}
	kubectl("patch", "secret", "k", "--type=merge", "-p", hold)
	refused("/secrets/k")
	if list := get[console.SecretList](alice, "/secrets").Items; len(list) != 1 || list[0].Deleted != held {
		t.Errorf("%+v", list)
	}
	kubectl("patch", "secret", "k", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)

	alice.do(http.StatusCreated, http.MethodPost, "/jobs", map[string]any{"name": "held", "image": "registry.invalid/none:1"}, nil)
	kubectl("patch", "job", "held", "--type=merge", "-p", hold)
	refused("/jobs/held")
	kubectl("patch", "job", "held", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)

	if left := get[console.LeftoverList](alice, "/leftovers").Items; left == nil || len(left) != 0 {
		t.Errorf("%+v", left)
	}
	alice.do(http.StatusNotFound, http.MethodDelete, "/leftovers/gone", nil, nil)
	kubectl("create", "secret", "generic", "gone-2abcd-0", "--from-literal=k=value")
	kubectl("label", "secret", "gone-2abcd-0", "apolo.us/job-copy=true")
	kubectl("create", "role", "apolo:job:gone:0a1b2c3d", "--verb=get", "--resource=jobs", "--resource-name=gone")
	kubectl("label", "role", "apolo:job:gone:0a1b2c3d", "apolo.us/job-share=true")
	want := []string{"Role apolo:job:gone:0a1b2c3d", "copy of a secret gone-2abcd-0"}
	if left := get[console.LeftoverList](alice, "/leftovers").Items; len(left) != 1 || left[0].Job != "gone" || !slices.Equal(left[0].Objects, want) {
		t.Errorf("%+v", left)
	}
	kubectl("patch", "secret", "gone-2abcd-0", "--type=merge", "-p", hold)
	refused("/leftovers/gone")
	refused("/leftovers/gone")
	kubectl("patch", "secret", "gone-2abcd-0", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	if left := get[console.LeftoverList](alice, "/leftovers").Items; len(left) != 0 {
		t.Errorf("%+v", left)
	}
}
