package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

// patience is how long the cluster may take to be what it has to be: the garbage collector comes by, and watches
// bring news.
const patience = 2 * time.Minute

// place is a cluster, and what the run keeps there.
type place struct {
	cluster *local.Cluster
	bin     string
	launch  string // path of the launcher
	run     string // the names of all that is made begin with it
	work    string
	admin   *local.API

	namespaces []string
}

func newPlace(ctx context.Context, bin string) (*place, error) {
	cluster, err := local.Open()
	if err != nil {
		return nil, err
	}
	p := &place{cluster: cluster, bin: bin, run: "load-" + rand.String(5)}
	if _, err := os.Stat(filepath.Join(bin, "kubectl-apolo_secret")); err != nil {
		return nil, fmt.Errorf("no binaries, run 'make build': %w", err)
	}
	if p.admin, err = cluster.API(cluster.Kubeconfigs["admin"]); err != nil {
		return nil, err
	}
	if p.work, err = os.MkdirTemp("", "apolo-load-"); err != nil {
		return nil, err
	}
	p.launch = filepath.Join(p.work, "launch")
	const launcher = "github.com/neuro-inc/kubectl-apolo/test/bench/launch"
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", p.launch, launcher).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build %s: %w\n%s", launcher, err, out), p.close())
	}
	return p, nil
}

// close removes all that was made.
func (p *place) close() error {
	var failed []error
	for _, name := range p.namespaces {
		failed = append(failed, p.admin.Do(context.Background(), http.MethodDelete, "/api/v1/namespaces/"+name, nil, nil))
	}
	return errors.Join(append(failed, os.RemoveAll(p.work))...)
}

// user is somebody with a kubeconfig: the administrator in another's name. Nobody else has these names, so the audit
// log tells what they asked for.
type user struct {
	name, kubeconfig string
}

// user makes one whose kubeconfig points to a namespace.
func (p *place) user(name, namespace string) (user, error) {
	u := user{name: p.run + "-" + name, kubeconfig: filepath.Join(p.work, name)}
	config, err := clientcmd.LoadFromFile(p.cluster.Kubeconfigs["admin"])
	if err != nil {
		return u, err
	}
	for _, info := range config.AuthInfos {
		info.Impersonate = u.name
	}
	config.Contexts[config.CurrentContext].Namespace = namespace
	return u, clientcmd.WriteToFile(*config, u.kubeconfig)
}

// namespace makes one, whose admin is its owner.
func (p *place) namespace(ctx context.Context, what string) (name string, owner user, err error) {
	name = p.run + "-" + what
	if owner, err = p.user(what+"-owner", name); err != nil {
		return name, owner, err
	}
	p.namespaces = append(p.namespaces, name)
	if err := p.admin.MakeNamespace(ctx, name, owner.name); err != nil {
		return name, owner, err
	}
	return name, owner, p.eventually(ctx, func(ctx context.Context) string {
		_, err := p.apolo(ctx, owner, "secret", "ls", "-q")
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

// eventually waits until a problem is none any more.
func (p *place) eventually(ctx context.Context, problem func(context.Context) string) error {
	last := ""
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = problem(ctx)
		return last == "", nil
	})
	if err != nil && last != "" {
		return fmt.Errorf("after %s: %s", patience, last)
	}
	return err
}

// usage is what the launcher reports.
type usage struct {
	Wall   time.Duration
	CPU    time.Duration
	Memory int64 // peak, in bytes
	Exit   int
}

// measured is a command that was run.
type measured struct {
	usage
	stdout, stderr string
}

// apolo runs a command to its end. An error says what it complained.
func (p *place) apolo(ctx context.Context, as user, args ...string) (measured, error) {
	report, write, err := os.Pipe()
	if err != nil {
		return measured{}, err
	}
	defer report.Close()
	var stdout, stderr bytes.Buffer
	// The plugin itself: the peak of a process is that of the largest that it was, and the dispatcher is the smaller.
	plugin := map[string]string{"secret": "kubectl-apolo_secret", "acl": "kubectl-apolo_acl"}[args[0]]
	command := exec.CommandContext(ctx, p.launch, append([]string{filepath.Join(p.bin, plugin)}, args[1:]...)...)
	command.Env = []string{"HOME=" + p.work, "PATH=/usr/bin:/bin", "KUBECONFIG=" + as.kubeconfig}
	command.Stdout, command.Stderr = &stdout, &stderr
	command.ExtraFiles = []*os.File{write}
	err = command.Run()
	write.Close()
	m := measured{stdout: stdout.String(), stderr: stderr.String()}
	if err == nil {
		err = json.NewDecoder(report).Decode(&m.usage)
	}
	if err == nil && m.Exit != 0 {
		err = fmt.Errorf("exit code %d", m.Exit)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(m.stderr))
	}
	return m, err
}
