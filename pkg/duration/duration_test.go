package duration

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90m": 90 * time.Minute, "1d2h3m4s": 26*time.Hour + 3*time.Minute + 4*time.Second, "0s": 0, "1.5h": 90 * time.Minute, "2w": 14 * 24 * time.Hour,
		"24855d3h14m7s": Max, Format(Max): Max,
	} {
		if got, err := Parse(text); got != want || err != nil {
			t.Errorf("Parse(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"24855d3h14m8s": "the longest possible time is 3550w5d3h14m7s", "106752d": "is too long", "15250w3d": "is too long", "99999999999999999999h": "is too long",
		"1.5d999999w": "is too long", "": "is not a time", "1": "is not a time", "-1s": "is not a time", "-999999d": "is not a time", "1 d": "is not a time", "1y": "is not a time",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %s, %v; want an error with %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1d2h3m4s", "0", "1.5h", "-1s", "1w", "9999h", "1ns"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(Format(d)); again != d || err != nil || d < 0 {
			t.Errorf("%q is %v, written %q and read as %v, %v", s, d, Format(d), again, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	here := time.FixedZone("here", 3600)
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, here)
	for text, want := range map[string]time.Time{
		"2026-01-31T11:00:00Z": noon, "2026-01-31T12:00:00+01:00": noon, "2026-01-31T12:00:00": noon, "2026-01-31T12:00": noon, "2026-01-31 12:00": noon,
		"2026-01-31 12:00:00": noon, "2026-01-31": noon.Add(-12 * time.Hour),
	} {
		if got, err := ParseTime(text, here); err != nil || !got.Equal(want) {
			t.Errorf("ParseTime(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "12:00", "tomorrow", "8h", "2026-02-30", "31.01.2026", "2026-01-31T25:00"} {
		if got, err := ParseTime(text, here); err == nil {
			t.Errorf("ParseTime(%q) = %s", text, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31", "9999-12-31T23:59:59.999999999+23:59"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseTime(s, time.UTC)
		if err != nil {
			return
		}
		if again, err := ParseTime(at.Format(time.RFC3339Nano), time.UTC); err != nil || !again.Equal(at) {
			t.Errorf("%q is %s, and then %s, %v", s, at, again, err)
		}
	})
}
