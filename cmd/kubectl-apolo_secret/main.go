// Command kubectl-apolo_secret is the plugin for "kubectl apolo secret".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/secret"
)

func main() { os.Exit(secret.Main()) }
