package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/coder/websocket"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/remote"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

var errPageClosed = errors.New("the page was closed")

// shell starts the best shell that an image has.
func shell() []string {
	return []string{"sh", "-c", "TERM=xterm-256color; export TERM; command -v bash >/dev/null && exec bash; exec sh"}
}

// streamTerminal connects a page's terminal: to the job's own, where it has one, and else to a new shell
// in its container. Closing the page leaves the job as it is.
func (s *Server) streamTerminal(socket *socket, place Where, name string) {
	code, err := s.runTerminal(socket, place, name)
	switch {
	case socket.ctx.Err() != nil:
	case err != nil:
		_ = socket.send(TerminalOutput{Error: sanitize.Line(err.Error())})
		s.endRefused(socket.session, err)
	default:
		_ = socket.send(TerminalOutput{Exit: &TerminalExit{Code: code}})
	}
}

func (s *Server) runTerminal(socket *socket, place Where, name string) (code int, err error) {
	_, api, err := socket.session.jobs(place)
	if err != nil {
		return 0, err
	}
	job, err := api.Get(socket.ctx, name)
	if err != nil {
		return 0, err
	}
	ctx, gone := context.WithCancel(socket.ctx)
	defer gone()
	socket = socket.until(ctx)
	typed := &keyboard{socket: socket, sizes: make(chan remote.Size, 1)}
	input, feed := io.Pipe()
	go func() {
		err := typed.copy(feed)
		gone()
		_ = feed.CloseWithError(err)
	}()
	defer input.Close()
	streams := remote.Streams{In: input, Out: screen{socket}, TTY: true, Sizes: func(context.Context) <-chan remote.Size { return typed.sizes }}
	if hasTerminal(job) {
		return attach(socket, api, jobs.RefOf(job), streams)
	}
	pods, err := api.PodsOf(ctx, job)
	if err != nil {
		return 0, err
	}
	state := jobstatus.StateOf(job, pods, nil)
	if state.Phase != jobstatus.Running || state.Pod == "" {
		return 0, fmt.Errorf("job %s does not run: it is %s, and a terminal needs a running job", name, state.Phase)
	}
	err = api.Exec(ctx, job.Namespace, state.Pod, shell(), streams)
	if exit := (*remote.CommandError)(nil); errors.As(err, &exit) {
		return exit.ExitCode, nil
	}
	return 0, err
}

// attach connects to a job's own terminal until the job ends.
func attach(socket *socket, api *jobs.Client, job jobs.Ref, streams remote.Streams) (int, error) {
	state, err := api.AttachJob(socket.ctx, job, jobs.Observer{
		State:  func(state jobstatus.State) { _ = socket.send(TerminalOutput{State: stateOf(state)}) }, // an error comes again
		Notice: func(text string) { _ = socket.send(TerminalOutput{Notice: sanitize.Line(text)}) },
	}, streams, earlier{screen{socket}})
	switch {
	case err != nil:
		return 0, err
	case state.ExitCode == jobstatus.UnknownExitCode:
		return 0, fmt.Errorf("the job ended: %s", oneLine(state.Message))
	}
	return state.ExitCode, nil
}

// screen sends what a job writes to its terminal.
type screen struct{ socket *socket }

// Write is part of io.Writer.
func (s screen) Write(data []byte) (int, error) {
	if err := s.socket.write(websocket.MessageBinary, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// earlier shows lines of a log on a screen, where a line feed alone only goes down.
type earlier struct{ screen }

// Write is part of io.Writer.
func (e earlier) Write(data []byte) (int, error) {
	if _, err := e.screen.Write(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(data), nil
}

// keyboard reads what the page sends.
type keyboard struct {
	socket *socket
	sizes  chan remote.Size
}

// copy passes on what is typed until the page is closed.
func (k *keyboard) copy(to io.Writer) error {
	for {
		kind, data, err := k.socket.Read(k.socket.wire)
		if err != nil {
			return errPageClosed // not io.EOF, which would end the job's input
		}
		if kind == websocket.MessageBinary {
			k.socket.held.Store(true)
			_, err := to.Write(data)
			k.socket.held.Store(false)
			if err != nil {
				return err
			}
			continue
		}
		if size, ok := resize(data); ok {
			select {
			case <-k.sizes: // an older one that nobody took
			default:
			}
			k.sizes <- size
		}
	}
}

// resize reads a message of the page; what it does not know is passed over.
func resize(message []byte) (remote.Size, bool) {
	var input TerminalInput
	if json.Unmarshal(message, &input) != nil || input.Resize == nil || input.Resize.Cols == 0 || input.Resize.Rows == 0 {
		return remote.Size{}, false
	}
	return remote.Size{Width: input.Resize.Cols, Height: input.Resize.Rows}, true
}
