package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// row is a line of a table.
type row []string

// topicResult is a section of the report.
type topicResult struct {
	topic
	header row
	rows   []row
}

// words for a target.
const (
	reachedText    = "reached"
	notReachedText = "**not reached**"
	nothing        = "–"
)

// measure measures a topic and prints its rows as they come.
func (r *runner) measure(ctx context.Context, t topic) (topicResult, error) {
	result := topicResult{topic: t}
	if t.table != nil {
		var err error
		result.header, result.rows, err = t.table(ctx)
		for _, row := range result.rows {
			print(row)
		}
		return result, err
	}
	result.header = row{"command", "", t.columns[0], t.columns[1], "ratio", "target", ""}
	err := t.compare(ctx, func(c comparison) error {
		if !r.within.MatchString(c.ours.label) {
			return nil
		}
		measured, err := r.compare(ctx, c)
		if err != nil {
			return err
		}
		if c.items > 0 {
			r.grew(c.items, measured)
		}
		rows := comparisonRows(measured)
		for _, row := range rows {
			print(row)
		}
		result.rows = append(result.rows, rows...)
		return nil
	})
	return result, err
}

func print(r row) { fmt.Println(strings.TrimRight(strings.Join(r, "  "), " ")) }

func comparisonRows(c compared) []row {
	var rows []row
	what := fmt.Sprintf("`%s`<br>or `%s`", c.ours.label, strings.ReplaceAll(c.theirs.label, ", ", "`, `"))
	for _, o := range outcomes(c) {
		limit, verdict := nothing, ""
		combined := formatSpread(o.compared, formatRatio)
		if o.target != nil {
			verdict = notReachedText
			if o.reached {
				verdict = reachedText
			}
			switch o.target.of {
			case theRatio:
				limit = "≤ " + formatRatio(o.target.limit)
			case theDifference:
				limit = "≤ +" + format(o.quantity)(o.target.limit)
				combined = signed(o.compared.median, format(o.quantity))
			case itself:
				limit = "≤ " + format(o.quantity)(o.target.limit) + " of its own"
			}
		}
		one := format(o.quantity)
		rows = append(rows, row{what, o.quantity.String(), formatSpread(o.ours, one), formatSpread(o.theirs, one), combined, limit, verdict})
		what = ""
	}
	return rows
}

// sizes compares the binaries with what they may have.
func (r *runner) binaries(context.Context) (header row, rows []row, err error) {
	header = row{"binary", "size", "target", ""}
	for _, b := range []struct {
		name  string
		limit float64 // in bytes; 0: none
	}{
		{"kubectl-apolo", 4e6}, {"kubectl-apolo_secret", 18e6}, {"kubectl-apolo_run", 22e6}, {"kubectl-apolo_job", 22e6},
		{"kubectl-apolo_acl", 20e6}, {"kubectl-apolo_share", 20e6}, {"kubectl-apolo_doctor", 20e6},
	} {
		if !r.has(b.name) {
			continue
		}
		info, err := os.Stat(r.product(b.name))
		if err != nil {
			return header, nil, err
		}
		verdict := notReachedText
		if (target{itself, b.limit}).reached(float64(info.Size())) {
			verdict = reachedText
		}
		rows = append(rows, row{"`" + b.name + "`", formatBytes(float64(info.Size())), "≤ " + formatBytes(b.limit), verdict})
	}
	info, err := os.Stat(r.kubectl)
	if err != nil {
		return header, nil, err
	}
	return header, append(rows, row{"kubectl, to compare", formatBytes(float64(info.Size())), nothing, ""}), nil
}

// formatter puts a figure into words.
type formatter func(float64) string

func format(q quantity) formatter {
	switch q {
	case wall, cpu:
		return formatTime
	case requests:
		return formatCount
	}
	return formatBytes
}

func formatSpread(s spread, f formatter) string {
	if math.IsNaN(s.median) {
		return nothing
	}
	if f(s.low) == f(s.high) {
		return f(s.median)
	}
	return fmt.Sprintf("%s (%s to %s)", f(s.median), f(s.low), f(s.high))
}

