package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	batchv1 "k8s.io/api/batch/v1"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"github.com/neuro-inc/kubectl-apolo/pkg/joblog"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/spool"
)

// waitingLog is how many bytes of a log are kept at most for a page that does not take them, in a file: a
// server has many visitors.
const waitingLog = 64 << 20

// streamLog sends the log of a job until it ends, with the values of its secrets hidden.
func (s *Server) streamLog(socket *socket, place Where, name string) {
	socket, stop := socket.listenOnly()
	defer stop()
	if err := s.copyLog(socket, place, name); err != nil && socket.ctx.Err() == nil {
		_ = socket.send(LogFrame{Error: sanitize.Line(err.Error())})
		s.endRefused(socket.session, err)
	}
}

func (s *Server) copyLog(socket *socket, place Where, name string) error {
	_, api, err := socket.session.jobs(place)
	if err != nil {
		return err
	}
	job, err := api.Get(socket.ctx, name)
	if err != nil {
		return err
	}
	// A message is text: what is no UTF-8 is replaced, and letters are not cut in two.
	text := transform.NewWriter(logFrames{socket}, runes.ReplaceIllFormed())
	// The node rotates the log whether or not the page takes it.
	waiting := spool.New(text, spool.Limits{File: waitingLog})
	defer waiting.Close()
	log, values, err := masked(socket.ctx, api, job, waiting, func(notice string) { _ = socket.send(LogFrame{Notice: notice}) })
	if err != nil {
		return err
	}
	notice := func(format string, args ...any) {
		line := sanitize.Line(fmt.Sprintf(format, args...))
		waiting.After(func() { _ = socket.send(LogFrame{Notice: line}) }) // an error comes again with the next part
	}
	following, stop := waiting.Context(socket.ctx)
	defer stop()
	state, err := api.FollowJob(following, jobs.RefOf(job), jobs.Observer{
		Values: values,
		State:  func(state jobstatus.State) { _ = socket.send(LogFrame{State: stateOf(state)}) },
		Notice: func(text string) { notice("%s", text) },
		Trouble: func(err error) {
			if err != nil {
				notice("%s; waiting for it", err)
			}
		},
		Attempt: func(number int) {
			_ = log.Flush()
			notice("attempt %d", number)
		},
	}, log, joblog.Options{})
	if err != nil && !joblog.IsIncomplete(err) {
		return err
	}
	if err := log.Flush(); err != nil {
		return err
	}
	if err := waiting.Flush(socket.ctx); err != nil {
		return err
	}
	if joblog.IsIncomplete(err) {
		_ = socket.send(LogFrame{Notice: sanitize.Line(err.Error())})
	}
	if err := text.Close(); err != nil {
		return err
	}
	return socket.send(LogFrame{State: stateOf(state), End: true})
}

// masked is a writer that hides the values of a job's secrets. Those that the visitor may not read can't
// be hidden, and notice says so.
func masked(ctx context.Context, api *jobs.Client, job *batchv1.Job, out io.Writer, notice func(string)) (log *mask.Writer, values [][]byte, err error) {
	values, unread, err := api.ReadValues(ctx, job)
	if err != nil {
		return nil, nil, err
	}
	if unread > 0 {
		notice("values of secrets that you can't read, or that are gone, are not hidden in this log")
	}
	return mask.New(out, mask.Options{Values: values}), values, nil
}

// logFrames sends what is written to it.
type logFrames struct{ socket *socket }

// Write is part of io.Writer.
func (w logFrames) Write(data []byte) (int, error) {
	if err := w.socket.send(LogFrame{Data: string(data)}); err != nil {
		return 0, err
	}
	return len(data), nil
}

// downloadLog answers with what there is of a log now.
func (s *Server) downloadLog(w http.ResponseWriter, r *http.Request) {
	visit := s.visit(r, r.Header.Get(pageKeyHeader))
	if visit.session == nil {
		notLoggedIn().write(w)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(visit.session.ctx, cancel)()
	started := false
	err := func() error {
		place, name, problem := target(r)
		if problem != nil {
			return problem
		}
		_, api, err := visit.session.jobs(place)
		if err != nil {
			return err
		}
		job, err := api.Get(ctx, name)
		if err != nil {
			return err
		}
		pods, err := api.PodsOf(ctx, job)
		if err != nil {
			return err
		}
		log, _, err := masked(ctx, api, job, writerFunc(func(data []byte) (int, error) {
			started = true
			return w.Write(data)
		}), func(string) {})
		if err != nil {
			return err
		}
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("Content-Disposition", `attachment; filename="`+name+`.log"`) // a name has letters, digits, '-' and '.'
		// What may be missing is said in the file: it is all that the visitor keeps.
		missing := jobs.Observer{Notice: func(text string) {
			if log.Flush() == nil {
				fmt.Fprintf(log, "[kubectl apolo: %s]\n", sanitize.Line(text))
			}
		}}
		err = api.Logs(ctx, pods, missing, log, joblog.Options{})
		switch {
		case joblog.IsIncomplete(err):
			missing.Notice(err.Error())
		case err != nil:
			return err
		}
		return log.Flush()
	}()
	if err == nil {
		return
	}
	if started {
		panic(http.ErrAbortHandler) // cuts the connection, so that nobody takes a part for the whole
	}
	w.Header().Del("Content-Disposition")
	var problem *Problem
	if errors.As(s.refusal(context.WithValue(ctx, visitKey{}, visit), err), &problem) {
		problem.write(w)
	}
}

type writerFunc func([]byte) (int, error)

// Write is part of io.Writer.
func (f writerFunc) Write(data []byte) (int, error) { return f(data) }
