// Command kubectl-apolo_share is the plugin for "kubectl apolo share".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/acl"
)

func main() { os.Exit(acl.ShareMain()) }
