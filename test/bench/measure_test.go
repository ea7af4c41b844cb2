package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

// testRunner has a launcher, and a folder as PATH.
func testRunner(t *testing.T) *runner {
	t.Helper()
	work := t.TempDir()
	r, err := newRunner(t.Context(), &options{bin: work, pairs: 3, slowPairs: 2}, &cluster{Cluster: &local.Cluster{BinDir: work}}, work)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shell(script string) func(int) []step { return always("/bin/sh", "-c", script) }

func TestCompareTakesTurnsAndLeavesOutTheWarmUp(t *testing.T) {
	r := testRunner(t)
	log := filepath.Join(r.bin, "log")
	checked := 0
	c := comparison{
		offline: true,
		ours: side{label: "a", steps: shell("echo a | tee -a " + log), check: func(output []byte) error {
			checked++
			if string(output) != "a\n" {
				t.Errorf("checked the output %q", output)
			}
			return nil
		}},
		theirs: side{label: "b", steps: func(int) []step { return append(shell("echo b >> "+log)(0), shell("sleep 0.1")(0)...) }},
	}
	got, err := r.compare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := os.ReadFile(log); err != nil || string(order) != strings.Repeat("a\nb\n", 4) {
		t.Errorf("ran in the order %q, %v", order, err)
	}
	if checked != 1 {
		t.Errorf("checked %d outputs, want that of the warm-up", checked)
	}
	for _, q := range []quantity{wall, cpu, memory} {
		if len(got.oursSamples[q]) != 3 || len(got.theirsSamples[q]) != 3 {
			t.Errorf("%v: %d and %d samples, want 3", q, len(got.oursSamples[q]), len(got.theirsSamples[q]))
		}
	}
	if spreadOf(got.theirsSamples[wall]).low < 0.1 || spreadOf(got.oursSamples[memory]).low < 100e3 {
		t.Errorf("implausible: %v, %v", got.theirsSamples, got.oursSamples)
	}
}

// A small command must not be charged with the memory of the program that measures it.
func TestMemoryIsTheCommandsOwn(t *testing.T) {
	ballast := bytes.Repeat([]byte{1}, 64<<20)
	into := samples{}
	err := testRunner(t).once(t.Context(), side{steps: shell("true")}, 0, "", into, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := into[memory][0]; got > 16e6 {
		t.Errorf("sh took %.0f bytes while the test had %d", got, len(ballast))
	}
	_ = ballast[0]
}

func TestOnceScales(t *testing.T) {
	into := samples{}
	s := side{steps: shell("sleep 0.05"), scale: 50}
	if err := testRunner(t).once(t.Context(), s, 0, "", into, io.Discard); err != nil {
		t.Fatal(err)
	}
	if into[wall][0] < 2.5 || into[memory][0] > 50e6 {
		t.Errorf("scaled to %v: times are to be, memory is not", into)
	}
}

func TestFailureIsAnError(t *testing.T) {
	r := testRunner(t)
	bad := errors.New("not what was expected")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		side side
		want string
	}{
		"exit code":    {t.Context(), side{label: "x", steps: shell("echo why >&2; exit 3")}, "ended with 3: why"},
		"no such file": {t.Context(), side{label: "x", steps: always("/nowhere")}, "no such file"},
		"wrong output": {t.Context(), side{label: "x", steps: shell("true"), check: func([]byte) error { return bad }}, bad.Error()},
		"interrupted":  {ended, side{label: "x", steps: shell("true")}, context.Canceled.Error()},
	} {
		_, err := r.compare(test.ctx, comparison{offline: true, ours: test.side, theirs: test.side})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestLines(t *testing.T) {
	for output, good := range map[string]bool{"": false, "a\n": false, "a\nb\n": true, "a\nb\nc\n": true} {
		if err := lines(2)([]byte(output)); (err == nil) != good {
			t.Errorf("%q: %v", output, err)
		}
	}
}
