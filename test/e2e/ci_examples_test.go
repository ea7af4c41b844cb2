package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// gitHub and gitLab are pipelines, as far as docs/ci.md uses what there is.
type (
	gitHub struct {
		On          string            `json:"true"` // so YAML 1.1 reads the word on
		Permissions map[string]string `json:"permissions"`
		Jobs        map[string]struct {
			RunsOn string            `json:"runs-on"`
			Env    map[string]string `json:"env"`
			Steps  []struct {
				Name string            `json:"name"`
				Run  string            `json:"run"`
				Env  map[string]string `json:"env"`
			} `json:"steps"`
		} `json:"jobs"`
	}
	gitLab map[string]struct {
		Image struct {
			Name       string   `json:"name"`
			Entrypoint []string `json:"entrypoint"`
		} `json:"image"`
		Variables map[string]string `json:"variables"`
		Script    []string          `json:"script"`
	}
)

// TestPipelineExamples runs the steps of docs/ci.md with a service account that has the Roles of docs/ci.
// Of what they name, only the image and the command in it are others here.
func TestPipelineExamples(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, alice := c.namespace(t, "alice")
	account := "system:serviceaccount:" + namespace + ":secret-writer"
	script := `set -eu
kubectl apply -f ../../docs/ci/writer.yaml -f ../../docs/ci/runner.yaml
kubectl create rolebinding both --role=job-runner --serviceaccount=` + namespace + `:secret-writer
cp "$KUBECONFIG" "$1"
token=$(kubectl create token secret-writer)
export KUBECONFIG="$1"
kubectl config set-credentials ci --token="$token"
kubectl config set-context --current --user=ci`
	kubeconfig := filepath.Join(t.TempDir(), "ci")
	shell := func(environment []string, args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "bash", args...)
		command.Env = append(append(os.Environ(), fmt.Sprintf("PATH=%s:%s:%s", bin, c.BinDir, os.Getenv("PATH"))), environment...)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		err := command.Run()
		return out.String(), err
	}
	if out, err := shell([]string{"KUBECONFIG=" + alice}, "-c", script, "bash", kubeconfig); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	eventually(t, "the rights of the service account", func() bool {
		for _, right := range []string{"patch secrets", "create jobs.batch"} {
			verb, resource, _ := strings.Cut(right, " ")
			if out, _ := c.tryKubectl("admin", "auth", "can-i", verb, resource, "-n", namespace, "--as="+account); !strings.HasPrefix(out, "yes") {
				return false
			}
		}
		return true
	})

	docs, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(heading string, into any) {
		t.Helper()
		found := regexp.MustCompile("(?s)\n### " + heading + "\n\n```yaml\n(.*?)```").FindSubmatch(docs)
		if found == nil {
			t.Fatalf("docs/ci.md has no example for %s", heading)
		}
		if err := yaml.UnmarshalStrict(found[1], into); err != nil {
			t.Fatalf("the example for %s: %v", heading, err)
		}
	}
	run := func(name, line string, environment ...string) {
		t.Helper()
		for there, here := range map[string]string{
			"ghcr.io/example/train:1 -- python train.py":           `busybox:1 -- sh -c 'test "$WANDB" = value'`,
			"registry.example.com/app:$CI_COMMIT_SHA -- ./migrate": `busybox:1 -- sh -c 'test "$DATABASE_URL" = value'`,
		} {
			line = strings.ReplaceAll(line, there, here)
		}
		if out, err := shell(append(environment, "KUBECONFIG="+kubeconfig), "-eo", "pipefail", "-c", line); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	secret := regexp.MustCompile(`\$\{\{ secrets\.\w+ \}\}`)
	var hub gitHub
	block("GitHub Actions", &hub)
	steps := 0
	for _, step := range hub.Jobs["deploy"].Steps {
		if strings.HasPrefix(step.Run, "curl ") || step.Name == "Write the kubeconfig" {
			continue // the release that is fetched is tested by test/release
		}
		var environment []string
		for name, value := range step.Env {
			environment = append(environment, name+"="+secret.ReplaceAllString(value, "value"))
		}
		run(step.Name, step.Run, environment...)
		steps++
	}
	if steps != 2 {
		t.Errorf("%d steps were run", steps)
	}
	var lab gitLab
	block("GitLab", &lab)
	if len(lab["migrate"].Script) != 2 {
		t.Errorf("the script is %q", lab["migrate"].Script)
	}
	for _, line := range lab["migrate"].Script {
		run(line, line, "DATABASE_URL=value")
	}
	for _, key := range []string{"wandb-token", "database-url"} {
		if got := c.kubectl(t, "admin", "get", "secret", key, "-n", namespace, "-o", "jsonpath={.data."+key+"}"); got != "dmFsdWU=" {
			t.Errorf("%s is %q", key, got)
		}
	}
}
