package duration_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
)

func ExampleParse() {
	fmt.Println(duration.Parse("1d2h"))
	// Output: 26h0m0s <nil>
}
