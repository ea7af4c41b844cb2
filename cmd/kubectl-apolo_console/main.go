// Command kubectl-apolo_console is the plugin for "kubectl apolo console".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/console"
)

func main() { os.Exit(console.Main()) }
