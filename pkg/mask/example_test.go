package mask_test

import (
	"encoding/base64"
	"fmt"
	"os"

	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
)

func Example() {
	log := mask.New(os.Stdout, mask.Options{Values: [][]byte{[]byte("p@$$w0rd123")}})
	fmt.Fprintln(log, "login with p@$$w0rd123")
	fmt.Fprint(log, "in pieces: p@$$")
	fmt.Fprintln(log, "w0rd123")
	fmt.Fprintln(log, "header:", base64.StdEncoding.EncodeToString([]byte("alice:p@$$w0rd123")))
	if err := log.Flush(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// login with ***
	// in pieces: ***
	// header: YWxpY2U6***
}
