package joblog

import "time"

// position is how far a log was written. Times are nanoseconds since 1970.
//
// The last line is known by its time, and where several lines have the same one, by how many of them
// there were. So a stream that was opened again is read, in the order of the file, up to this
// very line: no time is compared with another, and a clock that was set back does no harm.
type position struct {
	started bool
	written int64 // bytes of the last line, with its end
	latest  int64 // the latest time of all lines
	from    int64 // opens the next stream early enough for this time, too; 0 for none

	// recent are the times of the last lines, each with the number of lines in a row that have it.
	recent [16]struct{ time, lines int64 }
	last   int // index in recent
}

func (p *position) lastTime() int64 { return p.recent[p.last].time }

// linesAt counts the lines with the time of the last line.
func (p *position) linesAt() int64 {
	var lines int64
	for _, r := range p.recent {
		if r.time == p.lastTime() {
			lines += r.lines
		}
	}
	return lines
}

func (p *position) begin(time int64) {
	if !p.started || p.lastTime() != time {
		p.last = (p.last + 1) % len(p.recent)
		p.recent[p.last] = struct{ time, lines int64 }{time, 0}
	}
	p.recent[p.last].lines++
	if !p.started || time > p.latest {
		p.latest = time
	}
	p.started, p.written, p.from = true, 0, 0
}

// since is where a new stream must begin to hold the last line.
func (p *position) since() time.Time {
	if !p.started {
		return time.Time{}
	}
	from := p.lastTime()
	if p.from != 0 {
		from = min(from, p.from)
	}
	return time.Unix(0, from).Add(-sinceMargin).Truncate(time.Second)
}
