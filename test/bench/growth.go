package main

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// growthPairs is how often each size is measured.
const growthPairs = 3

var growthHeader = row{"command", "items", "wall time", "CPU", "peak memory", "received", "requests", "kubectl: wall time", "CPU", "peak memory", "received", "requests", "ratio of the wall times"}

// sized measures a comparison at one size, for the table of how cost grows.
func (r *runner) sized(ctx context.Context, items int, c comparison) error {
	if c.pairs == 0 {
		c.pairs = min(growthPairs, r.pairs)
	}
	measured, err := r.compare(ctx, c)
	if err != nil {
		return err
	}
	r.grew(items, measured)
	return nil
}

// grew notes a comparison that was measured.
func (r *runner) grew(items int, measured compared) {
	line := row{fmt.Sprintf("`%s`<br>or `%s`", measured.ours.label, measured.theirs.label), fmt.Sprint(items)}
	ratioOfTimes := spread{math.NaN(), math.NaN(), math.NaN()}
	var theirs row
	for _, o := range outcomes(measured) {
		line = append(line, format(o.quantity)(o.ours.median))
		theirs = append(theirs, format(o.quantity)(o.theirs.median))
		if o.quantity == wall {
			ratioOfTimes = spreadOf(pairwise(measured.oursSamples[wall], measured.theirsSamples[wall], ratio))
		}
	}
	line = append(append(line, theirs...), formatSpread(ratioOfTimes, formatRatio))
	r.growth = append(r.growth, line)
}

// growthTopic measures what depends on the number and size of secrets; what depends on namespaces and jobs was measured
// with the sections on these.
func (r *runner) growthTopic(ctx context.Context) (header row, rows []row, err error) {
	noted := slices.Clone(r.growth)
	r.growth = nil
	for _, series := range r.sizes.secrets {
		home, err := r.cluster.home(ctx, "alice", fmt.Sprintf("grows-%d", series.bytes))
		if err != nil {
			return growthHeader, nil, err
		}
		there := 0
		for _, count := range series.counts {
			if err := r.fillFrom(ctx, home.namespace, there, count, "key-%06d", series.bytes); err != nil {
				return growthHeader, nil, err
			}
			there = count
			if err := r.growSecrets(ctx, home, count, series.bytes); err != nil {
				return growthHeader, nil, err
			}
		}
	}
	return growthHeader, append(r.growth, noted...), nil
}

func (r *runner) growSecrets(ctx context.Context, home account, count, size int) error {
	plugin := r.product("kubectl-apolo_secret")
	of := fmt.Sprintf(" (secrets of %d KiB)", size>>10)
	for _, c := range []comparison{{
		ours:   side{label: "secret ls" + of, as: home, steps: always(plugin, "ls"), check: lines(count)},
		theirs: side{label: "kubectl get secrets", as: home, steps: always(r.kubectl, "get", "secrets"), check: lines(count)},
	}, {
		ours: side{label: "secret get KEY" + of, as: home, steps: always(plugin, "get", "key-000001")},
		theirs: side{label: "kubectl get secret KEY -o go-template=…", as: home,
			steps: always(r.kubectl, "get", "secret", "key-000001", "-o", `go-template={{index .data "key-000001" | base64decode}}`)},
	}} {
		if err := r.sized(ctx, count, c); err != nil {
			return err
		}
	}
	if size > 1<<10 {
		return nil // values are not moved: the same as with small ones
	}
	return r.sized(ctx, count, comparison{
		// Or it would stop in time, with what has come by then.
		ours:   side{label: "secret get TAB" + of, as: home, steps: always("/usr/bin/env", "APOLO_COMPLETION_TIMEOUT=1m", r.product("kubectl_complete-apolo"), "secret", "get", ""), check: lines(count)},
		theirs: side{label: "kubectl get secret TAB", as: home, steps: always(r.kubectl, "__complete", "get", "secret", ""), check: lines(count)},
	})
}
