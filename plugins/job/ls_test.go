package job

import (
	"testing"
	"time"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"2026-01-30":           time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC),
		"2026-01-30T01:02:03Z": time.Date(2026, 1, 30, 1, 2, 3, 0, time.UTC),
		"1d12h":                time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseMoment("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "2026-13-01", "1"} {
		if got, err := parseMoment("since", text, now); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func FuzzParseSince(f *testing.F) {
	f.Add("2026-01-30")
	f.Add("1d12h")
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseMoment("since", text, now)
		if _, dateErr := time.Parse(time.RFC3339, text); err == nil && dateErr != nil && len(text) != len(time.DateOnly) && got.After(now) {
			t.Errorf("%q ago is %s", text, got)
		}
	})
}
