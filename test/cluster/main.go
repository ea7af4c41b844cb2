// Command cluster runs a one-node Kubernetes on this machine for the tests:
// real etcd, API server, controllers, scheduler, kubelet and containerd, with
// no virtual machine, no container engine and no image registry. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const usageText = `usage: cluster VERB

  up                               start the cluster, or check that it runs
  down                             end it and remove every trace of it
  env                              print shell lines for eval
  status                           print one line per component
  restart [--kill] COMPONENT       stop a component, start it, wait until ready
  stop [--kill] COMPONENT          the first half of restart
  start COMPONENT                  the second half
  load-image NAME ROOTFS [CMD...]  make an image of a folder and load it

COMPONENT is etcd, apiserver, controller-manager, scheduler, containerd or
kubelet. APOLO_CLUSTER_DIR is the cluster's folder; without it every checkout
has its own cluster under /var/lib/apolo-cluster.`

// usageError is a mistake in the command line; it ends the program with 2.
type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdout)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "cluster: %s\n%s\n", usage.problem, usageText)
		return 2
	default:
		fmt.Fprintf(stderr, "cluster: %s\n", oneLine(err.Error()))
		return 1
	}
}

func dispatch(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return usageError{"a verb is missing"}
	}
	verb, args := args[0], args[1:]
	switch verb {
	case "help", "-h", "--help":
		fmt.Fprintln(stdout, usageText)
		return nil
	case "up", "down", "env", "status":
		if len(args) > 0 {
			return usageError{fmt.Sprintf("%s takes no arguments", verb)}
		}
	case "restart", "stop", "start", "load-image":
	default:
		return usageError{fmt.Sprintf("unknown verb %q", verb)}
	}

	m, err := newManager(stdout)
	if err != nil {
		return err
	}
	switch verb {
	case "up":
		return m.up(ctx)
	case "down":
		return m.down(ctx)
	case "env":
		return m.env()
	case "status":
		return m.status(ctx)
	case "load-image":
		return m.loadImage(ctx, args)
	default:
		return m.change(ctx, verb, args)
	}
}

// manager is one run of the program against one cluster folder.
type manager struct {
	out      io.Writer
	started  time.Time
	checkout string
	source   string // the folder test/cluster
	dir      string
}

func newManager(out io.Writer) (*manager, error) {
	source, err := sourceFolder()
	if err != nil {
		return nil, err
	}
	m := &manager{out: out, started: time.Now(), source: source, checkout: checkoutOf(source)}
	if m.dir, err = clusterDir(os.Getenv("APOLO_CLUSTER_DIR"), m.checkout); err != nil {
		// Others may not even look at the folder that root made.
		if machine := checkMachine(); machine != nil {
			return nil, machine
		}
		return nil, err
	}
	return m, nil
}

// say prints one line of progress.
func (m *manager) say(format string, args ...any) {
	fmt.Fprintf(m.out, "%5.1fs  %s\n", time.Since(m.started).Seconds(), fmt.Sprintf(format, args...))
}

// change is the verbs restart, stop and start.
func (m *manager) change(ctx context.Context, verb string, args []string) error {
	kill := false
	var names []string
	for _, arg := range args {
		switch {
		case arg == "--kill" && verb != "start":
			kill = true
		case strings.HasPrefix(arg, "-"):
			return usageError{fmt.Sprintf("%s does not know the option %s", verb, arg)}
		default:
			names = append(names, arg)
		}
	}
	if len(names) != 1 {
		return usageError{fmt.Sprintf("%s takes one component", verb)}
	}
	if !slices.Contains(componentNames(), names[0]) {
		return usageError{fmt.Sprintf("unknown component %q", names[0])}
	}
	if err := checkMachine(); err != nil {
		return err
	}
	unlock, err := lockExisting(ctx, m.dir)
	if err != nil {
		return err
	}
	defer unlock()
	c, err := loadCluster(m.dir)
	if err != nil {
		return err
	}
	comp := c.component(names[0])
	if verb != "start" {
		if err := m.stopComponent(ctx, c, comp, kill); err != nil {
			return err
		}
	}
	if verb != "stop" {
		if err := m.startComponent(c, comp); err != nil {
			return err
		}
		if err := c.waitAfterStart(ctx, comp); err != nil {
			return err
		}
		m.say("%s is ready", comp.name)
	}
	return nil
}

// oneLine folds a message into one line, so that a failure is one line
// whatever a program wrote that was quoted in it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " | ")
}

// shellQuote makes one word for a shell of any text.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
