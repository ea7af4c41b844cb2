package envfile_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
)

func ExampleLines() {
	for line, err := range envfile.Lines("# settings\nSTAGE=test\nTOKEN=\"with quotes\" #1\nHOME\n1ST=x\n") {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%d: %s is %s, bare: %v\n", line.Number, line.Name, line.Value, line.Bare)
	}
	// Output:
	// 2: STAGE is test, bare: false
	// 3: TOKEN is "with quotes" #1, bare: false
	// 4: HOME is , bare: true
	// line 5: invalid name of a variable: use letters, digits, '_', '-' and '.', no digit first
}
