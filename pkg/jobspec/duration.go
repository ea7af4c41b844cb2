package jobspec

import (
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/xhit/go-str2duration/v2"
	"k8s.io/utils/ptr"
)

// MaxDuration is the longest time that a job can be given: Kubernetes counts the seconds that a pod may
// run, and those until a Job is deleted, in 31 bits.
const MaxDuration = math.MaxInt32 * time.Second

// tooLong matches what ParseDuration would read if there were no limit.
var tooLong = regexp.MustCompile(`^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h|d|w))+$`)

// ParseDuration reads a time such as 1d2h3m4s, any part of it, or 0. A day has 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	d, err := str2duration.ParseDuration(s)
	switch {
	case d > MaxDuration, err != nil && tooLong.MatchString(s):
		return 0, fmt.Errorf("%q is too long: the longest possible time is %s", s, FormatDuration(MaxDuration))
	case err != nil, d < 0:
		return 0, fmt.Errorf("%q is not a time: write something like 1d2h3m4s, 90m or 0", s)
	}
	return d, nil
}

// FormatDuration writes a time as ParseDuration reads it.
func FormatDuration(d time.Duration) string { return str2duration.String(d) }

// Seconds is a time in whole seconds, at least one; nil for none.
func Seconds(d time.Duration) *int64 {
	if d <= 0 {
		return nil
	}
	return ptr.To(max(1, int64(d/time.Second)))
}

func seconds32(d time.Duration) *int32 {
	if s := Seconds(d); s != nil {
		return ptr.To(int32(min(*s, 1<<31-1))) // #nosec G115 -- it is the minimum
	}
	return nil
}

// OfSeconds is as much of a number of seconds as a Duration can hold.
func OfSeconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Second))) * time.Second
}
