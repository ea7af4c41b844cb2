package main

import (
	"math"
	"slices"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   spread
	}{
		"one":            {[]float64{3}, spread{3, 3, 3}},
		"odd":            {[]float64{9, 1, 4}, spread{4, 1, 9}},
		"even":           {[]float64{4, 1, 2, 100}, spread{3, 1, 100}},
		"an outlier":     {[]float64{2, 2, 2, 2, 90}, spread{2, 2, 90}},
		"negative, zero": {[]float64{0, -1, 1}, spread{0, -1, 1}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if got := spreadOf(nil); !math.IsNaN(got.median) || !math.IsNaN(got.low) || !math.IsNaN(got.high) {
		t.Errorf("nothing: %v, want NaN", got)
	}
}

func TestSpreadOfLeavesTheOrder(t *testing.T) {
	values := []float64{3, 1, 2}
	spreadOf(values)
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("the values became %v", values)
	}
}

func TestPairwise(t *testing.T) {
	for name, test := range map[string]struct {
		ours, theirs []float64
		combine      func(a, b float64) float64
		want         []float64
	}{
		"ratios":       {[]float64{1, 3}, []float64{2, 4}, ratio, []float64{0.5, 0.75}},
		"differences":  {[]float64{1, 3}, []float64{2, 1}, difference, []float64{-1, 2}},
		"one too many": {[]float64{1, 3}, []float64{2}, ratio, []float64{0.5}},
		"none":         {nil, nil, ratio, nil},
	} {
		if got := pairwise(test.ours, test.theirs, test.combine); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if got := ratio(1, 0); !math.IsNaN(got) {
		t.Errorf("1 / 0 is %v, want NaN", got)
	}
}

// The median of the ratios is not the ratio of the medians: a slow moment of the machine that both
// sides share must not count.
func TestOutcomesJudgePairs(t *testing.T) {
	c := compared{
		oursSamples:   samples{wall: {1, 10, 2}, cpu: {0.7, 0.9, 0.7}, memory: {30, 30, 30}},
		theirsSamples: samples{wall: {2, 20, 4}, cpu: {0.1, 0.1, 0.1}, memory: {60, 60, 60}},
	}
	c.targets = map[quantity]target{wall: {theRatio, 0.5}, cpu: {itself, 0.8}, memory: {theDifference, -31}}
	got := outcomes(c)
	if len(got) != 3 {
		t.Fatalf("%d outcomes, want 3: what was not measured is left out", len(got))
	}
	for i, want := range []struct {
		quantity quantity
		compared spread
		reached  bool
	}{
		{wall, spread{0.5, 0.5, 0.5}, true},
		{cpu, spread{7, 7, 9}, true},
		{memory, spread{-30, -30, -30}, false},
	} {
		o := got[i]
		near := math.Abs(o.compared.median-want.compared.median) < 1e-9
		if o.quantity != want.quantity || !near || o.reached != want.reached {
			t.Errorf("%v: compared %v, reached %v; want %v: %v, %v", o.quantity, o.compared, o.reached, want.quantity, want.compared, want.reached)
		}
	}
}

func TestWhatCannotBeComparedIsNotReached(t *testing.T) {
	if (target{theRatio, 1}).reached(math.NaN()) {
		t.Error("NaN reached a target")
	}
}
