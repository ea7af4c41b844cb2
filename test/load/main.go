// Command load lets a hundred processes work on one namespace at once, and gives ten thousand grants in another; it
// checks that nothing that was acknowledged is lost and that nothing is left over, and writes a report.
//
// It needs a cluster of test/cluster (APOLO_CLUSTER_DIR), where it makes its own namespaces and removes them. It
// fails where a command fails or the cluster does not hold what it has to.
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
	bin       string // folder of the binaries
	out       string // file of the report
	processes int
	lasting   time.Duration
	grants    int
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries")
	flag.StringVar(&o.out, "out", "docs/load.md", "`file` to write the report to")
	flag.IntVar(&o.processes, "processes", 100, "how many processes there are at once")
	flag.DurationVar(&o.lasting, "for", 2*time.Minute, "how long they go on")
	flag.IntVar(&o.grants, "grants", 10_000, "how many grants one namespace gets")
	flag.Parse()
	klog.SetLogger(klog.Logger{}) // what fails is returned

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	begin := time.Now()
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	p, err := newPlace(ctx, o.bin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	fmt.Printf("== %d processes for %s\n", o.processes, o.lasting)
	crowd, err := p.crowd(ctx, o.processes, o.lasting)
	if err != nil {
		return err
	}
	fmt.Print(crowd)
	fmt.Printf("== %d grants\n", o.grants)
	many, err := p.manyGrants(ctx, o.grants, func(line string) { fmt.Println(line) })
	if err != nil {
		return err
	}
	fmt.Print(many)
	return writeReport(ctx, o.out, p, begin, crowd, many)
}
