package cmdline

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// Table writes rows in the look of Apolo's command line: an empty line, the headings, a rule from
// ╶ to ╴, and the rows indented by two. Cells come from the cluster and are made harmless; they
// are never cut or wrapped, so that they can be copied.
func Table(w io.Writer, headings []string, rows [][]string) error {
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
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = sanitize.Line(cell)
		}
		if err := table.Append(clean); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}

	out := bufio.NewWriter(w)
	fmt.Fprintln(out)
	for line := range bytes.Lines(b.Bytes()) {
		fmt.Fprintf(out, "%s\n", bytes.TrimRight(line, " \n"))
	}
	return out.Flush()
}
