package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// Forward answers on local ports with those of a pod, until ctx ends, whose error it returns.
// pod is asked for the pod's name with every new connection to the cluster; a connection that broke
// is replaced by a new one with the next use of a port.
//
// notice gets what goes wrong with single connections. Its texts come from the cluster and are not
// harmless for a terminal.
//
// client-go's own PortForwarder is not in the way of doing so: it opens the local ports only once it
// is connected, gives them up when the connection breaks, and takes one connection that the job
// refuses for such a break.
func (c *Client) Forward(ctx context.Context, namespace string, pod func() string, ports *Ports, notice func(string)) error {
	context.AfterFunc(ctx, ports.Close)
	var group sync.WaitGroup
	// Each port has its own connection: where nothing listens on one, the node may stop to read
	// all that its connection carries.
	remote := map[uint16]*forwarding{}
	for i, pair := range ports.Pairs {
		f := remote[pair.Remote]
		if f == nil {
			f = &forwarding{client: c, namespace: namespace, pod: pod, port: pair.Remote, notice: notice}
			remote[pair.Remote] = f
		}
		for _, listener := range ports.listeners[i] {
			group.Go(func() {
				for {
					local, err := listener.Accept()
					if err != nil {
						return // it was closed
					}
					group.Go(func() { f.serve(ctx, local) })
				}
			})
		}
	}
	<-ctx.Done()
	for _, f := range remote {
		f.drop(nil)
	}
	group.Wait()
	return ctx.Err()
}

// CheckForward reports whether the user may forward ports of a pod, by connecting once.
func (c *Client) CheckForward(ctx context.Context, namespace, pod string) error {
	connection, err := c.dialPorts(ctx, namespace, pod)
	if err != nil {
		return err
	}
	return connection.Close()
}

// forwarding is one connection to the cluster that carries all those to one port, as long as it lasts.
type forwarding struct {
	client    *Client
	namespace string
	pod       func() string
	port      uint16
	notice    func(string)

	lock       sync.Mutex
	connection httpstream.Connection // nil: there is none
	to         string                // the pod it leads to
	requests   int
}

// serve carries one local connection.
func (f *forwarding) serve(ctx context.Context, local net.Conn) {
	defer local.Close()
	stop := context.AfterFunc(ctx, func() { local.Close() })
	defer stop()
	connection, data, failure, err := f.open(ctx)
	if err != nil {
		if ctx.Err() == nil {
			f.notice(fmt.Sprintf("port %d: %s", f.port, err))
		}
		return
	}
	defer func() { _ = data.Reset() }() // nothing is to wait for the other end any more

	const longestFailure = 4 << 10 // bytes of what the node says
	failed := make(chan string, 1)
	go func() {
		message, _ := io.ReadAll(io.LimitReader(failure, longestFailure))
		failed <- string(message)
	}()
	go func() {
		_, _ = io.Copy(data, local) // the other direction says whether it came through
		data.Close()
	}()
	_, _ = io.Copy(local, data)
	_ = data.Reset()
	if message := <-failed; message != "" && ctx.Err() == nil {
		f.drop(connection)
		f.notice(fmt.Sprintf("port %d: %s", f.port, portError(message)))
	}
}

// portError is what a node says of a port, without what it wraps around it.
func portError(message string) string {
	if strings.Contains(message, "connection refused") {
		return "nothing in the job listens on it yet, or any more"
	}
	if i := strings.LastIndex(message, ": "); i >= 0 && strings.HasPrefix(message, "error forwarding port ") {
		return message[i+2:]
	}
	return message
}

// open begins the two streams of one connection. A connection to the cluster that turns out to be
// broken is replaced once.
func (f *forwarding) open(ctx context.Context) (connection httpstream.Connection, data, failure httpstream.Stream, err error) {
	for range 2 {
		var request int
		if connection, request, err = f.connect(ctx); err != nil {
			return nil, nil, nil, err
		}
		data, failure, err = openStreams(connection, f.port, request)
		if err == nil {
			return connection, data, failure, nil
		}
		f.drop(connection)
	}
	return nil, nil, nil, fmt.Errorf("%w: %w", ErrCut, err)
}

func openStreams(connection httpstream.Connection, port uint16, request int) (data, failure httpstream.Stream, err error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(request))
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	if failure, err = connection.CreateStream(headers); err != nil {
		return nil, nil, err
	}
	_ = failure.Close() // nothing is written to it
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	if data, err = connection.CreateStream(headers); err != nil {
		_ = failure.Reset()
		return nil, nil, err
	}
	return data, failure, nil
}

// connect returns the connection to the cluster, a new one where it leads elsewhere or has ended.
func (f *forwarding) connect(ctx context.Context) (connection httpstream.Connection, request int, err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.requests++
	pod := f.pod()
	if f.connection != nil {
		select {
		case <-f.connection.CloseChan():
			f.connection = nil
		default:
			if f.to == pod {
				return f.connection, f.requests, nil
			}
		}
	}
	if pod == "" {
		return nil, 0, errors.New("the job does not run yet")
	}
	if f.connection, err = f.client.dialPorts(ctx, f.namespace, pod); err != nil {
		f.connection = nil
		return nil, 0, err
	}
	f.to = pod
	return f.connection, f.requests, nil
}

// drop ends a connection, nil for the one in use.
func (f *forwarding) drop(connection httpstream.Connection) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if connection == nil {
		connection = f.connection
	}
	if connection != nil {
		connection.Close()
	}
	if connection == f.connection {
		f.connection = nil
	}
}

// dialPorts is dialPortsNow for callers who don't wait forever: client-go's dialers know no context.
func (c *Client) dialPorts(ctx context.Context, namespace, pod string) (httpstream.Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, kube.DefaultRequestTimeout)
	defer cancel()
	type answer struct {
		connection httpstream.Connection
		err        error
	}
	answers := make(chan answer, 1)
	go func() {
		connection, err := c.dialPortsNow(namespace, pod)
		answers <- answer{connection, err}
	}()
	select {
	case a := <-answers:
		return a.connection, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.err == nil {
				a.connection.Close()
			}
		}()
		return nil, c.kube.Explain(ctx.Err(), kube.Request{})
	}
}

// dialPortsNow connects over a WebSocket that carries SPDY, and over SPDY itself where a server or a
// proxy in between can't.
func (c *Client) dialPortsNow(namespace, pod string) (httpstream.Connection, error) {
	url := c.core.Post().Namespace(namespace).Resource(podsResource).Name(pod).SubResource("portforward").URL()
	config := c.kube.RESTConfig()
	webSocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	plain := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	way := &upgrade{}
	connection, protocol, err := portforward.NewFallbackDialerForStreaming(webSocket, plain, way.fallBack).
		Dial(portforward.PortForwardProtocolV1Name)
	err = way.failure(err)
	switch {
	case err == nil && protocol == portforward.PortForwardProtocolV1Name:
		return connection, nil
	case err == nil:
		connection.Close()
		return nil, fmt.Errorf("the API server %s can't forward ports", c.kube.Host())
	}
	explained := c.kube.Explain(err, kube.Request{Verb: "create", Resource: podsResource + "/portforward", Namespace: namespace, Name: pod})
	if apierrors.IsNotFound(err) {
		explained = fmt.Errorf("pod %q: %w", pod, explained)
	}
	return nil, cmp.Or(explained, err)
}
