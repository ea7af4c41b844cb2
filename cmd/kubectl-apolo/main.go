// Command kubectl-apolo is kubectl apolo, and apolo where it is installed under that name.
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/dispatch"
)

func main() { os.Exit(dispatch.Main()) }
