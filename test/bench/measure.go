package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// launcher is the package that starts what is measured.
const launcher = "github.com/neuro-inc/kubectl-apolo/test/bench/launch"

// commandTimeout ends a command that hangs.
const commandTimeout = 2 * time.Minute

// How often bytes and requests are counted: they hardly vary.
const (
	countedPairs     = 3
	slowCountedPairs = 1
)

// quantity is what is measured of a command.
type quantity int

const (
	wall quantity = iota
	cpu
	memory
	received
	requests
)

var quantities = []quantity{wall, cpu, memory, received, requests}

func (q quantity) String() string {
	return [...]string{"wall time", "CPU", "peak memory", "received", "requests"}[q]
}

// samples are the figures of one command, in the order of the runs. Times are in seconds, sizes in
// bytes.
type samples map[quantity][]float64

func (s samples) add(q quantity, value float64) { s[q] = append(s[q], value) }

// step is a command line to measure; a way of doing something can take several of them.
type step []string

// account is a user in a namespace.
type account struct{ user, namespace string }

// side is one of the two ways that are compared.
type side struct {
	label string
	as    account
	// steps returns the command lines of the n-th run.
	steps func(n int) []step
	// check looks at the output of the warm-up, so that nothing is measured that does not do its work.
	check func(output []byte) error
	// scale multiplies times, bytes and requests, where only a part is run. 0 means 1.
	scale float64
}

// comparison is two ways of doing the same.
type comparison struct {
	ours, theirs side
	slow         bool // not to be repeated often
	offline      bool // speaks with no server
	pairs        int  // 0: as the options say
	items        int  // where not 0: so many are listed, and it is also a row of how cost grows
	// pause comes before each run, where the server still has to do with the one before.
	pause time.Duration
	// setup prepares that many runs of each side.
	setup func(ctx context.Context, runs int) error
	// answer, if any, answers requests in the API server's place, and returns whether it did.
	answer  func(http.ResponseWriter, *http.Request) bool
	targets map[quantity]target
}

// compared is a comparison's outcome.
type compared struct {
	comparison
	oursSamples, theirsSamples samples
}

// runner measures.
type runner struct {
	*options
	cluster *cluster
	launch  string // path of the launcher
	kubectl string
	home    string         // of the commands: kubectl keeps what it discovered there
	within  *regexp.Regexp // what of a topic is measured
	growth  []row          // how cost grows, as far as it was measured
	shares  int            // how many namespaces there are with a grant to bob
}

func newRunner(ctx context.Context, o *options, c *cluster, work string) (*runner, error) {
	r := &runner{
		options: o, cluster: c,
		launch:  filepath.Join(work, "launch"),
		kubectl: filepath.Join(c.BinDir, "kubectl"),
		home:    filepath.Join(work, "home"),
	}
	if err := os.Mkdir(r.home, 0o700); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", r.launch, launcher)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build %s: %w\n%s", launcher, err, out)
	}
	return r, nil
}

// product is the path of one of the binaries under test.
func (r *runner) product(name string) string { return filepath.Join(r.bin, name) }

// has reports whether a binary was built.
func (r *runner) has(name string) bool {
	_, err := os.Stat(r.product(name))
	return err == nil
}

