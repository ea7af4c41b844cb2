// Command bench measures whole processes: the commands of this product, and in turn with them what
// one would type with kubectl instead. It prints a line per figure and writes a report.
//
// It needs a cluster of test/cluster (APOLO_CLUSTER_DIR), where it makes namespaces of its own and
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
	"syscall"
	"time"

	"k8s.io/klog/v2"
)

// options are one run's.
type options struct {
	bin        string // folder of the binaries to measure
	out        string // file of the report
	clusterDir string
	only       string // one topic; no report is written then
	pairs      int    // for commands that are over at once
	slowPairs  int    // for those that wait for a container or ask a thousand namespaces
	secrets    int
	valueSize  int
	namespaces int
}

func main() {
	o := options{clusterDir: os.Getenv("APOLO_CLUSTER_DIR"), secrets: 1000, valueSize: 8 << 10, namespaces: 1000}
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries to measure")
	flag.StringVar(&o.out, "out", "docs/benchmarks.md", "`file` to write the report to")
	flag.StringVar(&o.only, "only", "", "measure only this `topic` (secrets, start, dispatcher, completion, sizes, run, job, console, acl), and write no report")
	flag.IntVar(&o.pairs, "pairs", 11, "measurements of each command")
	flag.IntVar(&o.slowPairs, "slow-pairs", 5, "measurements of each command that runs a container")
	flag.Parse()
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
	c, err := openCluster(o.clusterDir, work)
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

	var results []topicResult
	for _, t := range topics(r) {
		if o.only != "" && o.only != t.name {
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
	if o.only != "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(render(machine, results)), 0o644)
}
