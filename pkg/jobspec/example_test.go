package jobspec_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

func ExampleParseDuration() {
	fmt.Println(jobspec.ParseDuration("1d2h"))
	// Output: 26h0m0s <nil>
}
