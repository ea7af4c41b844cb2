package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// consoleTopic has test/console/bench measure in a browser.
func (r *runner) consoleTopic(ctx context.Context) (header row, rows []row, err error) {
	header = row{"until", "median (smallest to largest)", "of it, work of the page's main thread", "target", ""}
	if !r.has("kubectl-apolo_console") {
		return header, nil, nil
	}
	full, err := r.cluster.home(ctx, "alice", "console")
	if err != nil {
		return header, nil, err
	}
	if err := r.fill(ctx, full.namespace, r.sizes.console, "key-%04d"); err != nil {
		return header, nil, err
	}
	kubeconfig, err := r.cluster.kubeconfig(full)
	if err != nil {
		return header, nil, err
	}
	result := filepath.Join(r.home, "console.json")
	command := exec.CommandContext(ctx, filepath.Join("test", "console", "run.sh"), "--config", "bench")
	command.Env = append(os.Environ(), "CONSOLE="+r.product("kubectl-apolo_console"), "KUBECONFIG="+kubeconfig,
		fmt.Sprintf("SECRETS=%d", r.sizes.console), "RESULT="+result)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return header, nil, fmt.Errorf("%w\n%s", err, &output)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return header, nil, err
	}
	type figure struct{ Time, Work float64 } // in milliseconds
	var measured struct{ First, Again, Secrets []figure }
	if err := json.Unmarshal(data, &measured); err != nil {
		return header, nil, err
	}
	for _, one := range []struct {
		what    string
		figures []figure
		limit   float64 // in seconds; 0: none
	}{
		{"the dashboard is usable, for the first time", measured.First, 0.3},
		{"the dashboard is usable, with the page's files in the cache", measured.Again, 0.3},
		{fmt.Sprintf("%d secrets are listed, opening the page included", r.sizes.console), measured.Secrets, 0.5},
	} {
		times, work := make([]float64, len(one.figures)), make([]float64, len(one.figures))
		for i, figure := range one.figures {
			times[i], work[i] = figure.Time/1e3, figure.Work/1e3
		}
		s := spreadOf(times)
		verdict := notReachedText
		if (target{itself, one.limit}).reached(s.median) {
			verdict = reachedText
		}
		rows = append(rows, row{one.what, formatSpread(s, formatTime), formatSpread(spreadOf(work), formatTime), "≤ " + formatTime(one.limit), verdict})
	}
	return header, rows, nil
}
