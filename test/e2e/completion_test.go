package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
)

// What shells are started with. The prompt comes last, so that whoever sees it sees a shell that completes.
const (
	bashSettings = `source <(kubectl completion bash)
source <(apolo completion bash)
PS1='ready> '
`
	zshSettings = `autoload -U compinit; compinit -u -d "$HOME/dump"
source <(kubectl completion zsh)
source <(apolo completion zsh)
PS1='ready> '
`
)

func TestTab(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	for _, command := range [][]string{
		{"secret", "add", "db-password", "value"}, {"secret", "add", "Wandb.Token", "value"}, {"secret", "add", "other", "value"},
		{"acl", "grant", "secret:db-password", "bob", "read"},
	} {
		if done := runDirect(t, kubeconfig, append([]string{"kubectl-apolo"}, command...)...); done.code != 0 {
			t.Fatalf("%q: %s", command, done)
		}
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gcp.json", "keys/aws"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// What is typed, with tabs in it, and what then stands in the line. Behind a candidate is a space.
	type line struct{ typed, want string }
	lines := func(command string) []line {
		all := []line{
			{"sec\tg\tdb\t", "secret get db-password "},
			{"secret rm other W\t", "secret rm other Wandb.Token "},
			{"secret get db-password --fi\tgcp\t", "secret get db-password --file gcp.json "},
			{"secret get db-password --file=gcp\t", "secret get db-password --file=gcp.json "},
			{"secret ls -o ya\t", "secret ls -o yaml "},
			{"secret ls --context=def\t", "secret ls --context=default "},
			{"secret ls --namespace " + namespace[:len(namespace)-2] + "\t", "secret ls --namespace " + namespace + " "},
			{"secret add gcp-key @gcp\t", "secret add gcp-key @gcp.json "},
			{"secret add gcp-key @k\t\t", "secret add gcp-key @keys/aws "},
			{"acl grant secret:oth\tcar", "acl grant secret:other car"},
			{"acl grant secret:/" + namespace[:len(namespace)-2] + "\tW\t", "acl grant secret:/" + namespace + "/Wandb.Token "},
			{"acl grant secret://def\t", "acl grant secret://default/"},
			{"acl revoke secret:db-password b\t", "acl revoke secret:db-password bob "},
			{"run --env X=secret:db\t", "run --env X=secret:db-password "},
			{"run --env=X=secret:db\t", "run --env=X=secret:db-password "},
			{"run --volume sec\tdb\t/run/p", "run --volume secret:db-password:/run/p"},
			{"run --volume=secret:db\t", "run --volume=secret:db-password:"},
		}
		for i := range all {
			all[i] = line{command + all[i].typed, command + all[i].want}
		}
		return all
	}
	for _, shell := range []struct {
		name, settings, file string
		args                 []string
	}{
		{"bash", "source /usr/share/bash-completion/bash_completion\n" + bashSettings, ".bashrc", []string{"--noprofile", "-i"}},
		{"bash without bash-completion", bashSettings, ".bashrc", []string{"--noprofile", "-i"}},
		{"zsh", zshSettings, ".zshrc", []string{"-i"}},
	} {
		t.Run(shell.name, func(t *testing.T) {
			if shell.name != "bash" {
				long(t)
			}
			t.Parallel()
			home := t.TempDir()
			if err := os.WriteFile(filepath.Join(home, shell.file), []byte(shell.settings), 0o600); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join("/bin", shell.file[1:len(shell.file)-2])
			term := startTerminal(t, kubeconfig, "env", append([]string{
				"-C", folder, "HOME=" + home, "ZDOTDIR=" + home, "TERM=dumb", "APOLO_COMPLETION_TIMEOUT=30s", // other tests keep the machine busy
				fmt.Sprintf("PATH=%s:%s:%s", bin, c.BinDir, os.Getenv("PATH")), program,
			}, shell.args...)...)
			if err := pty.Setsize(term.file, &pty.Winsize{Rows: 50, Cols: 240}); err != nil {
				t.Fatal(err)
			}
			all := lines("apolo ")
			if shell.name != "bash without bash-completion" { // without it, kubectl's own script doesn't work
				all = append(all, lines("kubectl apolo ")...)
				all = append(all, line{"kubectl apolo-secret get db\t", "kubectl apolo-secret get db-password "})
			}
			all = append(all, line{"kubectl-apolo_secret get db\t", "kubectl-apolo_secret get db-password "})
			term.waitFor("ready> ")
			for _, line := range all {
				term.clear()
				term.typeLine(line.typed + "^")
				term.waitFor(line.want + "^")
				term.clear()
				term.typeLine("\x15\n") // leaves the line empty
				term.waitFor("ready> ")
			}
			term.typeLine("exit\n")
			term.end()
		})
	}
}
