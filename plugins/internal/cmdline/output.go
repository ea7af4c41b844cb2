package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/printers"
)

// Output is the flag -o. Other than json and yaml, which every command prints the same way, its
// words are the command's own.
type Output struct {
	Format string
	words  []string
}

// NewOutput makes a flag -o that takes these words.
func NewOutput(words ...string) *Output { return &Output{words: words} }

// Flag is the flag itself.
func (o *Output) Flag() cli.Flag {
	return &chosenFlag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.Format,
		Usage: "print as `FORMAT`: " + strings.Join(o.words, ", ")}, o.words}
}

// chosenFlag is a flag whose values are known.
type chosenFlag struct {
	*cli.StringFlag
	words []string
}

func (f *chosenFlag) choices() []string { return f.words }

// Validate refuses words that the command does not know.
func (o *Output) Validate() error {
	if o.Format != "" && !slices.Contains(o.words, o.Format) {
		return Usagef("-o %q is not one of %s", o.Format, strings.Join(o.words, ", "))
	}
	return nil
}

// IsObject tells whether the format is one that Session.PrintObject knows.
func (o *Output) IsObject() bool { return o.Format == "json" || o.Format == "yaml" }

// PrintObject prints as -o json or -o yaml say, with the printers that kubectl has.
func (s *Session) PrintObject(o *Output, object map[string]any) error {
	var printer printers.ResourcePrinter = &printers.JSONPrinter{}
	if o.Format == "yaml" {
		printer = &printers.YAMLPrinter{}
	}
	return printer.PrintObj(&unstructured.Unstructured{Object: object}, s.Out)
}
