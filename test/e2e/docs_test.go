package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/test/docblocks"
)

// documented is how a block of the documentation is run: as alice, in its own folder and namespace.
type documented struct {
	file, begins string // which block: its page, and how its first line begins

	setup   string   // run before the block, in the same shell
	each    string   // run before each line, each of which is run by itself; $N is its number
	replace []string // pairs: placeholders, and what is meant here
	notHere []notHere
}

// notHere is a line that can't be run here, and why.
type notHere struct{ begins, why string }

const gcpJSON = `{"type": "service_account"}`

// documentedBlocks are all blocks of README.md and docs. Each line is run, but for those that a reason is given for.
func documentedBlocks() []documented {
	foreign := `kubectl create secret generic db-credentials --from-literal=password=x >&2; `
	return []documented{
		{file: "README.md", begins: "$ kubectl apolo secret add secret-password", setup: "echo '" + gcpJSON + "' >gcp.json"},
		{file: "README.md", begins: "bob$ kubectl apolo acl list",
			setup: `kubectl apolo secret add -q secret-password 'p@$$w0rd123'; kubectl apolo acl grant -q secret:secret-password bob read
export KUBECONFIG=$BOB_KUBECONFIG; cluster=$(kubectl config view --minify -o 'jsonpath={.contexts[0].context.cluster}'); kubectl config set-context of-alice --cluster="$cluster" --namespace="$ALICE"
until kubectl get secret secret-password -n "$ALICE" >/dev/null; do sleep 0.2; done`},
		{file: "README.md", begins: "make demo", notHere: []notHere{
			{"make demo", "starts the cluster that this test runs on, and plays with it alone; CI runs it"}, {"make test", "is what runs this test"}}},
		{file: "README.md", begins: "make build", notHere: []notHere{
			{"make build", "has made the binaries that are tested here"}, {"cp -P", "installs them on this machine; make test-release does that with packages"}}},
		{file: "docs/jobs.md", begins: "kubectl apolo run IMAGE", setup: "kubectl apolo secret add -q KEY value",
			replace: []string{"COMMAND…", "true", "IMAGE …", "busybox:1 -- true", "IMAGE", "busybox:1"},
			notHere: []notHere{{"kubectl apolo run --preset", "needs a disk, which run/volumes.txtar has an administrator make"}}},
		{file: "docs/jobs.md", begins: "kubectl apolo ps", each: "kubectl apolo run -q --detach --wait-start --name job$N busybox:1 -- sleep 20; ",
			replace: []string{"COMMAND…", "true", "JOB…", "job$N", "JOB ", "job$N ", "JOB\n", "job$N\n", "8080:", "0:"}},
		{file: "docs/ci.md", begins: "kubectl apply"},
		{file: "docs/ci.md", begins: "kubectl config view", setup: "kubectl apply -f docs/ci/writer.yaml"},
		{file: "docs/completion.md", begins: "$ kubectl apolo secret get db<TAB>", notHere: []notHere{{"$ ", "is typed key by key: TestCompletion and completion/*.txtar"}}},
		{file: "docs/completion.md", begins: "echo 'source"},
		{file: "docs/completion.md", begins: "ln -s kubectl-apolo ", setup: ownBin},
		{file: "docs/completion.md", begins: "ln -s kubectl-apolo_secret", setup: ownBin},
		{file: "docs/console.md", begins: "$ kubectl apolo console", notHere: []notHere{{"$ kubectl apolo console", "serves until Ctrl-C: TestConsoleCommand"}}},
		{file: "docs/console.md", begins: "kubectl create token", setup: "kubectl create serviceaccount my-account"},
		{file: "docs/from-apolo.md", begins: "apolo secret add wandb-token", replace: []string{"ubuntu -- \"bash", "ubuntu -- \"sh", "ubuntu", "busybox:1", "--project alice", "--project $ALICE"},
			notHere: []notHere{{"apolo job browse", "serves until Ctrl-C: apolo/jobs.txtar"}, {"apolo job attach", "follows until Ctrl-C: apolo/jobs.txtar"},
				{"apolo job ls --all-projects", "takes the right to list jobs everywhere: job/ls.txtar"}}},
		{file: "docs/from-apolo.md", begins: "apolo run --volume storage:", setup: "apolo secret add -q secret-password x",
			replace: []string{"apolo run", "apolo run --dry-run=server", "apolo job run", "apolo job run --dry-run=server", "ubuntu", "busybox:1", "--project alice", "--project $ALICE"}},
		{file: "docs/from-apolo.md", begins: "apolo secret add secret-password", setup: "mkdir -p path/to/secret; echo x >path/to/secret/file.txt"},
		{file: "docs/from-apolo.md", begins: "$ apolo share job:"},
		{file: "docs/install.md", begins: "kubectl krew install", notHere: []notHere{{"kubectl krew", byRelease}}},
		{file: "docs/install.md", begins: "kubectl krew index", notHere: []notHere{{"kubectl krew", byRelease}}},
		{file: "docs/install.md", begins: "apt install", notHere: []notHere{{"apt install", byRelease}, {"dnf install", byRelease}}},
		{file: "docs/install.md", begins: "brew install", notHere: []notHere{{"brew install", byRelease}, {"scoop ", byRelease}}},
		{file: "docs/install.md", begins: "tar xzf", notHere: []notHere{{"tar xzf", byRelease}, {"ln -s", byRelease}}},
		{file: "docs/install.md", begins: "cosign verify-blob", notHere: []notHere{{"cosign", "needs a release that GitHub's identity signed"}, {"  --certificate", "goes on with it"}, {"sha256sum", byRelease}}},
		{file: "docs/install.md", begins: "gh attestation", notHere: []notHere{{"gh attestation", "needs a release that GitHub's identity signed"}}},
		{file: "docs/output.md", begins: "kubectl apolo secret ls -o json"},
		{file: "docs/secrets.md", begins: "kubectl apolo secret cp", setup: `for k in db-password db-pasword api-key; do kubectl apolo secret add -q $k x; done`,
			replace: []string{"db-pasword db-password ", "db-pasword db-password-fixed ", "CLUSTER/NAMESPACE/api-key", "default/$ALICE/api-key-2"}},
		{file: "docs/secrets.md", begins: "kubectl apolo secret adopt", setup: foreign},
		{file: "docs/secrets.md", begins: "kubectl apolo secret import", setup: foreign + "echo A=b >.env; mkdir keys; echo x >keys/key; echo '" + gcpJSON + "' >gcp.json",
			replace: []string{"secret:/NAMESPACE/", "secret:/$ALICE/"},
			notHere: []notHere{{"kubectl apolo secret import --from-apolo", "needs the right to read what a platform keeps: secret/import.txtar"}}},
		{file: "docs/secrets.md", begins: "kubectl apolo secret export", setup: "for k in wandb-token db-user db-password; do kubectl apolo secret add -q $k x; done"},
		{file: "docs/secrets.md", begins: "kubectl apolo secret edit", setup: `kubectl apolo secret add -q app-config x; export KUBE_EDITOR='sed -i s/x/y/'; mkdir bin; printf '#!/bin/sh\ntest "$1" = --wait\n' >bin/code; chmod +x bin/code; PATH=$PWD/bin:$PATH`},
		{file: "docs/sharing.md", begins: "kubectl apolo acl grant", setup: "kubectl apolo secret add -q wandb-token x"},
		{file: "docs/lifecycle.md", begins: "kubectl apolo secret describe", setup: "kubectl apolo secret add -q wandb-token x"},
		{file: "docs/lifecycle.md", begins: "kubectl apolo secret add", setup: "echo x >token.txt"},
		{file: "docs/lifecycle.md", begins: "kubectl apolo acl grant", setup: "kubectl apolo secret add -q wandb-token x"},
		{file: "docs/sharing.md", begins: "kubectl apolo run --env WANDB",
			setup:   `kubectl apolo secret add -q wandb-token x; kubectl apolo acl grant -q secret:wandb-token bob read; export KUBECONFIG=$BOB_KUBECONFIG; until kubectl get secret wandb-token -n $ALICE >/dev/null; do sleep 0.2; done`,
			replace: []string{"IMAGE -- python train.py", "busybox:1 -- true", "default/alice/", "default/$ALICE/", ":/alice/", ":/$ALICE/"}},
	}
}

