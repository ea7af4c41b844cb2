package sanitize_test

import (
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

func ExampleLine() {
	fmt.Println(sanitize.Line("\x1b[31mred\x1b[0m\r\nnext line"))
	// Output: \x1b[31mred\x1b[0m\r\nnext line
}

func ExampleText() {
	fmt.Println(sanitize.Text("one\ntwo\x1b]52;c;aGk=\x07"))
	// Output:
	// one
	// two\x1b]52;c;aGk=\a
}
