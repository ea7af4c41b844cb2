package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// quoteSecrets makes an admission policy for a namespace that quotes every Secret that is created, changed or deleted, as it
// was and as it is to be. What it does then, Deny or Warn, begins when the returned function is called.
func (c *cluster) quoteSecrets(t *testing.T, namespace, action string) (begin func()) {
	t.Helper()
	const data = `(%[1]s == null || !has(%[1]s.data) ? '' : %[1]s.data.map(k, k + '=' + string(%[1]s.data[k])).join(' '))`
	manifest := fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [secrets]}
  validations:
  - expression: "false"
    messageExpression: "'the rule quotes ' + %[3]s + ' ' + %[4]s"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec:
  policyName: %[1]s
  validationActions: [%[2]s]
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s, quote: "true"}}
`, namespace, action, fmt.Sprintf(data, "oldObject"), fmt.Sprintf(data, "object"))
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "admin", "apply", "-f", file)
	t.Cleanup(func() { c.kubectl(t, "admin", "delete", "--ignore-not-found", "-f", file) })
	return func() {
		t.Helper()
		c.kubectl(t, "admin", "label", "namespace", namespace, "quote=true")
		eventually(t, "the API server knows the policy", func() bool {
			out, _ := c.tryKubectl("admin", "-n", namespace, "create", "secret", "generic", "probe", "--from-literal=probe=seen", "--dry-run=server")
			return strings.Contains(out, "the rule quotes  probe=")
		})
	}
}

// disclosed is what a text has of a value: as it is or in base64, at any offset. It is empty where there is nothing.
func disclosed(text, value string) string {
	if strings.Contains(text, value) {
		return value
	}
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + value))
		// The first and last characters hold bits of what is before and after the value.
		if encoded = encoded[4 : len(encoded)-3]; strings.Contains(text, encoded) {
			return encoded
		}
	}
	return ""
}

// An admission rule may quote the object that it refuses, or warns of: neither its words on standard error nor the
// Console show a value, the new one or the old one.
func TestAdmissionRulesQuoteNoValue(t *testing.T) {
	long(t)
	t.Parallel()
	const oldValue, newValue = "canary-old-41d8f7-value", "canary-new-93b2c6-value"
	for _, action := range []string{"Deny", "Warn"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			c := openCluster(t)
			namespace, kubeconfig := c.namespace(t, "alice")
			bobs, kubeconfigBob := c.namespace(t, "bob")
			folder := t.TempDir()
			vars := filepath.Join(folder, "vars")
			if err := os.WriteFile(vars, []byte("KEY="+newValue+"\nNEW="+newValue+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			call := func(kubeconfig string, args ...string) outcome {
				_, end := start(t, kubeconfig, args, "KUBE_EDITOR=sed -i s/old-41d8f7/new-93b2c6/", "XDG_RUNTIME_DIR=")
				return end()
			}
			secret := func(kubeconfig string, args ...string) outcome {
				return call(kubeconfig, append([]string{"kubectl-apolo_secret"}, args...)...)
			}
			for _, key := range []string{"KEY", "edited", "moved", "removed"} {
				if got := secret(kubeconfig, "add", key, oldValue); got.code != 0 {
					t.Fatal(got)
				}
			}
			for _, name := range []string{"tool", "released"} {
				c.kubectl(t, "admin", "-n", namespace, "create", "secret", "generic", name, "--from-literal=password="+oldValue)
			}
			if got := secret(kubeconfig, "adopt", "released"); got.code != 0 {
				t.Fatal(got)
			}
			if got := secret(kubeconfigBob, "add", "bobs", oldValue); got.code != 0 {
				t.Fatal(got)
			}
			if got := runDirect(t, kubeconfigBob, "kubectl-apolo_acl", "grant", "secret:bobs", "alice", "read"); got.code != 0 {
				t.Fatal(got)
			}
			eventually(t, "alice may read bob's secret", func() bool {
				_, err := c.tryKubectl("alice", "auth", "can-i", "get", "secret/bobs", "-n", bobs)
				return err == nil
			})
			c.quoteSecrets(t, namespace, action)()

			page := openConsole(t, kubeconfig)
			for _, args := range [][]string{
				{"add", "added", newValue}, {"add", "added2", newValue, "--dry-run=server"}, {"add", "KEY", newValue, "--overwrite", "-v=10"},
				{"import", "--from-env-file", vars, "--overwrite"}, {"edit", "edited"}, {"cp", "edited", "copied"}, {"cp", "edited", "KEY", "--overwrite"},
				{"mv", "moved", "away"}, {"adopt", "tool"}, {"rm", "released"}, {"rm", "removed"},
				{"run", "--detach", "--no-wait-start", "--env", "A=secret:/" + bobs + "/bobs", "busybox:1"},
			} {
				if args[0] == "run" {
					args = slices.Insert(args[1:], 0, "kubectl-apolo_run")
				} else {
					args = slices.Insert(args, 0, "kubectl-apolo_secret")
				}
				got := call(kubeconfig, args...)
				if kept := regexp.MustCompile(`'rm -r ([^']+)'`).FindStringSubmatch(got.stderr); kept != nil {
					_ = os.RemoveAll(kept[1]) // the text that could not be stored
				}
				wanted := map[string]string{"Deny": "denied request", "Warn": "warning: "}[action]
				if (got.code == 0) != (action == "Warn") || !strings.Contains(got.stderr, wanted) {
					t.Errorf("%q: %s", args, got)
				}
				for _, value := range []string{oldValue, newValue} {
					if found := disclosed(got.stdout+got.stderr, value); found != "" {
						t.Errorf("%q shows %q: %s", args, found, got)
					}
				}
			}
			for path, request := range map[string]struct {
				method string
				input  any
			}{
				"/secrets":     {http.MethodPost, map[string]any{"key": "of-page", "value": base64.StdEncoding.EncodeToString([]byte(newValue))}},
				"/secrets?":    {http.MethodPost, map[string]any{"key": "KEY", "value": base64.StdEncoding.EncodeToString([]byte(newValue)), "overwrite": true}},
				"/secrets/KEY": {http.MethodDelete, nil},
			} {
				response, body := page.send(request.method, path, request.input)
				if (response.StatusCode >= 400) != (action == "Deny") || action == "Deny" && !strings.Contains(string(body), "denied request") {
					t.Errorf("%s %s: %s %s", request.method, path, response.Status, body)
				}
				for _, value := range []string{oldValue, newValue} {
					if found := disclosed(string(body), value); found != "" {
						t.Errorf("%s %s shows %q: %s", request.method, path, found, body)
					}
				}
			}
		})
	}
}

