// Package output is what commands print beside plain lines: tables, and what -o asks for.
package output

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// The formats that every command prints the same way, with kubectl's words. Those of templates need
// one after a "=".
const (
	formatJSON              = "json"
	formatYAML              = "yaml"
	formatGoTemplate        = "go-template"
	formatGoTemplateFile    = "go-template-file"
	formatJSONPath          = "jsonpath"
	formatJSONPathFile      = "jsonpath-file"
	formatCustomColumns     = "custom-columns"
	formatCustomColumnsFile = "custom-columns-file"
)

// templateFormats are those that take a template.
func templateFormats() []string {
	return []string{formatGoTemplate, formatGoTemplateFile, formatJSONPath, formatJSONPathFile, formatCustomColumns, formatCustomColumnsFile}
}

// Format is the flag -o.
type Format struct {
	// Name is the word before any "=", known once Validate was called.
	Name string

	typed   string
	own     []string // words of the command itself
	printer printers.ResourcePrinter
}

// New makes a flag -o that takes, beside the formats that all commands know, these words.
func New(own ...string) *Format { return &Format{own: own} }

func (o *Format) words() []string {
	return slices.Concat(o.own, []string{formatJSON, formatYAML}, templateFormats())
}

// Flag is the flag itself.
func (o *Format) Flag() cli.Flag {
	offered := slices.Concat(o.own, []string{formatJSON, formatYAML})
	for _, format := range templateFormats() {
		offered = append(offered, format+"=")
	}
	return &chosenFlag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.typed,
		Usage: "print as `FORMAT`: " + strings.Join(o.words(), ", ") + "; templates as in jsonpath='{.items[*].key}'"}, offered}
}

// chosenFlag is a flag whose values are known.
type chosenFlag struct {
	*cli.StringFlag
	words []string
}

// Choices are the words that the value can be.
func (f *chosenFlag) Choices() []string { return f.words }

// Given reports whether the flag was given.
func (o *Format) Given() bool { return o.typed != "" }

// Choose sets the format for a command that was not told any.
func (o *Format) Choose(format string) { o.typed = format }

// Validate reads the format, and its template where it has one. Whatever is wrong with them is an error in
// how the command was typed: it is known before anything is done.
func (o *Format) Validate() error {
	word, template, hasTemplate := strings.Cut(o.typed, "=")
	takesTemplate := slices.Contains(templateFormats(), word)
	switch {
	case o.typed == "":
		return nil
	case !slices.Contains(o.words(), word), hasTemplate && !takesTemplate:
		return cmdline.CheckOneOf("output format", o.typed, o.words()...)
	case takesTemplate && template == "":
		return cmdline.Usagef("-o %s needs a template: -o %s=…", word, word)
	}
	o.Name = word
	if strings.HasSuffix(word, "-file") {
		var err error
		if template, err = readTemplate(template); err != nil {
			return cmdline.Usagef("-o %s: %s", word, err)
		}
	}
	var err error
	switch word {
	case formatJSON:
		o.printer = &printers.JSONPrinter{}
	case formatYAML:
		o.printer = &printers.YAMLPrinter{}
	case formatGoTemplate, formatGoTemplateFile:
		o.printer, err = printers.NewGoTemplatePrinter([]byte(template))
	case formatJSONPath, formatJSONPathFile:
		var printer *printers.JSONPathPrinter
		if printer, err = printers.NewJSONPathPrinter(template); err == nil {
			printer.AllowMissingKeys(true) // as kubectl has it
			o.printer = printer
		}
	case formatCustomColumns:
		o.printer, err = newColumns(template)
	case formatCustomColumnsFile:
		o.printer, err = newColumnsOfFile(template)
	}
	if err != nil {
		return cmdline.Usagef("-o %s: %s", word, err)
	}
	return nil
}

func readTemplate(path string) (string, error) {
	path, err := cmdline.HomePath(path)
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path) // #nosec G304 -- the file that the user names
	return string(content), err
}

// IsObject reports whether the format is one that Print knows.
func (o *Format) IsObject() bool { return o.printer != nil }

// Print prints an object as -o says, with the printers that kubectl has. The object is a map of the kinds that
// JSON knows, or a pointer to a struct with JSON tags.
//
// A template that fails halfway prints nothing: kubectl's printers would add the whole object, and with it
// whatever must not be seen.
func (o *Format) Print(out io.Writer, object any) error {
	content, ok := object.(map[string]any)
	if !ok {
		var err error
		if content, err = runtime.DefaultUnstructuredConverter.ToUnstructured(object); err != nil {
			return err
		}
	}
	var printed bytes.Buffer
	var err error
	if path, ok := o.printer.(*printers.JSONPathPrinter); ok {
		err = path.Execute(&printed, content) // its PrintObj puts the object into errors
	} else {
		err = o.printer.PrintObj(&unstructured.Unstructured{Object: content}, &printed)
	}
	if err != nil {
		return fmt.Errorf("-o %s: %w", o.Name, err)
	}
	text := printed.Bytes()
	if cmdline.IsTerminal(out) { // JSON and YAML leave some of what reorders text as it is
		text = []byte(sanitize.Text(printed.String()))
	}
	_, err = out.Write(text)
	return err
}
