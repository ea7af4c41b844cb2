// Command kubectl-apolo_acl is the plugin for "kubectl apolo acl".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/acl"
)

func main() { os.Exit(acl.Main()) }
