package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	compatible "k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // deprecated, and client-go's spdy.Upgrader returns nothing else
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// ErrCut says that a connection ended before what it carried did.
var ErrCut = errors.New("the connection was cut")

// ErrNotRunning says that a container has ended, or has not begun.
var ErrNotRunning = errors.New("its container does not run")

// Size is that of a terminal's window, in characters.
type Size struct{ Width, Height uint16 }

// Streams are what a process in a container reads and writes.
type Streams struct {
	In  io.Reader // nil: the process gets no input from here
	Out io.Writer // nil: not read
	Err io.Writer // nil: not read; with a terminal, all comes from Out
	// TTY gives the process a terminal, where it is a new one; a container's own process has one or not.
	TTY bool
	// Sizes returns a channel with the size of the window, now and whenever it changes, until the
	// context ends. It may be nil.
	Sizes func(context.Context) <-chan Size
}

// CommandError is the end of a command with another exit code than 0.
type CommandError struct{ ExitCode int }

func (e *CommandError) Error() string {
	return fmt.Sprintf("the command ended with exit code %d", e.ExitCode)
}

// Exec runs a command in the container of a pod until it ends. Errors are a CommandError,
// ErrCut where the end of the command is unknown, ErrNotRunning, those of the streams and the
// context, and the cluster's refusals.
func (c *Client) Exec(ctx context.Context, namespace, pod string, command []string, streams Streams) error {
	return c.stream(ctx, target{namespace: namespace, pod: pod, subresource: "exec", command: command}, streams)
}

// Attach connects streams to the process of a container until it ends. What the process wrote
// before is not shown. Errors are those of Exec, without a CommandError.
func (c *Client) Attach(ctx context.Context, namespace, pod string, streams Streams) error {
	return c.stream(ctx, target{namespace: namespace, pod: pod, subresource: "attach"}, streams)
}

// target is what a stream leads to.
type target struct {
	namespace, pod string
	subresource    string
	command        []string
}

func (t target) resource() string { return podsResource + "/" + t.subresource }

// stream connects over WebSocket, and over SPDY where a server or a proxy in between can't.
func (c *Client) stream(ctx context.Context, to target, streams Streams) error {
	request := c.core.Post().
		Namespace(to.namespace).
		Resource(podsResource).
		Name(to.pod).
		SubResource(to.subresource).
		Param("container", c.container).
		Param("stdin", strconv.FormatBool(streams.In != nil)).
		Param("stdout", strconv.FormatBool(streams.Out != nil)).
		Param("stderr", strconv.FormatBool(streams.Err != nil && !streams.TTY)).
		Param("tty", strconv.FormatBool(streams.TTY))
	for _, word := range to.command {
		request = request.Param("command", word)
	}
	url := request.URL()
	config := c.kube.RESTConfig()
	webSocket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, url.String())
	if err != nil {
		return err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return err
	}
	ending := &endingUpgrader{Upgrader: upgrader}
	overSPDY, err := remotecommand.NewSPDYExecutorForTransports(transport, ending, http.MethodPost, url)
	if err != nil {
		return err
	}
	way := &upgrade{}
	executor, err := remotecommand.NewFallbackExecutor(webSocket, overSPDY, way.fallBack)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options := remotecommand.StreamOptions{Tty: streams.TTY}
	// The library only logs errors of these streams, and continues reading and writing for a moment
	// after it has returned.
	guard := &guard{failed: cancel}
	defer guard.closed.Store(true)
	if streams.In != nil {
		options.Stdin = guardedReader{guard, streams.In}
	}
	if streams.Out != nil {
		options.Stdout = guardedWriter{guard, streams.Out}
	}
	if streams.Err != nil && !streams.TTY {
		options.Stderr = guardedWriter{guard, streams.Err}
	}
	if streams.TTY && streams.Sizes != nil {
		options.TerminalSizeQueue = sizeQueue(streams.Sizes(ctx))
	}
	err = executor.StreamWithContext(ctx, options)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil && ending.connected.Load() && !ending.ended.Load() {
		return ErrCut
	}
	if !ending.connected.Load() {
		err = way.failure(err)
	}
	return c.explainStream(err, to)
}

// upgrade decides between the two ways to connect, and keeps why the API server refused.
type upgrade struct{ refused *apierrors.StatusError }

// fallBack reports whether SPDY may work where WebSocket doesn't: where a server or a proxy can't, and
// where the user may only create, which is the right that SPDY asks for.
func (u *upgrade) fallBack(err error) bool {
	if failed := (*httpstream.UpgradeFailureError)(nil); errors.As(err, &failed) {
		if errors.As(failed.Cause, &u.refused) {
			return apierrors.IsForbidden(u.refused)
		}
		return true
	}
	return httpstream.IsHTTPSProxyError(err)
}

