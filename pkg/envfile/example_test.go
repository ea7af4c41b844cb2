package envfile_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
)

func ExampleLines() {
	for line, err := range envfile.Lines("# settings\nSTAGE=test\nTOKEN=\"with quotes\" #1\nHOME\nConnectionStrings:Default=y\n1ST=x\nexport A=b\n") {
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
	// 5: ConnectionStrings:Default is y, bare: false
	// 6: 1ST is x, bare: false
	// line 7: invalid name of a variable in a file: it contains white space
}
