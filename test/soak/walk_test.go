// Package soak walks at random over all commands, as several users at once, and compares every answer and the state of
// the cluster with a model of what they have to be. A walk that ends in a difference is made as short as can be,
// and printed as a script.
package soak

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"pgregory.net/rapid"

	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

const (
	// walkers are how many walks are under way at the same time, each in its own namespaces.
	walkers = 3
	// steps are how many commands a walk has on average.
	steps = "60"
	// settle is how long what was done may take to be everywhere: the authorizer learns of RBAC objects from a watch, and
	// the garbage collector comes by.
	settle = time.Minute
	// lasting is how long to walk where SOAK does not say.
	lasting = 20 * time.Second
)

// TestMain sets the flags of rapid that were not given.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{
		"rapid.checks": "1", "rapid.steps": steps, "rapid.nofailfile": "true", "test.parallel": strconv.Itoa(walkers),
	} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// TestWalk walks for as long as SOAK says.
func TestWalk(t *testing.T) {
	duration := lasting
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	cluster, err := local.Open()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := local.Binaries("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := &tally{done: map[string]int{}, refused: map[string]int{}}
	t.Cleanup(func() { t.Log(seen) })
	end := time.Now().Add(duration)
	for i := range walkers {
		t.Run(fmt.Sprintf("walker %d", i), func(t *testing.T) {
			t.Parallel()
			place := newPlace(t, cluster, bin, seen)
			for time.Now().Before(end) {
				rapid.Check(t, func(t *rapid.T) { place.walk(t, end) })
			}
		})
	}
}

// place is where a walker walks, again and again.
type place struct {
	cluster *local.Cluster
	bin     string
	names   map[actor]string // of the namespaces
	work    string
	apis    map[actor]*local.API
	admin   *local.API
	walks   int
	tally   *tally
	failed  string // how a walk ended, and its script made as short as can be
}

// tally counts what was done, to be seen in the end.
type tally struct {
	lock          sync.Mutex
	walks, looks  int
	done, refused map[string]int // by the name of the verb
}

func (c *tally) count(change func()) {
	c.lock.Lock()
	defer c.lock.Unlock()
	change()
}

func (c *tally) String() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	total := 0
	var lines []string
	for _, v := range verbs() {
		total += c.done[v.name] + c.refused[v.name]
		lines = append(lines, fmt.Sprintf("%-20s %6d done %6d refused", v.name, c.done[v.name], c.refused[v.name]))
	}
	return fmt.Sprintf("%d walks of %d commands, %d looks at what the cluster holds and allows\n%s", c.walks, total, c.looks, strings.Join(lines, "\n"))
}

// newPlace makes namespaces, and a kubeconfig for each actor.
func newPlace(t *testing.T, cluster *local.Cluster, bin string, seen *tally) *place {
	t.Helper()
	ctx := t.Context()
	p := &place{cluster: cluster, bin: bin, names: map[actor]string{}, work: t.TempDir(), apis: map[actor]*local.API{}, tally: seen}
	var err error
	if p.admin, err = cluster.API(cluster.Kubeconfigs["admin"]); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	suffix := rand.String(6)
	for _, a := range people() {
		name := "soak-" + string(a) + "-" + suffix
		p.names[a] = name
		t.Cleanup(func() {
			if err := p.admin.Do(context.Background(), http.MethodDelete, "/api/v1/namespaces/"+name, nil, nil); err != nil {
				t.Error(err)
			}
		})
		must(p.admin.MakeNamespace(ctx, name, string(a)))
		config, err := clientcmd.LoadFromFile(cluster.Kubeconfigs[string(a)])
		must(err)
		p.write(t, a, config)
	}
	must(p.admin.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+p.names[bob]+"/serviceaccounts", map[string]any{"metadata": map[string]any{"name": "runner"}}, nil))
	var token struct {
		Status struct{ Token string }
	}
	must(p.admin.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+p.names[bob]+"/serviceaccounts/runner/token", map[string]any{"spec": map[string]any{"expirationSeconds": 86400}}, &token))
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfigs["alice"])
	must(err)
	for _, user := range config.AuthInfos {
		*user = clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	p.write(t, runner, config)
	return p
}

