package main

import (
	"math"
	"slices"
)

// spread is what is said of a series of figures.
type spread struct{ median, low, high float64 }

// spreadOf returns NaN for all where there are no figures.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return spread{median, sorted[0], sorted[len(sorted)-1]}
}

// pairwise combines the n-th of ours with the n-th of theirs. Both ran one after the other, so what
// else the machine did concerns both.
func pairwise(ours, theirs []float64, combine func(a, b float64) float64) []float64 {
	n := min(len(ours), len(theirs))
	combined := make([]float64, n)
	for i := range n {
		combined[i] = combine(ours[i], theirs[i])
	}
	return combined
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

func difference(a, b float64) float64 { return a - b }

// against says what a target limits.
type against int

const (
	theRatio      against = iota // our figure divided by theirs
	theDifference                // our figure less theirs
	itself                       // our figure
)

// target is a figure not to be exceeded.
type target struct {
	of    against
	limit float64
}

// reached judges by the median. What can't be compared is not reached.
func (t target) reached(value float64) bool { return value <= t.limit }

// outcome is one quantity of a comparison, ready to be judged.
type outcome struct {
	quantity     quantity
	ours, theirs spread
	compared     spread // the ratio, or the difference where the target is one
	target       *target
	reached      bool
}

func outcomes(c compared) []outcome {
	var all []outcome
	for _, q := range quantities {
		ours, theirs := c.oursSamples[q], c.theirsSamples[q]
		if len(ours) == 0 {
			continue
		}
		o := outcome{quantity: q, ours: spreadOf(ours), theirs: spreadOf(theirs)}
		combine := ratio
		if t, ok := c.targets[q]; ok {
			o.target = &t
			if t.of == theDifference {
				combine = difference
			}
		}
		o.compared = spreadOf(pairwise(ours, theirs, combine))
		if o.target != nil {
			judged := o.compared.median
			if o.target.of == itself {
				judged = o.ours.median
			}
			o.reached = o.target.reached(judged)
		}
		all = append(all, o)
	}
	return all
}