func signed(value float64, f formatter) string {
	if value < 0 {
		return "−" + f(-value)
	}
	return "+" + f(value)
}

func formatTime(seconds float64) string {
	switch {
	case seconds < 0.01:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	case seconds < 10:
		return fmt.Sprintf("%.2f s", seconds)
	}
	return fmt.Sprintf("%.0f s", seconds)
}

func formatBytes(n float64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%.0f B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", n/1e3)
	}
	return fmt.Sprintf("%.1f MB", n/1e6)
}

func formatCount(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// formatRatio keeps two digits that matter.
func formatRatio(r float64) string {
	if r < 0.1 {
		return fmt.Sprintf("%.3f", r)
	}
	return fmt.Sprintf("%.2f", r)
}

// machine is where and with what was measured.
type machine []row

func describeMachine(ctx context.Context, r *runner) (machine, error) {
	product, err := r.output(ctx, r.product("kubectl-apolo"), "--version")
	if err != nil {
		return nil, err
	}
	kubectl, err := r.output(ctx, r.kubectl, "version", "--client", "-o", "json")
	if err != nil {
		return nil, err
	}
	build, err := buildinfo.ReadFile(r.kubectl)
	if err != nil {
		return nil, err
	}
	server, err := r.cluster.serverVersion(ctx)
	if err != nil {
		return nil, err
	}
	m := machine{{"processor", fmt.Sprintf("%s, %d cores", processor(), runtime.NumCPU())}}
	if kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		m = append(m, row{"memory", fmt.Sprintf("%.0f GiB", kilobytes/(1<<20))})
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m = append(m, row{"kernel", runtime.GOOS + " " + strings.TrimSpace(string(kernel)) + ", " + runtime.GOARCH})
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m = append(m, row{"load average before the run", strings.Join(strings.Fields(string(load))[:3], ", ")})
	}
	return append(m,
		row{"this product", product},
		row{"kubectl", quoted(kubectl, "gitVersion") + " (" + build.GoVersion + ")"},
		row{"API server", server},
		row{"date", time.Now().UTC().Format("2006-01-02 15:04 UTC")},
	), nil
}

func processor() string {
	for _, name := range []string{"model name", "Model", "Processor"} {
		if model := field("/proc/cpuinfo", name); model != "" {
			return model
		}
	}
	return runtime.GOARCH
}

// field returns what a file of /proc says of a name, or nothing.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		key, value, _ := strings.Cut(scanner.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// quoted returns the string that a name has in JSON.
func quoted(json, name string) string {
	_, rest, _ := strings.Cut(json, `"`+name+`": "`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

const method = `Whole processes are measured, as a shell would start them: wall time from start to end, CPU as user and
system time, peak memory as the largest resident size. This product and kubectl run in turn, after a
warm-up in which the output of both is checked, so kubectl has found the API of the server before; what
else the machine does concerns both. Each figure is the median, with the smallest and the largest in
brackets. A ratio is the median of the ratios pair by pair, so less than 1 means that this product takes less.
Where kubectl needs several commands, their times are added. Bytes received (TLS and headers included)
and requests are counted in a few separate runs, through a proxy that would slow down the others.

Other work on the same cores makes times longer and their spread wider; ratios bear it best. The cluster
is on the same machine, so there is no network in between: over a real one, fewer bytes and requests count for more.
`

// render writes the report.
func render(m machine, results []topicResult) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make bench`, which replaces all of it.\n\n## Machine and versions\n\n")
	b.WriteString(table(row{"", ""}, m))
	b.WriteString("\n## Method\n\n" + method)
	for _, t := range results {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", t.title, t.text, table(t.header, t.rows))
	}
	return b.String()
}

func table(header row, rows []row) string {
	var b strings.Builder
	line := func(r row) {
		b.WriteString("|")
		for _, cell := range r {
			b.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	line(header)
	b.WriteString("|" + strings.Repeat(" --- |", len(header)) + "\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}
