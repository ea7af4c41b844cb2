// Package duration reads and writes lengths of time as users of Apolo write them: 1d2h3m4s, where a day has 24 hours.
package duration

import (
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/xhit/go-str2duration/v2"
)

// Max is the longest time that is accepted: Kubernetes counts the seconds that a pod may run, and those until a Job is
// deleted, in 31 bits.
const Max = math.MaxInt32 * time.Second

// tooLong matches what Parse would read if there were no limit.
var tooLong = regexp.MustCompile(`^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h|d|w))+$`)

// Parse reads a time such as 1d2h3m4s, any part of it, or 0. A day has 24 hours.
func Parse(s string) (time.Duration, error) {
	d, err := str2duration.ParseDuration(s)
	switch {
	case d > Max, err != nil && tooLong.MatchString(s):
		return 0, fmt.Errorf("%q is too long: the longest possible time is %s", s, Format(Max))
	case err != nil, d < 0:
		return 0, fmt.Errorf("%q is not a time: write something like 1d2h3m4s, 90m or 0", s)
	}
	return d, nil
}

// Format writes a time as Parse reads it.
func Format(d time.Duration) string { return str2duration.String(d) }

// ParseTime reads a time as 2026-01-31T12:00:00Z (RFC 3339), without its zone, which is here's then, and without its
// seconds; or a date, which is its first moment here.
func ParseTime(s string, here *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, here); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write something like 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00Z", s)
}