// write makes the kubeconfig of an actor, with one context.
func (p *place) write(t *testing.T, a actor, config *clientcmdapi.Config) {
	t.Helper()
	maps.DeleteFunc(config.Contexts, func(name string, _ *clientcmdapi.Context) bool { return name != config.CurrentContext })
	config.Contexts[config.CurrentContext].Namespace = p.names[a.home()]
	file := p.kubeconfig(a)
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	api, err := p.cluster.API(file)
	if err != nil {
		t.Fatal(err)
	}
	p.apis[a] = api
}

func (p *place) kubeconfig(a actor) string { return filepath.Join(p.work, string(a)) }

// named puts the names of the namespaces into a text.
func (p *place) named(text string) string {
	for a, name := range p.names {
		text = strings.ReplaceAll(text, "{"+string(a)+"}", name)
	}
	return text
}

// variables puts variables of a shell in place of the names of the namespaces.
func variables(text string) string {
	for _, a := range people() {
		text = strings.ReplaceAll(text, "{"+string(a)+"}", "$"+strings.ToUpper(string(a)))
	}
	return text
}

// walk is one walk.
type walk struct {
	*place
	ctx   context.Context
	model *model
	home  string // of the actors, for what commands remember
	steps []*step
}

// walk fails with a script where a command does something else than the model.
func (p *place) walk(t *rapid.T, end time.Time) {
	if p.failed == "" { // otherwise rapid wants to see it again
		p.failed = p.once(t, end)
	}
	if p.failed != "" {
		t.Fatal(p.failed)
	}
}

// once draws commands until there are enough or the end has come. It returns what is wrong.
func (p *place) once(t *rapid.T, end time.Time) (wrong string) {
	w, err := p.begin(t.Context())
	if err != nil {
		return err.Error()
	}
	defer w.end()
	t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) {
		if err == nil && time.Now().Before(end) {
			err = w.do(drawStep(t, w.model, strconv.Itoa(len(w.steps)+1)))
		}
	}})
	if err == nil {
		err = w.values()
	}
	if err != nil {
		return p.shorten(t.Context(), w.steps, err)
	}
	p.tally.count(func() { p.tally.walks++ })
	return ""
}

// begin empties the namespaces of what the last walk left.
func (p *place) begin(ctx context.Context) (*walk, error) {
	p.walks++
	w := &walk{place: p, ctx: ctx, model: newModel(), home: filepath.Join(p.work, fmt.Sprintf("home-%d", p.walks))}
	for _, space := range people() {
		if err := w.empty(space); err != nil {
			return nil, err
		}
	}
	return w, w.settled(nil)
}

// end removes what the commands have remembered. What can't be removed is in the way of nothing.
func (w *walk) end() { _ = os.RemoveAll(w.home) }

func (w *walk) empty(space actor) error {
	for _, kind := range []string{"/apis/batch/v1/namespaces/%s/jobs?propagationPolicy=Background&gracePeriodSeconds=0", "/api/v1/namespaces/%s/pods?gracePeriodSeconds=0", "/api/v1/namespaces/%s/secrets"} {
		if err := w.admin.Do(w.ctx, http.MethodDelete, fmt.Sprintf(kind, w.names[space]), nil, nil); err != nil {
			return err
		}
	}
	for _, kind := range []string{roles, rolebindings} {
		var found listing[struct{ Metadata metadata }]
		if err := w.admin.Do(w.ctx, http.MethodGet, w.path(space, kind), nil, &found); err != nil {
			return err
		}
		for _, item := range found.Items {
			if !strings.HasPrefix(item.Metadata.Name, grantPrefix) {
				continue
			}
			if err := w.admin.Do(w.ctx, http.MethodDelete, w.path(space, kind)+"/"+item.Metadata.Name, nil, nil); err != nil && local.Code(err) != http.StatusNotFound {
				return err
			}
		}
	}
	return nil
}

// do runs the command of a step, and compares what it answers and what it has changed.
func (w *walk) do(s *step) error {
	if s.verb.unless != nil && s.verb.unless(w.model, s) {
		return nil
	}
	w.steps = append(w.steps, s)
	before := w.allowed()
	for ; s != nil; s = w.next(s) {
		if s.verb.instead != nil {
			if wrong := s.verb.instead(w, s); wrong != "" {
				return errors.New(wrong)
			}
			continue
		}
		want := s.verb.expect(w.model, s)
		code, stdout, stderr := w.run(s)
		w.tally.count(func() {
			counts := w.tally.done
			if code != 0 {
				counts = w.tally.refused
			}
			counts[s.verb.name]++
		})
		if difference := want.differs(code, stdout, stderr, w.named); difference != "" {
			return errors.New(difference)
		}
		if s.verb.reads {
			return nil
		}
	}
	return w.settled(before)
}