// byRelease is why what installs a release is not run here.
const byRelease = "is for a release: make test-release makes one, and installs or reads it in this way"

// ownBin puts copies of the binaries first on PATH, to link beside them.
const ownBin = `mkdir bin; cp "$(command -v kubectl-apolo)" "$(command -v kubectl-apolo_secret)" bin/; PATH=$PWD/bin:$PATH`

// TestDocumentation runs every block of commands that README.md and docs show. Where a block shows what is printed,
// that is compared. Blocks that stand nowhere here, and cases and reasons without a block or line, are errors.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	blocks, err := docblocks.Read("../..")
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	cases := documentedBlocks()
	used := map[int]bool{}
	for _, block := range blocks {
		i := slices.IndexFunc(cases, func(d documented) bool {
			return d.file == block.File && strings.HasPrefix(strings.TrimLeft(block.Text, " "), d.begins)
		})
		where := fmt.Sprintf("%s:%d", block.File, block.Line)
		if i < 0 {
			t.Errorf("%s: nothing tells how to run this block; add it to documentedBlocks", where)
			continue
		}
		used[i] = true
		t.Run(strings.ReplaceAll(where, "/", "_"), func(t *testing.T) {
			t.Parallel()
			runBlock(t, c, bin, block, cases[i])
		})
	}
	for i, d := range cases {
		if !used[i] {
			t.Errorf("%s has no block that begins with %q", d.file, d.begins)
		}
	}
}

