package cmdline

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

const (
	// maxMemory is what a command may take, in bytes. Listing 10,000 secrets takes a thirtieth of it. Answers of a
	// server are bounded (pkg/kube), but what they become is not: two bytes can be an empty object of a thousand.
	maxMemory = 1 << 30
	// memoryPace is how often it is looked at; most commands have ended before the first time.
	memoryPace = 50 * time.Millisecond
)

// withinMemory returns the result of run, or ends with ExitFailed as soon as the process has more than limit bytes
// of memory. run goes on then: the process must end.
func withinMemory(limit uint64, errOut io.Writer, run func() int) int {
	ended := make(chan int, 1)
	go func() { ended <- run() }()
	ticker := time.NewTicker(memoryPace)
	defer ticker.Stop()
	var stats runtime.MemStats
	for {
		select {
		case code := <-ended:
			return code
		case <-ticker.C:
			runtime.ReadMemStats(&stats)
			if stats.Sys-stats.HeapReleased > limit {
				fmt.Fprintf(errOut, "error: this takes more than %d MiB of memory: the API server answers with too much, or a file is too large\n", limit>>20)
				return ExitFailed
			}
		}
	}
}
