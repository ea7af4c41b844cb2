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