// failure is the error of an attempt to connect in its typed form, which SPDY doesn't have.
func (u *upgrade) failure(err error) error {
	if err == nil || u.refused == nil {
		return err
	}
	refused := *u.refused
	// To create is what one needs: it opens both ways, and newer API servers demand it for both.
	refused.ErrStatus.Message = strings.Replace(refused.ErrStatus.Message, "cannot get resource", "cannot create resource", 1)
	return &refused
}

// explainStream words the errors of streams. Those that come from behind the API server have no type.
func (c *Client) explainStream(err error, to target) error {
	if err == nil {
		return nil
	}
	var (
		exit   exec.CodeExitError
		status apierrors.APIStatus
	)
	text := err.Error()
	switch {
	case errors.As(err, &exit):
		return &CommandError{ExitCode: exit.Code}
	case notRunning(text):
		return ErrNotRunning
	case errors.As(err, &status):
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("pod %q: %w", to.pod, c.kube.Explain(err, kube.Request{Verb: "create", Resource: to.resource(), Namespace: to.namespace, Name: to.pod}))
		}
		return c.kube.Explain(err, kube.Request{Verb: "create", Resource: to.resource(), Namespace: to.namespace, Name: to.pod})
	case strings.Contains(text, "error stream"), strings.Contains(text, "next reader"), strings.Contains(text, "error dialing backend"):
		return ErrCut
	case strings.Contains(text, "empty server response"): // an answer that is no upgrade, and has no text
		return c.kube.Explain(io.EOF, kube.Request{})
	case strings.Contains(text, startFailed): // as runc says it; containerd wraps it
		_, inner, _ := strings.Cut(text, startFailed)
		return errors.New(strings.TrimSuffix(inner, ": unknown"))
	case strings.HasPrefix(text, "error executing command in container: "), strings.HasPrefix(text, "Internal error occurred: "):
		return errors.New(text)
	}
	return c.kube.Explain(err, kube.Request{Verb: "create", Resource: to.resource(), Namespace: to.namespace, Name: to.pod})
}

// startFailed comes before why a command could not be started.
const startFailed = "unable to start container process: "

// notRunning reports whether an error is one of the words that the API server, kubelets and container
// runtimes have for a container that has ended, or has not begun.
func notRunning(text string) bool {
	for _, words := range []string{
		"container not found (",
		" not found in pod ", // it ended while the kubelet looked for it
		"in a completed pod",
		"container not running",
		"is not in running state",
		"is not created or running",
		"container is in CONTAINER_EXITED state",
		"cannot exec in a stopped ",
		"no running task found",
		"does not have a host assigned",
	} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// sizeQueue is a channel as the library takes it.
type sizeQueue <-chan Size

// Next is part of remotecommand.TerminalSizeQueue.
func (q sizeQueue) Next() *remotecommand.TerminalSize {
	size, ok := <-q
	if !ok {
		return nil
	}
	return &remotecommand.TerminalSize{Width: size.Width, Height: size.Height}
}

// guard ends a stream with the first error of what it reads or writes here, and lets nothing through
// once it is closed.
type guard struct {
	closed atomic.Bool
	failed func(error)
}

type guardedWriter struct {
	*guard
	to io.Writer
}

func (w guardedWriter) Write(data []byte) (int, error) {
	if w.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	n, err := w.to.Write(data)
	if err != nil {
		w.failed(OutputError{err})
	}
	return n, err
}

type guardedReader struct {
	*guard
	from io.Reader
}

func (r guardedReader) Read(data []byte) (int, error) {
	n, err := r.from.Read(data)
	if err != nil && err != io.EOF {
		r.failed(err)
	}
	return n, err
}

// endingUpgrader notes whether the server says over SPDY how a stream ended. The library takes a
// connection that was cut for a success.
type endingUpgrader struct {
	spdy.Upgrader
	connected, ended atomic.Bool
}

// NewConnection is part of spdy.Upgrader.
func (u *endingUpgrader) NewConnection(response *http.Response) (compatible.Connection, error) {
	connection, err := u.Upgrader.NewConnection(response)
	if err != nil {
		return nil, err
	}
	u.connected.Store(true)
	return &endingConnection{Connection: connection, ended: &u.ended}, nil
}

type endingConnection struct {
	compatible.Connection
	ended *atomic.Bool
}

// CreateStream is part of httpstream.Connection.
func (c *endingConnection) CreateStream(headers http.Header) (compatible.Stream, error) {
	stream, err := c.Connection.CreateStream(headers)
	if err == nil && headers.Get(corev1.StreamType) == corev1.StreamTypeError {
		stream = &endingStream{Stream: stream, ended: c.ended}
	}
	return stream, err
}

type endingStream struct {
	compatible.Stream
	ended *atomic.Bool
}

func (s *endingStream) Read(data []byte) (int, error) {
	n, err := s.Stream.Read(data)
	if n > 0 {
		s.ended.Store(true)
	}
	return n, err
}