// A webhook's refusal of the pod ends the job at once, with the reason and without a value that the reason has. A webhook
// that does not work is waited for.
func TestWebhookRefusesThePod(t *testing.T) {
	long(t)
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	webhook := c.newInjector(t, namespace)
	webhook.inject("refused", "refuse: nobody here may know hidden-value")
	webhook.inject("later", "fail", "")
	if got := runDirect(t, kubeconfig, "kubectl-apolo_secret", "add", "token", "hidden-value"); got.code != 0 {
		t.Fatal(got)
	}
	got := runDirect(t, kubeconfig, "kubectl-apolo_run", "--name", "refused", "--schedule-timeout", "10m", "--env", "T=secret:token", "busybox:1")
	want := `error: job refused can't start: admission webhook "injector.e2e.apolo.us" denied the request: nobody here may know ***; it was removed` + "\n"
	if got.code != 1 || got.stdout != "" || !strings.HasSuffix(got.stderr, want) || disclosed(got.stderr, "hidden-value") != "" {
		t.Errorf("run: %s, want %q", got, want)
	}
	if left := c.kubectl(t, "admin", "-n", namespace, "get", "jobs,pods", "-o", "name"); left != "" {
		t.Errorf("left are %s", left)
	}
	if got := runDirect(t, kubeconfig, "kubectl-apolo_run", "-q", "--name", "later", "busybox:1", "--", "echo", "out"); got.code != 0 || got.stdout != "out\n" {
		t.Errorf("run: %s", got)
	}
}
