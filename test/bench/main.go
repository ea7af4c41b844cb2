// Command bench measures whole processes: the commands of this product, and in turn with them what
// one would type with kubectl instead. It prints a line per figure and writes a report.
//
// It needs a cluster of test/cluster (APOLO_CLUSTER_DIR), where it makes its own namespaces and
// removes them. It fails if a command fails; a target that is not reached is no failure but is said.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"k8s.io/klog/v2"
)

// options are one run's.
type options struct {
	bin        string // folder of the binaries to measure
	out        string // file of the report
	only       string // one topic, or of one topic what matches an expression; no report is written then
	quick      bool   // only see whether everything works; no report is written then
	large      bool   // also with 10,000 secrets of 64 KiB
	pairs      int    // for commands that are over at once
	slowPairs  int    // for those that wait for a container or ask a thousand namespaces
	secrets    int
	valueSize  int
	namespaces int
	sizes      sizes
}

// sizes are how many things there are where it is measured how cost grows.
type sizes struct {
	secrets    []secretSeries
	namespaces []int // one of them options.namespaces
	jobs       []int // the last is what job ls is compared with
	console    int   // secrets that the Console lists
	refreshes  int   // of its list
	logBytes   int
	fastBytes  int // of a log that does not come from a cluster
}

type secretSeries struct {
	bytes  int // of each value
	counts []int
}

func (o *options) choose() {
	o.sizes = sizes{
		secrets:    []secretSeries{{1 << 10, []int{10, 1000, 10_000}}, {64 << 10, []int{10, 1000}}},
		namespaces: []int{1, 100, 1000, 5000},
		jobs:       []int{1, 50, 200},
		console:    5000,
		refreshes:  1000,
		logBytes:   50_000_000,
		fastBytes:  200_000_000,
	}
	if o.large {
		o.sizes.secrets[1].counts = append(o.sizes.secrets[1].counts, 10_000)
	}
	if o.quick {
		o.pairs, o.slowPairs, o.secrets, o.namespaces = 1, 1, 20, 20
		o.sizes = sizes{
			secrets:    []secretSeries{{1 << 10, []int{2, 10}}, {64 << 10, []int{2}}},
			namespaces: []int{1, 20},
			jobs:       []int{1, 5},
			console:    50,
			refreshes:  10,
			logBytes:   1_000_000,
			fastBytes:  1_000_000,
		}
	}
}

func main() {
	o := options{secrets: 1000, valueSize: 8 << 10, namespaces: 1000}
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries to measure")
	flag.StringVar(&o.out, "out", "docs/benchmarks.md", "`file` to write the report to")
	flag.StringVar(&o.only, "only", "", "measure only this `topic` (secrets, first, inits, start, dispatcher, completion, sizes, run, job, console, acl, growth), or topic/expression for what matches of it, and write no report")
	flag.BoolVar(&o.quick, "quick", false, "measure everything once, with few objects, and write no report")
	flag.BoolVar(&o.large, "large", false, "also measure with 10,000 secrets of 64 KiB, which take a third of etcd's default quota")
	flag.IntVar(&o.pairs, "pairs", 11, "measurements of each command")
	flag.IntVar(&o.slowPairs, "slow-pairs", 5, "measurements of each command that runs a container")
	flag.Parse()
	o.choose()
	klog.SetLogger(klog.Logger{}) // what fails is returned

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	err := run(ctx, &o)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil {
		if interrupted {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	begin := time.Now()
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.bin, "kubectl-apolo_secret")); err != nil {
		return fmt.Errorf("no binaries to measure, run 'make build': %w", err)
	}
	work, err := os.MkdirTemp("", "apolo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c, err := openCluster(work)
	if err != nil {
		return err
	}
	r, err := newRunner(ctx, o, c, work)
	if err != nil {
		return err
	}
	machine, err := describeMachine(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.removeAll(context.WithoutCancel(ctx))) }()
	if err := c.removeOld(ctx); err != nil {
		return err
	}

	only, within, _ := strings.Cut(o.only, "/")
	if r.within, err = regexp.Compile(within); err != nil {
		return err
	}
	var results []topicResult
	for _, t := range topics(r) {
		if only != "" && only != t.name {
			continue
		}
		result, err := r.measure(ctx, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if len(result.rows) > 0 {
			results = append(results, result)
		}
	}
	fmt.Printf("measured in %s\n", time.Since(begin).Round(time.Second))
	if o.only != "" || o.quick {
		return nil
	}
	return os.WriteFile(o.out, []byte(render(machine, results)), 0o644)
}
