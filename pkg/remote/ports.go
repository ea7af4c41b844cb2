package remote

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// PortPair is a port of this machine that leads to one of a job.
type PortPair struct {
	Local  uint16 // 0: a free one
	Remote uint16
}

func (p PortPair) String() string { return fmt.Sprintf("%d:%d", p.Local, p.Remote) }

// ParsePortPair reads LOCAL:REMOTE, :REMOTE with a free local port, or PORT for the same on both
// sides.
func ParsePortPair(text string) (PortPair, error) {
	local, remote, two := strings.Cut(text, ":")
	switch {
	case !two:
		remote = local
	case local == "":
		local = "0"
	}
	var (
		pair PortPair
		err  error
	)
	if pair.Remote, err = parsePort(remote); err == nil && pair.Remote == 0 {
		err = errors.New("a job has no port 0")
	}
	if err == nil {
		pair.Local, err = parsePort(local)
	}
	if err != nil {
		return PortPair{}, fmt.Errorf("ports %q: %w; they are LOCAL:REMOTE, such as 8080:80", text, err)
	}
	return pair, nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("%q is not a port, a number up to 65535", text)
	}
	return uint16(port), nil
}

// Ports are open ports of this machine, on which Client.Forward answers. Only programs of this
// machine reach them.
type Ports struct {
	// Pairs have the local port that was taken where it was to be a free one.
	Pairs     []PortPair
	listeners [][]net.Listener // of each pair
}

// freePortTries is how many free ports are tried until one is free for IPv4 and IPv6.
const freePortTries = 10

// ListenPorts opens the local ports of all pairs, or none. Its error names the one that is in use.
func ListenPorts(pairs []PortPair) (*Ports, error) {
	p := &Ports{Pairs: slices.Clone(pairs)}
	for i := range p.Pairs {
		listeners, err := listenLocal(p.Pairs[i].Local)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("port %d of this machine can't be opened: %w", p.Pairs[i].Local, plainListenError(err))
		}
		p.listeners = append(p.listeners, listeners)
		p.Pairs[i].Local = uint16(listeners[0].Addr().(*net.TCPAddr).Port) // #nosec G115 -- a port of TCP
	}
	return p, nil
}

func plainListenError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another program uses it; choose another one, or 0 for a free one")
	case errors.Is(err, syscall.EACCES):
		return errors.New("only an administrator may; choose one above 1023")
	}
	return err
}

// listenLocal opens a port for IPv4 and, where this machine has it, IPv6: a browser tries both.
func listenLocal(port uint16) ([]net.Listener, error) {
	for try := 1; ; try++ {
		v4, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
		if err != nil {
			return nil, err
		}
		taken := v4.Addr().(*net.TCPAddr).Port
		v6, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(taken)))
		switch {
		case err == nil:
			return []net.Listener{v4, v6}, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return []net.Listener{v4}, nil
		}
		v4.Close()
		if port != 0 || try == freePortTries {
			return nil, err
		}
	}
}

// Close closes the local ports. Connections that are open stay so.
func (p *Ports) Close() {
	for _, listeners := range p.listeners {
		for _, listener := range listeners {
			listener.Close()
		}
	}
}
