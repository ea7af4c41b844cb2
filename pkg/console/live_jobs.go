package console

import (
	"context"
	"reflect"
	"sync"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

// hub shares one watch among all pages of a visitor that show the same jobs.
type hub struct {
	mutex sync.Mutex
	feeds map[feedKey]*feed
}

// feedKey tells feeds apart. Guests never share one: each is a separate visitor.
type feedKey struct {
	visitor            visitor
	cluster, namespace string
}

// feed is the jobs of a namespace, as long as somebody looks at them.
type feed struct {
	stop context.CancelFunc

	mutex     sync.Mutex
	listeners map[chan struct{}]struct{}
	now       snapshot
}

// snapshot is what is known at a moment. Its rows are never changed.
type snapshot struct {
	rows    []Job // nil: nothing is known yet
	trouble string
	over    error // where not nil: why there will be no more
}

// join begins to listen, and begins the watch if nobody did before. news gets a token whenever the
// snapshot has changed.
func (h *hub) join(ctx context.Context, key feedKey, api *jobs.Client) (f *feed, news chan struct{}, leave func()) {
	news = make(chan struct{}, 1)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	f = h.feeds[key]
	if f == nil {
		watching, stop := context.WithCancel(ctx)
		f = &feed{stop: stop, listeners: map[chan struct{}]struct{}{}}
		if h.feeds == nil {
			h.feeds = map[feedKey]*feed{}
		}
		h.feeds[key] = f
		go h.run(watching, key, f, api)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.listeners[news] = struct{}{}
	news <- struct{}{} // what is known already
	return f, news, func() { h.leave(key, f, news) }
}

func (h *hub) leave(key feedKey, f *feed, news chan struct{}) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.listeners, news)
	if len(f.listeners) == 0 {
		f.stop()
		if h.feeds[key] == f {
			delete(h.feeds, key)
		}
	}
}

func (h *hub) run(ctx context.Context, key feedKey, f *feed, api *jobs.Client) {
	err := api.Follow(ctx, jobs.ListOptions{Trouble: func(err error) {
		if err != nil {
			f.set(func(s *snapshot) { s.trouble = sanitize.Line(err.Error()) })
		}
	}}, func(found []jobstatus.Job) {
		list := rows(found, true)
		f.set(func(s *snapshot) { s.rows, s.trouble = list, "" })
	})
	if ctx.Err() != nil {
		return // nobody listens
	}
	h.mutex.Lock()
	if h.feeds[key] == f {
		delete(h.feeds, key) // who comes next tries again
	}
	h.mutex.Unlock()
	f.set(func(s *snapshot) { s.trouble, s.over = sanitize.Line(err.Error()), err })
}

func (f *feed) set(change func(*snapshot)) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	change(&f.now)
	for news := range f.listeners {
		select {
		case news <- struct{}{}:
		default: // it has not come to the last one yet, and will see both at once
		}
	}
}

func (f *feed) snapshot() snapshot {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.now
}

// streamJobs tells a page what changes among the jobs.
func (s *Server) streamJobs(socket *socket, place Where, _ string) {
	socket, stop := socket.listenOnly()
	defer stop()
	client, api, err := socket.session.jobs(place)
	if err != nil {
		_ = socket.send(JobsFrame{Type: "trouble", Error: sanitize.Line(err.Error())})
		return
	}
	feed, news, leave := s.hub.join(s.ctx, feedKey{socket.session.visitor, client.Cluster, client.Namespace}, api)
	defer leave()
	page := shown{}
	for {
		select {
		case <-news:
		case <-socket.ctx.Done():
			return
		}
		now := feed.snapshot()
		for _, frame := range page.update(now) {
			if socket.send(frame) != nil {
				return
			}
		}
		if now.over != nil {
			s.endRefused(socket.session, now.over)
			return
		}
	}
}

// shown is what a page has been told.
type shown struct {
	jobs    map[string]Job // by UID; nil: nothing
	trouble string
}

// update returns the messages after which the page knows a snapshot.
func (p *shown) update(now snapshot) []JobsFrame {
	if now.trouble != "" {
		if now.trouble == p.trouble {
			return nil
		}
		*p = shown{trouble: now.trouble}
		return []JobsFrame{{Type: "trouble", Error: now.trouble}}
	}
	if now.rows == nil {
		return nil
	}
	before := p.jobs
	*p = shown{jobs: make(map[string]Job, len(now.rows))}
	for _, job := range now.rows {
		p.jobs[job.UID] = job
	}
	if before == nil {
		return []JobsFrame{{Type: "list", Items: now.rows}}
	}
	var frames []JobsFrame
	for uid, job := range before {
		if _, ok := p.jobs[uid]; !ok {
			frames = append(frames, JobsFrame{Type: "delete", Name: job.Name, UID: uid})
		}
	}
	for _, job := range now.rows {
		if old, ok := before[job.UID]; !ok || !reflect.DeepEqual(old, job) {
			frames = append(frames, JobsFrame{Type: "set", Job: &job})
		}
	}
	return frames
}
