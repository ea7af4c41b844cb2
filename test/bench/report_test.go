package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{formatTime(0.0012), "1.2 ms"},
		{formatTime(0.0621), "62 ms"},
		{formatTime(1.234), "1.23 s"},
		{formatTime(72.4), "72 s"},
		{formatBytes(12), "12 B"},
		{formatBytes(3456), "3.5 kB"},
		{formatBytes(15876258), "15.9 MB"},
		{formatRatio(0.0148), "0.015"},
		{formatRatio(0.25), "0.25"},
		{formatRatio(2), "2.00"},
		{formatCount(3), "3"},
		{formatSpread(spread{0.06, 0.05, 0.07}, formatTime), "60 ms (50 ms to 70 ms)"},
		{formatSpread(spread{3, 3, 3}, formatCount), "3"},
		{formatSpread(spread{42510, 42500, 42520}, formatBytes), "42.5 kB"},
		{formatSpread(spread{math.NaN(), 0, 0}, formatCount), "–"},
		{signed(0.002, formatTime), "+2.0 ms"},
		{signed(-0.002, formatTime), "−2.0 ms"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestComparisonRows(t *testing.T) {
	c := compared{
		comparison: comparison{
			ours: side{label: "secret ls"}, theirs: side{label: "kubectl a, kubectl b"},
			targets: map[quantity]target{wall: {theRatio, 0.25}, cpu: {itself, 0.8}, memory: {theDifference, 1e6}},
		},
		oursSamples:   samples{wall: {0.1}, cpu: {0.9}, memory: {3e6}, requests: {2}},
		theirsSamples: samples{wall: {0.5}, cpu: {1}, memory: {1e6}, requests: {4}},
	}
	want := []row{
		{"`secret ls`<br>or `kubectl a`, `kubectl b`", "wall time", "100 ms", "500 ms", "0.20", "≤ 0.25", "reached"},
		{"", "CPU", "900 ms", "1.00 s", "0.90", "≤ 800 ms of its own", "**not reached**"},
		{"", "peak memory", "3.0 MB", "1.0 MB", "+2.0 MB", "≤ +1.0 MB", "**not reached**"},
		{"", "requests", "2", "4", "0.50", "–", ""},
	}
	if got := comparisonRows(c); !slices.EqualFunc(got, want, slices.Equal[row]) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestRender(t *testing.T) {
	got := render(machine{{"memory", "1 kB"}}, []topicResult{{
		topic: topic{title: "Sizes", text: "Stripped."}, header: row{"binary", "size"}, rows: []row{{"a|b", "1 MB"}},
	}})
	if !strings.HasPrefix(got, "# Benchmarks\n") || !strings.Contains(got, "\n| memory | 1 kB |\n") {
		t.Errorf("the head is not as expected:\n%s", got)
	}
	if want := "\n## Sizes\n\nStripped.\n\n| binary | size |\n| --- | --- |\n| a\\|b | 1 MB |\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant it to end with\n%s", got, want)
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		`{"gitVersion": "v1.34.4", "x": "y"}`: "v1.34.4",
		`{"other": "v1"}`:                     "",
	} {
		if got := quoted(in, "gitVersion"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
