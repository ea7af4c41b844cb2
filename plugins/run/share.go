package run

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/progress"
)

// podPatience is how long a command that detaches waits for the pod of a job that it shares, and
// shareTimeout how long it may take to share one: the log must not wait for it.
const (
	podPatience  = 30 * time.Second
	shareTimeout = 10 * time.Second
)

// sharing is --share: with whom, and which pods they may use already.
type sharing struct {
	names cmdline.Strings
	with  []grantee.Grantee
	pods  []string
}

func (s *sharing) flag() cli.Flag {
	return &cli.GenericFlag{Name: "share", Value: &s.names,
		Usage: "let `USER` see this job and its log, run commands in it (and so see its secrets) and end it; also group:NAME and sa:NAMESPACE:NAME; may be given several times"}
}

func (s *sharing) complete() error {
	for _, name := range s.names {
		parsed, err := grantee.Parse(name)
		if err != nil {
			return cmdline.Usagef("--share: %s", err)
		}
		s.with = append(s.with, parsed)
	}
	return nil
}

// saw is an Observer's: each attempt is another pod.
func (s *sharing) saw(ctx context.Context, api *jobs.Client, job jobs.Ref, state jobstatus.State, complain func(string, ...any)) {
	if len(s.with) == 0 || state.Pod == "" || slices.Contains(s.pods, state.Pod) {
		return
	}
	s.pods = append(s.pods, state.Pod)
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	if err := api.SharePods(ctx, job, s.pods); err != nil && ctx.Err() == nil {
		complain("%s", err)
	}
}

// shareDetached shares the pod of a job that is to be left, as soon as there is one.
func (o *options) shareDetached(ctx context.Context, api *jobs.Client, job jobs.Ref) {
	if len(o.share.with) == 0 {
		return
	}
	show := progress.New(o.Session, job)
	ctx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	_, err := api.Watch(ctx, job, jobs.Observer{State: func(state jobstatus.State) {
		o.share.saw(ctx, api, job, state, show.Line)
		if len(o.share.pods) > 0 {
			cancel()
		}
	}})
	if len(o.share.pods) == 0 {
		if ctx.Err() != nil {
			show.Line("job/%s has no pod yet: %s may see and end it, but not see its log", job.Name, strings.Join(o.share.names, ", "))
			return
		}
		show.Line("%s", err)
	}
}
