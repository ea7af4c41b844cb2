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
