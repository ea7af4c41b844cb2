package output

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// Between and before the columns of a table.
const (
	columnGap = "   "
	rowIndent = "  "
)

// Table writes rows in the look of Apolo's command line: an empty line, the headings, a rule from
// ╶ to ╴, and the rows indented by two. Cells come from the cluster and are made harmless; they
// are never cut or wrapped, so that they can be copied.
//
// tablewriter lays out a table that has the widest cell of each column for its only row, and the
// other rows follow that layout: laying out a thousand rows would take it 10 ms and 3 MB, more than
// all else that secret ls does in the process (docs/decisions/0004).
func Table(w io.Writer, headings []string, rows [][]string) error {
	return PaintedTable(w, headings, rows, func(_ int, cell string) string { return cell })
}

// PaintedTable is Table with a function that paints a cell of a column, once it is harmless.
func PaintedTable(w io.Writer, headings []string, rows [][]string, paint func(column int, cell string) string) error {
	widest := make([]string, len(headings))
	clean := make([][]string, len(rows))
	for i, row := range rows {
		clean[i] = make([]string, len(row))
		for j, cell := range row {
			clean[i][j] = sanitize.Line(cell)
			if displaywidth.String(clean[i][j]) > displaywidth.String(widest[j]) {
				widest[j] = clean[i][j]
			}
		}
	}
	frame, err := layout(headings, [][]string{widest})
	if err != nil {
		return err
	}
	widths := make([]int, len(headings))
	for i, heading := range headings {
		widths[i] = max(displaywidth.String(heading), displaywidth.String(widest[i]))
	}

	out := bufio.NewWriter(w)
	out.WriteString("\n" + frame[0] + "\n" + frame[1] + "\n") // bufio keeps errors for Flush
	for _, row := range clean {
		gap := rowIndent
		for i, cell := range row {
			if cell != "" { // no spaces at the end of a line
				out.WriteString(gap + paint(i, cell))
				gap = ""
			}
			gap += strings.Repeat(" ", widths[i]-displaywidth.String(cell)) + columnGap
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// layout draws a whole table: the headings, the rule and the rows, without spaces at the ends.
func layout(headings []string, rows [][]string) (lines []string, err error) {
	symbols := tw.NewSymbolCustom("apolo").
		WithRow("─").WithCenter("─").WithColumn(" ").
		WithMidLeft("╶").WithHeaderLeft("╶").
		WithMidRight("╴").WithHeaderRight("╴")
	var b bytes.Buffer
	table := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Symbols: symbols,
			Borders: tw.Border{Left: tw.On, Right: tw.On, Top: tw.Off, Bottom: tw.Off},
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.On, BetweenRows: tw.Off, ShowHeader: tw.On},
				Lines:      tw.Lines{ShowHeaderLine: tw.On},
			},
		})),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
	)
	table.Header(headings)
	if err := table.Bulk(rows); err != nil {
		return nil, err
	}
	if err := table.Render(); err != nil {
		return nil, err
	}
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines, nil
}
