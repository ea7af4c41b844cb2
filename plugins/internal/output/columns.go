package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// columns prints a table of what the user chose: -o custom-columns. The printer that kubectl has for it is in
// k8s.io/kubectl, which would bring the clients of every kind of object.
type columns struct {
	headings []string
	paths    []*jsonpath.JSONPath
}

// newColumns reads HEADING:PATH,HEADING:PATH…
func newColumns(spec string) (*columns, error) {
	c := &columns{}
	for part := range strings.SplitSeq(spec, ",") {
		heading, path, ok := strings.Cut(part, ":")
		if !ok || path == "" {
			return nil, fmt.Errorf("%q is not HEADING:PATH, such as KEY:.key", part)
		}
		if err := c.add(heading, path); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// newColumnsOfFile reads a line of headings and a line with a path for each.
func newColumnsOfFile(content string) (*columns, error) {
	lines := bufio.NewScanner(strings.NewReader(content))
	var words [2][]string
	for i := range words {
		if lines.Scan() {
			words[i] = strings.Fields(lines.Text())
		}
	}
	if len(words[0]) == 0 || len(words[0]) != len(words[1]) {
		return nil, errors.New("the file must have a line of headings, and a line with one path for each")
	}
	c := &columns{}
	for i, heading := range words[0] {
		if err := c.add(heading, words[1][i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// relaxed is what kubectl takes for a path: {.a.b}, {a.b}, .a.b or a.b.
var relaxed = regexp.MustCompile(`^\{?\.?([^{}]+)\}?$`)

func (c *columns) add(heading, path string) error {
	match := relaxed.FindStringSubmatch(path)
	if match == nil || strings.HasPrefix(path, "{") != strings.HasSuffix(path, "}") {
		return fmt.Errorf("unexpected path %q, use .a.b or {.a.b}", path)
	}
	parsed := jsonpath.New(heading).AllowMissingKeys(true)
	if err := parsed.Parse("{." + match[1] + "}"); err != nil {
		return err
	}
	c.headings, c.paths = append(c.headings, heading), append(c.paths, parsed)
	return nil
}

// PrintObj prints a row for the object, or for each item of a list.
func (c *columns) PrintObj(object runtime.Object, w io.Writer) error {
	content := object.(*unstructured.Unstructured).Object
	rows := []any{content}
	if items, ok := content["items"].([]any); ok {
		rows = items
	}
	out := tabwriter.NewWriter(w, 6, 4, 3, ' ', 0)
	fmt.Fprintln(out, strings.Join(c.headings, "\t"))
	for _, row := range rows {
		cells := make([]string, len(c.paths))
		for i, path := range c.paths {
			found, err := path.FindResults(row)
			if err != nil {
				return err
			}
			cells[i] = cell(found)
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	return out.Flush()
}

// cell is all that a path found in a row.
func cell(found [][]reflect.Value) string {
	var texts []string
	for _, values := range found {
		for _, value := range values {
			if !value.IsValid() || value.CanInterface() && value.Interface() == nil {
				texts = append(texts, "<none>")
				continue
			}
			texts = append(texts, sanitize.Line(fmt.Sprint(value.Interface())))
		}
	}
	if len(texts) == 0 {
		return "<none>"
	}
	return strings.Join(texts, ",")
}
