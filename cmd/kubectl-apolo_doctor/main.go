// Command kubectl-apolo_doctor is the plugin for "kubectl apolo doctor".
package main

import (
	"os"

	"github.com/neuro-inc/kubectl-apolo/plugins/doctor"
)

func main() { os.Exit(doctor.Main()) }