// compare runs both sides in turn: a warm-up, the measured runs, and then, not to slow these down,
// some through a proxy that counts.
func (r *runner) compare(ctx context.Context, c comparison) (compared, error) {
	pairs := c.pairs
	switch {
	case pairs > 0:
	case c.slow:
		pairs = r.slowPairs
	default:
		pairs = r.pairs
	}
	counted := countedPairs
	switch {
	case c.offline:
		counted = 0
	case c.slow:
		counted = slowCountedPairs
	}
	result := compared{comparison: c, oursSamples: samples{}, theirsSamples: samples{}}
	if c.setup != nil {
		if err := c.setup(ctx, 1+pairs+counted); err != nil {
			return result, err
		}
	}

	n := 0
	both := func(kubeconfig func(account) (string, error), each func(side, samples) error) error {
		for _, s := range []struct {
			side
			samples
		}{{c.ours, result.oursSamples}, {c.theirs, result.theirsSamples}} {
			file := ""
			if !c.offline {
				var err error
				if file, err = kubeconfig(s.as); err != nil {
					return err
				}
			}
			time.Sleep(c.pause)
			var (
				checked bytes.Buffer
				output  io.Writer = io.Discard // kept in memory, a long output would slow down what is measured
			)
			warmUp := n == 0 && s.check != nil
			if warmUp {
				output = &checked
			}
			err := r.once(ctx, s.side, n, file, s.samples, output)
			if err == nil && each != nil {
				err = each(s.side, s.samples)
			}
			if err == nil && warmUp {
				err = s.check(checked.Bytes())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.label, err)
			}
		}
		n++
		return nil
	}

	timedThrough := r.cluster.kubeconfig
	if c.answer != nil {
		timedThrough = func(a account) (string, error) {
			p, file, err := r.proxied(ctx, a)
			if err == nil {
				p.answer.Store(&c.answer)
			}
			return file, err
		}
	}
	for range 1 + pairs {
		if err := both(timedThrough, nil); err != nil {
			return result, err
		}
	}
	timed := n
	if counted > 0 {
		var p *proxy
		through := func(a account) (file string, err error) {
			if p, file, err = r.proxied(ctx, a); err == nil {
				p.reset()
			}
			return file, err
		}
		count := func(s side, into samples) error {
			gotBytes, gotRequests := p.settled()
			into.add(received, scaled(float64(gotBytes), s.scale))
			into.add(requests, scaled(float64(gotRequests), s.scale))
			return nil
		}
		for range counted {
			if err := both(through, count); err != nil {
				return result, err
			}
		}
	}
	for _, s := range []samples{result.oursSamples, result.theirsSamples} {
		for _, q := range quantities {
			if q != received && q != requests {
				s[q] = s[q][1:timed] // without the warm-up and what went through the proxy
			}
		}
	}
	return result, nil
}

// proxied returns a proxy for an account, and the kubeconfig that leads there. kubectl keeps what it
// discovered by server; it finds out about this one before anything is counted.
func (r *runner) proxied(ctx context.Context, a account) (*proxy, string, error) {
	p, file, isNew, err := r.cluster.proxied(a)
	if err == nil && isNew {
		_, err = r.start(ctx, step{r.kubectl, "api-resources"}, file, io.Discard)
	}
	return p, file, err
}

func scaled(value, scale float64) float64 {
	if scale == 0 {
		return value
	}
	return value * scale
}

// once runs the steps of a side and adds up what they take.
func (r *runner) once(ctx context.Context, s side, n int, kubeconfig string, into samples, output io.Writer) error {
	var total usage
	for _, command := range s.steps(n) {
		u, err := r.start(ctx, command, kubeconfig, output)
		if err != nil {
			return err
		}
		total.Wall += u.Wall
		total.CPU += u.CPU
		total.Memory = max(total.Memory, u.Memory)
	}
	into.add(wall, scaled(total.Wall.Seconds(), s.scale))
	into.add(cpu, scaled(total.CPU.Seconds(), s.scale))
	into.add(memory, float64(total.Memory))
	return nil
}

// usage is what the launcher reports.
type usage struct {
	Begin  time.Time
	Wall   time.Duration
	CPU    time.Duration
	Memory int64
	Exit   int
}

// start runs one command line to its end.
func (r *runner) start(ctx context.Context, command step, kubeconfig string, output io.Writer) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	report, write, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	defer report.Close()
	var stderr bytes.Buffer
	launch := exec.CommandContext(ctx, r.launch, command...)
	launch.Env = []string{"HOME=" + r.home, "PATH=" + r.bin + ":/usr/bin:/bin", "KUBECONFIG=" + kubeconfig}
	launch.Stdout, launch.Stderr = output, &stderr
	launch.ExtraFiles = []*os.File{write}
	launch.WaitDelay = time.Second
	err = launch.Run()
	write.Close()
	if err != nil {
		return usage{}, errors.Join(err, ctx.Err(), errors.New(strings.TrimSpace(stderr.String())))
	}
	var u usage
	if err := json.NewDecoder(report).Decode(&u); err != nil {
		return usage{}, err
	}
	if u.Exit != 0 {
		return u, fmt.Errorf("%s ended with %d: %s", strings.Join(command, " "), u.Exit, strings.TrimSpace(stderr.String()))
	}
	return u, nil
}

// output runs a command that is not measured.
func (r *runner) output(ctx context.Context, command ...string) (string, error) {
	var out bytes.Buffer
	_, err := r.start(ctx, command, "", &out)
	return strings.TrimSpace(out.String()), err
}
