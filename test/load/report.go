package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// String is the tables of the report.
func (r *crowdResult) String() string {
	var b strings.Builder
	total := 0
	fmt.Fprintf(&b, "| command | how often | median | longest |\n| --- | --- | --- | --- |\n")
	for _, kind := range slices.Sorted(maps.Keys(r.commands)) {
		took := r.commands[kind]
		slices.Sort(took)
		total += len(took)
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", kind, len(took), duration(took[len(took)/2]), duration(took[len(took)-1]))
	}
	fmt.Fprintf(&b, "| all | %d | | |\n\n", total)
	fmt.Fprintf(&b, "| answer of the API server | how often |\n| --- | --- |\n")
	for _, code := range slices.Sorted(maps.Keys(r.answers)) {
		fmt.Fprintf(&b, "| %d %s | %d |\n", code, http.StatusText(code), r.answers[code])
	}
	return b.String()
}

func (r *manyResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| command | grants | wall time | CPU | peak memory | requests |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, probe := range probes() {
		for _, at := range []struct {
			grants int
			costs  map[string]cost
		}{{1, r.few}, {r.grants, r.many}} {
			c := at.costs[probe.name]
			fmt.Fprintf(&b, "| `%s` | %d | %s | %s | %.1f MB | %d |\n", probe.name, at.grants, duration(c.wall), duration(c.cpu), float64(c.memory)/1e6, c.requests)
		}
	}
	return b.String()
}

func duration(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// writeReport writes the file that the documentation has.
func writeReport(ctx context.Context, file string, p *place, begin time.Time, crowd *crowdResult, many *manyResult) error {
	version, err := p.apolo(ctx, many.owner, "secret", "--version")
	if err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Under load

Written by `+"`make load`"+`, which replaces all of it, and fails where something is lost, left over or answered wrongly.

|  |  |
| --- | --- |
| machine | %s, %d cores |
| this product | %s |
| API server | %s |
| load average afterwards | %s |
| date | %s |

## %d processes at once

For %s, %d processes at a time worked on one namespace: each added, read, listed, granted, revoked, moved and removed
its own secrets, and all of them granted one secret to their own users. Every answer was compared with what
earlier ones had acknowledged. Afterwards the namespace held exactly what was acknowledged: %d secrets with their
values and %d grants; %d removed secrets and %d revoked grants were gone, and no Role or RoleBinding was left over. The
audit log has no answer of 500 or above. With a last %s everything was gone.

%s
409 is the answer to all but one of those who change the same RoleBinding at once: they try again. 404 is that for a
level that nobody has yet. The longest times are those of waiting for a turn on a busy machine.

## %d grants in one namespace

%d secrets, each granted to %d users, one of them the guest; every tenth key is one that can't be the name of a
Kubernetes Secret. The grants took %s, %d at a time. Wall time, CPU and memory are of the process, medians of %d
runs; requests are those in the audit log.

%s
Kubernetes looks through all RoleBindings of a namespace for each request of somebody who is not its administrator
by a ClusterRoleBinding: that is what grows with the number of grants where the command itself does nothing more.
`,
		processor(), runtime.NumCPU(), strings.TrimSpace(version.stdout), p.cluster.KubernetesVersion, strings.Join(strings.Fields(string(load))[:3], ", "),
		begin.UTC().Format("2006-01-02 15:04 UTC"),
		crowd.processes, duration(crowd.lasted), crowd.processes, crowd.secrets, crowd.grants, crowd.removed, crowd.revoked, "`secret rm`", crowd,
		many.grants, many.secrets, perSecret, duration(many.took), granters, samples, many)
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// processor is its name, where the system says it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return strings.TrimLeft(name, "\t :")
		}
	}
	return runtime.GOARCH
}
