package cmdline

import (
	"fmt"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// maxMemory is what a command may take, in bytes. Listing 10,000 secrets takes a thirtieth of it. Answers of a
	// server are bounded (pkg/kube), but what they become is not: two bytes can be an empty object of a thousand.
	maxMemory = 1 << 30
	// memoryPace is how often memory is measured; most commands have ended before the first time. A command that follows a
	// job for days, with little memory, should hardly be noticed: it waits for idlePace.
	memoryPace = 50 * time.Millisecond
	idlePace   = 250 * time.Millisecond
)

// withinMemory returns the result of run, or ends with ExitFailed as soon as the process has more than limit bytes
// of memory. run continues then: the process must end.
func withinMemory(limit uint64, errOut io.Writer, run func() int) int {
	// From here on what is no longer used is collected sooner: several large answers may be read at the same time.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(maxMemory / 4))
	ended := make(chan int, 1)
	go func() { ended <- run() }()
	timer := time.NewTimer(memoryPace)
	defer timer.Stop()
	// Unlike runtime.ReadMemStats, these are read without stopping the other goroutines.
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for {
		select {
		case code := <-ended:
			return code
		case <-timer.C:
			metrics.Read(sample)
			used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
			if used > limit {
				fmt.Fprintf(errOut, "error: this takes more than %d MiB of memory: the API server answers with too much, or a file is too large\n", limit>>20)
				return ExitFailed
			}
			if used < maxMemory/16 {
				timer.Reset(idlePace)
			} else {
				timer.Reset(memoryPace)
			}
		}
	}
}