func (w *walk) next(s *step) *step {
	if s.verb.then == nil {
		return nil
	}
	return s.verb.then(s)
}

// replay does steps once more, and returns those up to the one that ends in a difference.
func (p *place) replay(ctx context.Context, steps []*step) ([]*step, error) {
	w, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	for i, s := range steps {
		if err := w.do(s); err != nil {
			return steps[:i+1], err
		}
	}
	return steps, w.values()
}

// shortening is how long making a walk shorter may take.
const shortening = 5 * time.Minute

// shorten leaves out of a walk what is not needed for it to end in a difference, first by halves and in the end one by
// one, and returns the difference with the rest as a script.
func (p *place) shorten(ctx context.Context, steps []*step, difference error) string {
	deadline := time.Now().Add(shortening)
	again, err := p.replay(ctx, steps)
	if err == nil {
		return p.report(steps, difference.Error()+" (once; the same walk again went well)")
	}
	steps, difference = again, err
	for size := len(steps) / 2; size > 0; size /= 2 {
		for i := 0; i < len(steps) && time.Now().Before(deadline); {
			fewer, err := p.replay(ctx, slices.Concat(steps[:i], steps[min(i+size, len(steps)):]))
			if err != nil {
				steps, difference = fewer, err
			} else {
				i += size
			}
		}
	}
	if _, err := p.replay(ctx, steps); err != nil { // once more, because jobs got their names in the last one
		difference = err
	}
	return p.report(steps, difference.Error())
}

// report is a difference and the script that leads to it.
func (p *place) report(steps []*step, difference string) string {
	for a, name := range p.names {
		difference = strings.ReplaceAll(difference, name, variables("{"+string(a)+"}"))
	}
	lines := []string{difference, "", preamble}
	for _, s := range steps {
		lines = append(lines, s.lines()...)
		if s.verb.then != nil {
			if then := s.verb.then(s); then != nil {
				lines = append(lines, then.lines()...)
			}
		}
	}
	return strings.Join(append(lines, "# "+strings.ReplaceAll(difference, "\n", "\n# ")), "\n")
}

// run runs the command of a step.
func (w *walk) run(s *step) (code int, stdout, stderr string) {
	program := filepath.Join(w.bin, "kubectl-apolo")
	if s.verb.shell {
		program = filepath.Join(w.cluster.BinDir, "kubectl")
	}
	file := filepath.Join(w.work, "text")
	if s.verb.file {
		if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
			return -1, "", "error: " + err.Error()
		}
	}
	var args []string
	for _, arg := range s.verb.args(s) {
		args = append(args, strings.ReplaceAll(w.named(arg), textFile, file))
	}
	command := exec.CommandContext(w.ctx, program, args...)
	command.Env = []string{"HOME=" + filepath.Join(w.home, string(s.actor)), "KUBECONFIG=" + w.kubeconfig(s.actor), "PATH=/usr/bin:/bin", "EDITOR=cp " + file}
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return -1, "", "error: " + err.Error()
	}
	if kept := keptText.FindStringSubmatch(errOut.String()); kept != nil {
		_ = os.RemoveAll(kept[1]) // is in the way of nothing
	}
	return command.ProcessState.ExitCode(), out.String(), errOut.String()
}

// keptText is the folder that edit names where it could not store a text.
var keptText = regexp.MustCompile(`'rm -r (/\S*/apolo-edit-\S+)'`)

// preamble makes a place like that of a walk, in a shell with the local cluster's environment.
const preamble = `#!/usr/bin/env bash
# In a checkout of the repository, on its local cluster: make cluster-up; eval "$(make -s cluster-env)"
work=$(mktemp -d)
admin() { KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/admin kubectl "$@"; }
as() { # USER COMMAND...
  local user=$1; shift; echo "$user\$ $*"
  HOME=$work/home-$user KUBECONFIG=$work/$user EDITOR="cp $work/text" "$@"; echo "# exit code $?"
  sleep 1 # until the API server knows of new grants
}
for user in alice bob carol; do
  name=soak-$user-$RANDOM; declare "${user^^}=$name"
  admin create namespace "$name"; admin create rolebinding admin -n "$name" --clusterrole=admin --user="$user"
  KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/$user kubectl config view --raw --minify >"$work/$user"
  KUBECONFIG=$work/$user kubectl config set-context --current --namespace="$name"
done
admin create serviceaccount runner -n "$BOB"
sed "/client-\(certificate\|key\)-data/d" "$work/bob" >"$work/runner"
KUBECONFIG=$work/runner kubectl config set-credentials "$(kubectl config view --kubeconfig="$work/runner" -o jsonpath='{.users[0].name}')" \
  --token="$(admin create token runner -n "$BOB" --duration=24h)"
`

