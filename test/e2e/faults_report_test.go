package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var everyFault = flag.Bool("every-fault", false, "inject at every request of every command, and write the table in docs/reliability.md")

// slowness is how long a slow request takes. Commands wait for a minute where nothing else is said.
func slowness() time.Duration {
	if *everyFault {
		return 10 * time.Second
	}
	return time.Second
}

// reliabilityPage has the table between two marks.
const (
	reliabilityPage = "../../docs/reliability.md"
	tableBegins     = "<!-- The table is written by 'make reliability'. -->\n"
	tableEnds       = "<!-- Here it ends. -->\n"
)

// column is a column of the table: faults that a user can't tell apart.
type column struct {
	heading string
	kinds   []faultKind
}

var columns = []column{
	{"cut before", []faultKind{cutBefore}},
	{"cut within", []faultKind{cutBody}},
	{"cut after", []faultKind{cutAfter}},
	{"10 s, within the limit", []faultKind{slow}},
	{"beyond the limit", []faultKind{late}},
	{"429", []faultKind{busy}},
	{"500, 503", []faultKind{failing, unavailable}},
	{"409", []faultKind{conflict}},
	{"401", []faultKind{unauthorized}},
	{"half an answer", []faultKind{half}},
	{"web page, nothing", []faultKind{webPage, emptyBody, badGateway}},
}

// The words of the table.
const (
	done       = "done"
	fails      = "fails"
	doneOrNot  = "either"
	notStruck  = "–"
	tableIntro = "| command | requests |"
)

// observed is what came of commands with an injected fault. It is safe for use by several goroutines.
type observed struct {
	lock sync.Mutex
	rows map[string]*row
}

type row struct {
	requests string
	outcomes map[string]string // by heading
}

// add takes down how a command ended with a kind of fault.
func (o *observed) add(c faultCase, m faultKind, ended outcome) {
	o.lock.Lock()
	defer o.lock.Unlock()
	name := cmp.Or(c.row, c.name)
	if o.rows == nil {
		o.rows = map[string]*row{}
	}
	if o.rows[name] == nil {
		count := fmt.Sprint(len(c.requests) + len(c.streams))
		if c.requests == nil {
			count = "many"
		}
		o.rows[name] = &row{requests: count, outcomes: map[string]string{}}
	}
	i := slices.IndexFunc(columns, func(column column) bool { return slices.Contains(column.kinds, m) })
	if i < 0 {
		return
	}
	how := fails
	if ended.code == 0 {
		how = done
	}
	outcomes := o.rows[name].outcomes
	if before := outcomes[columns[i].heading]; before != "" && before != how {
		how = doneOrNot
	}
	outcomes[columns[i].heading] = how
}

// table is what was observed, with the rows of an older one for what was not.
func (o *observed) table(older map[string]string) string {
	var b strings.Builder
	b.WriteString(tableIntro)
	for _, column := range columns {
		b.WriteString(" " + column.heading + " |")
	}
	b.WriteString("\n" + strings.Repeat("| --- ", len(columns)+2) + "|\n")
	lines := maps.Clone(older)
	for name, row := range o.rows {
		line := fmt.Sprintf("| %s | %s |", name, row.requests)
		for _, column := range columns {
			line += " " + cmp.Or(row.outcomes[column.heading], notStruck) + " |"
		}
		lines[name] = line + "\n"
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(lines[name])
	}
	return b.String()
}

// report writes the table where a fault was injected into every request, and otherwise compares what was seen with the table that
// is there.
func (o *observed) report(t *testing.T) {
	content, err := os.ReadFile(reliabilityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), tableBegins)
	table, after, ended := strings.Cut(rest, tableEnds)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table", reliabilityPage)
	}
	lines, committed := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] != "command" && cells[0] != "---" {
			lines[cells[0]], committed[cells[0]] = line, cells[1:]
		}
	}
	if *everyFault {
		if err := os.WriteFile(reliabilityPage, []byte(before+tableBegins+o.table(lines)+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, row := range o.rows {
		cells := committed[name]
		if len(cells) != len(columns)+1 || cells[0] != row.requests {
			t.Errorf("%s: the row for %q is not of this test (%q): run 'make reliability'", reliabilityPage, name, cells)
			continue
		}
		for i, column := range columns {
			if seen := row.outcomes[column.heading]; seen != "" && seen != cells[i+1] && cells[i+1] != doneOrNot {
				t.Errorf("%s says that %q with %q is %q, and it was %q", reliabilityPage, name, column.heading, cells[i+1], seen)
			}
		}
	}
}

// TestFaults injects faults into every command, and compares what comes of it with docs/reliability.md.
func TestFaults(t *testing.T) {
	t.Parallel()
	o := &observed{}
	t.Run("of", func(t *testing.T) {
		for name, group := range map[string]func(*testing.T, *observed){
			"secret": faultsOfSecret,
			"acl":    faultsOfAcl,
			"run":    faultsOfRun,
			"job":    faultsOfJob,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group(t, o)
			})
		}
	})
	o.report(t)
}
