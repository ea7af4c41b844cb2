package mask

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	value := "p@$$w0rd \"quoted\" \\ <é>\nline\x00two"
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	for message, want := range map[string]string{
		"":                                    "",
		"nothing of it":                       "nothing of it",
		"it is " + value + ".":                "it is ***.",
		`{"data":{"k":"` + encoded + `"}}`:    `{"data":{"k":"***"}}`,
		fmt.Sprintf("env %q bad", "T="+value): `env "T=***" bad`,
		`{"T":"p@$$w0rd \"quoted\" \\ \u003cé\u003e\nline\u0000two"}`: `{"T":"***"}`,
		"cut off: p@$$w0rd \"quoted\" \\ <...":                        "cut off: ***",
		"cut off: " + encoded[:28] + "...":                            "cut off: ***",
		"two: " + value + " and " + encoded + ", and no end":          "two: *** and ***, and no end",
	} {
		if got := Text(message, [][]byte{[]byte(value), []byte("pin")}); got != want {
			t.Errorf("%q is %q, want %q", message, got, want)
		}
	}
	if got := Text("a pin", [][]byte{[]byte("pin")}); got != "a pin" {
		t.Errorf("a short value is hidden: %q", got)
	}
	long := strings.Repeat("MIIEvQIBADANBgkq\n", 1000)
	if got := Text("refused: "+base64.StdEncoding.EncodeToString([]byte(long))[:4000], [][]byte{[]byte(long)}); got != "refused: ***" {
		t.Errorf("%.60q", got)
	}
}
