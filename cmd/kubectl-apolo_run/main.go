// Command kubectl-apolo_run is the plugin for "kubectl apolo run".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/run"
)

func main() { os.Exit(run.Main()) }
