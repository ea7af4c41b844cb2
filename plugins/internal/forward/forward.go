// Package forward makes ports of a job reachable from this machine while a command runs, and shows
// them in a browser.
package forward

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// answerTimeout is how long one attempt to reach a job over HTTP may take.
const answerTimeout = 5 * time.Second

// ParsePairs reads what was typed for ports. Its errors are those of usage.
func ParsePairs(texts []string) ([]remote.PortPair, error) {
	var pairs []remote.PortPair
	taken := map[uint16]bool{}
	for _, text := range texts {
		pair, err := remote.ParsePortPair(text)
		if err != nil {
			return nil, cmdline.Usagef("%s", err)
		}
		if pair.Local != 0 && taken[pair.Local] {
			return nil, cmdline.Usagef("port %d of this machine is given twice", pair.Local)
		}
		taken[pair.Local] = true
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

// Forwarder forwards ports of one job. The zero value forwards none.
type Forwarder struct {
	// Line tells something on the user's terminal. It is set before Follow is called first.
	Line func(format string, args ...any)
	// Hide keeps what goes wrong with single connections from the terminal: another program has it.
	Hide bool

	ports   *remote.Ports
	browse  uint16 // the job's port to show; 0: none
	lookup  jobspec.Lookup
	pod     atomic.Value // string: the pod that runs the job
	waiting atomic.Bool  // for the job's first answer: that there is none yet is no news
	begun   bool
	stop    context.CancelFunc
	group   sync.WaitGroup
}

// Open opens the local ports, so that one in use is known before anything else is done.
func Open(pairs []remote.PortPair) (*Forwarder, error) {
	ports, err := remote.ListenPorts(pairs)
	if err != nil {
		return nil, err
	}
	return &Forwarder{ports: ports}, nil
}

// Browse opens a browser as soon as the job's port answers over HTTP; lookup finds what the user
// calls a browser. The port must be one of those that were opened.
func (f *Forwarder) Browse(port uint16, lookup jobspec.Lookup) {
	f.browse, f.lookup = port, lookup
	f.waiting.Store(true)
}

// Follow hears of every state of the job, and begins with the first in which it runs.
func (f *Forwarder) Follow(ctx context.Context, client *jobs.Client, job jobs.Ref, state jobstatus.State) {
	f.pod.Store(state.Pod)
	if f.ports == nil || f.begun || !state.Started || state.Phase.Final() {
		return
	}
	f.begun = true
	for _, pair := range f.ports.Pairs {
		f.Line("localhost:%d is port %d of job/%s", pair.Local, pair.Remote, job.Name)
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.group.Go(func() {
		_ = client.Forward(ctx, job.Namespace, func() string { return f.pod.Load().(string) }, f.ports, f.notice)
	})
	if f.browse != 0 {
		f.group.Go(func() { f.show(ctx, job) })
	}
}

func (f *Forwarder) notice(text string) {
	if !f.Hide && !f.waiting.Load() {
		f.Line("%s", text)
	}
}

// Close ends all forwarding.
func (f *Forwarder) Close() {
	if f.stop != nil {
		f.stop()
	}
	if f.ports != nil {
		f.ports.Close()
	}
	f.group.Wait()
}

// show waits until the job answers, and opens a browser.
func (f *Forwarder) show(ctx context.Context, job jobs.Ref) {
	var url string
	for _, pair := range f.ports.Pairs {
		if pair.Remote == f.browse {
			url = fmt.Sprintf("http://localhost:%d", pair.Local)
		}
	}
	if !answers(ctx, url) {
		return
	}
	f.waiting.Store(false)
	f.Line("job/%s answers at %s", job.Name, url)
	go func() { // a browser may run for longer than the job
		if err := openBrowser(url, f.lookup); err != nil {
			f.Line("no browser could be opened (%s): open %s yourself", err, url)
		}
	}()
}

// answers waits for an answer over HTTP, whatever it says.
func answers(ctx context.Context, url string) bool {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 1.5, Steps: 8, Cap: time.Second}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		if answer, err := client.Do(request); err == nil {
			answer.Body.Close()
			return true
		}
		select {
		case <-time.After(backoff.Step()):
		case <-ctx.Done():
			return false
		}
	}
}