func runBlock(t *testing.T, c *cluster, bin string, block docblocks.Block, d documented) {
	text := block.Text
	left := map[string]bool{}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		i := slices.IndexFunc(d.notHere, func(n notHere) bool { return strings.HasPrefix(line, n.begins) })
		if i < 0 {
			kept.WriteString(line)
			continue
		}
		left[d.notHere[i].begins] = true
	}
	for _, n := range d.notHere {
		if !left[n.begins] || n.why == "" {
			t.Errorf("no line begins with %q, which is said not to run here", n.begins)
		}
	}
	if block.Kind != "console" {
		if out, err := exec.Command("bash", "-n", "-c", text).CombinedOutput(); err != nil {
			t.Errorf("no shell can read this: %s", out)
		}
	}
	if text = kept.String(); strings.TrimSpace(text) == "" || len(left) > 0 && block.Kind == "console" {
		return
	}
	for i := 0; i < len(d.replace); i += 2 {
		if !strings.Contains(text, d.replace[i]) {
			t.Errorf("%q does not stand in the block", d.replace[i])
		}
		text = strings.ReplaceAll(text, d.replace[i], d.replace[i+1])
	}
	shell := newDocShell(t, c, bin)
	switch {
	case block.Kind == "console":
		shell.run(t, d.setup)
		shell.transcript(t, text)
	case d.each != "":
		number := 0
		for line := range strings.Lines(text) {
			number++
			shell.run(t, fmt.Sprintf("N=%d; %s\n%s", number, d.each, line))
		}
	default:
		shell.run(t, d.setup+"\n"+text)
	}
}

// docShell runs commands of the documentation.
type docShell struct {
	folder string
	env    map[string]string
}

func newDocShell(t *testing.T, c *cluster, bin string) *docShell {
	t.Helper()
	s := &docShell{folder: t.TempDir()}
	alice, aliceKubeconfig := c.namespace(t, "alice")
	bob, bobKubeconfig := c.namespace(t, "bob")
	s.env = map[string]string{
		"KUBECONFIG": aliceKubeconfig, "BOB_KUBECONFIG": bobKubeconfig, "ALICE": alice, "BOB": bob, "HOME": s.folder,
		"PATH": strings.Join([]string{bin, c.BinDir, os.Getenv("PATH")}, ":"),
	}
	docs, err := filepath.Abs("../../docs")
	if err == nil {
		err = os.Symlink(docs, filepath.Join(s.folder, "docs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a script, which must succeed, and returns what it prints.
func (s *docShell) run(t *testing.T, script string) string {
	t.Helper()
	out, err := s.try(script)
	if err != nil {
		t.Errorf("%v:\n%s\nprinted:\n%s", err, script, out)
	}
	return out
}

// try is run for a script that may fail.
func (s *docShell) try(script string) (out string, err error) {
	command := exec.Command("bash", "-euo", "pipefail", "-c", script)
	command.Dir, command.Env = s.folder, os.Environ()
	for name, value := range s.env {
		command.Env = append(command.Env, name+"="+value)
	}
	printed, err := command.CombinedOutput()
	return string(printed), err
}

// transcript runs what comes after the prompts "$ " (alice's) and "bob$ ", and compares what it prints. What shows an
// error must fail.
func (s *docShell) transcript(t *testing.T, text string) {
	t.Helper()
	prompt := regexp.MustCompile(`(?m)^(bob)?\$ `)
	starts := prompt.FindAllStringSubmatchIndex(text, -1)
	if len(starts) == 0 {
		t.Fatal("there is no prompt")
	}
	alice := maps.Clone(s.env)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		command, want, _ := strings.Cut(strings.ReplaceAll(text[start[1]:end], "\\\n", " "), "\n")
		s.env = maps.Clone(alice)
		if start[2] >= 0 {
			s.env["KUBECONFIG"] = s.env["BOB_KUBECONFIG"]
		}
		names := strings.NewReplacer("/alice/", "/"+s.env["ALICE"]+"/", "/bob ", "/"+s.env["BOB"]+" ")
		got, err := s.try(names.Replace(command))
		if (err != nil) != strings.HasPrefix(want, "error: ") {
			t.Errorf("%s: %v, and prints\n%s", command, err, got)
		}
		if shape(got) != shape(names.Replace(want)) {
			t.Errorf("%s\nprints\n%s\nand not\n%s", command, got, want)
		}
	}
}

// shape is a text without what differs from one run to another: the names of jobs, the states of a job that one run
// is there in time to see and another is not, and the widths of tables.
func shape(text string) string {
	text = regexp.MustCompile(`(?m)^job/\S+ (pending|running)\b.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`busybox-[a-z0-9]{5}\b`).ReplaceAllString(text, "busybox-XXXXX")
	text = regexp.MustCompile(`─+`).ReplaceAllString(text, "─")
	return strings.TrimSpace(regexp.MustCompile(` +`).ReplaceAllString(text, " "))
}
