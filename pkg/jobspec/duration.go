package jobspec

import (
	"math"
	"time"

	"k8s.io/utils/ptr"
)

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
