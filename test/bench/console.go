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
	header = row{"until", "by the clock", "work of the page", "work of the Console's server", "work of both, or growth", "target for that", ""}
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
		fmt.Sprintf("SECRETS=%d", r.sizes.console), fmt.Sprintf("REFRESHES=%d", r.sizes.refreshes), "RESULT="+result)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return header, nil, fmt.Errorf("%w\n%s", err, &output)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return header, nil, err
	}
	type figure struct{ Time, Page, Server float64 } // in milliseconds
	type growth struct{ Before, After float64 }      // in bytes
	var measured struct {
		Bare, First, Again, Secrets []figure
		Memory                      struct{ Page, Server growth }
	}
	if err := json.Unmarshal(data, &measured); err != nil {
		return header, nil, err
	}
	for _, one := range []struct {
		what    string
		figures []figure
		limit   float64 // in seconds; 0: none
	}{
		{"a bare page of another server has its button: the browser alone", measured.Bare, 0},
		{"the dashboard is usable, for the first time", measured.First, 0.3},
		{"the dashboard is usable, with the page's files in the cache", measured.Again, 0.3},
		{fmt.Sprintf("%d secrets are listed, opening the page included", r.sizes.console), measured.Secrets, 0.5},
	} {
		var times, page, server, own []float64
		for _, figure := range one.figures {
			times = append(times, figure.Time/1e3)
			page = append(page, figure.Page/1e3)
			server = append(server, figure.Server/1e3)
			own = append(own, (figure.Page+figure.Server)/1e3)
		}
		limit, verdict := nothing, ""
		if one.limit > 0 {
			limit, verdict = "≤ "+formatTime(one.limit), notReachedText
			if (target{itself, one.limit}).reached(spreadOf(own).median) {
				verdict = reachedText
			}
		}
		rows = append(rows, row{one.what, formatSpread(spreadOf(times), formatTime), formatSpread(spreadOf(page), formatTime),
			formatSpread(spreadOf(server), formatTime), formatSpread(spreadOf(own), formatTime), limit, verdict})
	}
	for _, one := range []struct {
		what string
		growth
	}{
		{"memory of the page, without garbage", measured.Memory.Page},
		{"memory of the Console's server, at most", measured.Memory.Server},
	} {
		grown, verdict := one.After/one.Before, notReachedText
		if (target{itself, constant}).reached(grown) {
			verdict = reachedText
		}
		rows = append(rows, row{fmt.Sprintf("%s, over %d refreshes of that list: %s at first, %s at the end", one.what, r.sizes.refreshes, formatBytes(one.Before), formatBytes(one.After)),
			"", "", "", formatRatio(grown), "≤ " + formatRatio(constant), verdict})
	}
	return header, rows, nil
}

// constant is how much memory may grow that is to stay the same.
const constant = 1.1
