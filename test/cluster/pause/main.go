// Command pause is the only process of a pod's sandbox: it keeps the pod's
// namespaces alive and does nothing else. It ends at once when asked to,
// because the time a pod takes to go away is the time its slowest process
// takes.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// In a pod that shares one process namespace this process is the parent
	// of every orphan; with SIGCHLD ignored the kernel reaps them by itself.
	signal.Ignore(syscall.SIGCHLD)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