// values asks for every value as every actor: who is to get one gets the right one, and nobody else any.
func (w *walk) values() error {
	var group errgroup.Group
	for _, a := range actors() {
		for _, space := range people() {
			for _, key := range append(keys(), "password", "user") {
				at := ref{space: space, key: key}
				found := w.model.spaces[space].secrets[at.object()]
				want := http.StatusOK
				switch {
				case !w.model.may(a, at, read):
					want = http.StatusForbidden
				case found == nil:
					want = http.StatusNotFound
				}
				group.Go(func() error {
					var got struct{ Data map[string][]byte }
					err := w.apis[a].Do(w.ctx, http.MethodGet, w.path(space, "secrets")+"/"+at.object(), nil, &got)
					if code := local.Code(err); code != want {
						return fmt.Errorf("%s asked for %s of %s: %d, want %d (%v)", a, at.object(), w.names[space], code, want, err)
					}
					if want == http.StatusOK && !maps.EqualFunc(got.Data, found.data, func(a []byte, b string) bool { return string(a) == b }) {
						return fmt.Errorf("%s of %s holds %q, want %q", at.object(), w.names[space], got.Data, found.data)
					}
					return nil
				})
			}
		}
	}
	return group.Wait()
}

// allowance is what an actor may do with a secret, by its name.
type allowance map[string]level

// allowed is what each actor has to be allowed through grants, in each namespace.
func (w *walk) allowed() map[actor]map[actor]allowance {
	all := map[actor]map[actor]allowance{}
	for _, a := range actors() {
		all[a] = map[actor]allowance{}
		for _, space := range people() {
			all[a][space] = allowance{}
			for object, found := range w.model.spaces[space].secrets {
				if l := found.levelOf(a.identities()...); l != none {
					all[a][space][object] = l
				}
			}
		}
	}
	return all
}

// settled waits until the cluster holds and allows what the model says, and nothing else. What was to be allowed
// before and is now, is allowed all the time, and what was not is not for a moment: before is what had to be, or nil.
func (w *walk) settled(before map[actor]map[actor]allowance) error {
	deadline := time.Now().Add(settle)
	after := w.allowed()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		w.tally.count(func() { w.tally.looks++ })
		unsettled, wrong := w.look(before, after)
		switch {
		case wrong != "":
			return errors.New(wrong)
		case unsettled == "":
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("after %s: %s", settle, unsettled)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// look compares once. wrong is what must not be even for a moment.
func (w *walk) look(before, after map[actor]map[actor]allowance) (unsettled, wrong string) {
	type finding struct{ unsettled, wrong string }
	findings := make(chan finding)
	count := 0
	check := func(do func() finding) {
		count++
		go func() { findings <- do() }()
	}
	for _, space := range people() {
		check(func() finding {
			problem, err := w.compare(space)
			if err != nil {
				return finding{wrong: err.Error()}
			}
			return finding{unsettled: problem}
		})
		for _, a := range actors() {
			check(func() finding {
				got, err := w.review(a, space)
				if err != nil {
					return finding{wrong: err.Error()}
				}
				var f finding
				objects := slices.Collect(maps.Keys(got))
				objects = append(objects, slices.Collect(maps.Keys(after[a][space]))...)
				for _, object := range objects {
					now, want := got[object], after[a][space][object]
					if now == want {
						continue
					}
					f.unsettled = fmt.Sprintf("%s has %s on %s of %s, want %s", a, now, object, w.names[space], want)
					if before == nil {
						continue
					}
					if was := before[a][space][object]; now < min(was, want) || now > max(was, want) {
						f.wrong = f.unsettled + fmt.Sprintf(", and had %s", was)
					}
				}
				return f
			})
		}
	}
	for range count {
		f := <-findings
		unsettled, wrong = cmp.Or(f.unsettled, unsettled), cmp.Or(f.wrong, wrong)
	}
	return unsettled, wrong
}
