package jobs

import (
	"fmt"
	"time"

	"github.com/xhit/go-str2duration/v2"
)

// ParseDuration reads a time such as 1d2h3m4s, any part of it, or 0. A day has 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	d, err := str2duration.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a time: write something like 1d2h3m4s, 90m or 0", s)
	}
	return d, nil
}

// FormatDuration writes a time as ParseDuration reads it.
func FormatDuration(d time.Duration) string { return str2duration.String(d) }
