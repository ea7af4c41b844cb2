package console

import (
	"bytes"
	"os"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// The page's types are made from this file, so that it must be what the server does.
func TestAPIDescriptionIsCurrent(t *testing.T) {
	want, err := console.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("web/src/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Error("web/src/api/openapi.json is not what the server answers; run 'make web-api'")
	}
}
