// Command kubectl-apolo_job is the plugin for "kubectl apolo job".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/job"
)

func main() { os.Exit(job.Main()) }
