package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// firstRequest is how long a command may take until it speaks to the server, in seconds.
const firstRequest = 0.008

// door stands where a server would, notes when the first message of a TLS handshake has come, and refuses it:
// that is an error which no client tries again.
type door struct {
	listener net.Listener
	greeted  chan time.Time
	file     string // kubeconfig that leads there
}

func (r *runner) openDoor() (*door, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{listener: listener, greeted: make(chan time.Time, 64), file: filepath.Join(r.home, "door")}
	config, err := r.cluster.load(account{"alice", "default"})
	if err != nil {
		return nil, err
	}
	// Any certificate will do for the kubeconfig: it is never shown one.
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	config.Clusters[config.Contexts[config.CurrentContext].Cluster] = &clientcmdapi.Cluster{
		Server:                   "https://" + listener.Addr().String(),
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate().Raw}),
	}
	if err := clientcmd.WriteToFile(*config, d.file); err != nil {
		return nil, err
	}
	refuse := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case d.greeted <- time.Now():
		default: // the first ones matter
		}
		return nil, errors.New("closed")
	}}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_ = tls.Server(connection, refuse).Handshake() // it fails, as is meant
			}()
		}
	}()
	return d, nil
}

// greet starts a command and returns how long it took until the first message of the handshake had come, and what the
// command took in all.
func (r *runner) greet(ctx context.Context, d *door, command step) (first time.Duration, u usage, err error) {
	for len(d.greeted) > 0 {
		<-d.greeted // of another connection that the command before made
	}
	u, err = r.start(ctx, command, d.file, nil)
	if u.Begin.IsZero() {
		return 0, u, err
	}
	select {
	case at := <-d.greeted:
		return at.Sub(u.Begin), u, nil
	default:
		return 0, u, fmt.Errorf("%s: no connection: %w", strings.Join(command, " "), err)
	}
}

// firstRequests measures how long each binary takes until it speaks to the server.
func (r *runner) firstRequests(ctx context.Context) (header row, rows []row, err error) {
	header = row{"command", "until the first message of the TLS handshake", "CPU, failing included", "target", ""}
	d, err := r.openDoor()
	if err != nil {
		return header, nil, err
	}
	defer d.listener.Close()
	for _, command := range []step{
		{"kubectl-apolo_secret", "ls"}, {"kubectl-apolo_secret", "get", "key"}, {"kubectl-apolo_acl", "ls"}, {"kubectl-apolo_share", "secret:key", "bob"},
		{"kubectl-apolo_run", "--no-wait-start", image, "--", "true"}, {"kubectl-apolo_job", "ls"}, {"kubectl-apolo_doctor"},
		{"kubectl-apolo", "secret", "ls"}, {"kubectl", "get", "secrets"},
	} {
		typed := strings.TrimPrefix(strings.Join(command, " "), "kubectl-apolo_")
		if command[0] == "kubectl" {
			command = append(step{r.kubectl}, command[1:]...)
		} else if !r.has(command[0]) {
			continue
		} else {
			command = append(step{r.product(command[0])}, command[1:]...)
		}
		var wall, cpu []float64
		for range 1 + 2*r.pairs {
			first, u, err := r.greet(ctx, d, command)
			if err != nil {
				return header, nil, err
			}
			wall, cpu = append(wall, first.Seconds()), append(cpu, u.CPU.Seconds())
		}
		until := spreadOf(wall[1:])
		verdict, limit := "", nothing
		if command[0] != r.kubectl {
			limit = "≤ " + formatTime(firstRequest)
			verdict = notReachedText
			if (target{itself, firstRequest}).reached(until.median) {
				verdict = reachedText
			}
		}
		rows = append(rows, row{"`" + typed + "`", formatSpread(until, formatTime), formatSpread(spreadOf(cpu[1:]), formatTime), limit, verdict})
	}
	return header, rows, nil
}

// initialised is what the runtime says of one package that is made ready before main runs (GODEBUG=inittrace=1).
type initialised struct {
	name  string
	took  time.Duration
	bytes int
}

// initTrace runs a binary and reads how long its packages took.
func initTrace(ctx context.Context, binary string) ([]initialised, error) {
	command := exec.CommandContext(ctx, binary, "--version")
	command.Env = []string{"GODEBUG=inittrace=1"}
	var trace bytes.Buffer
	command.Stderr = &trace
	if err := command.Run(); err != nil {
		return nil, err
	}
	var all []initialised
	for scanner := bufio.NewScanner(&trace); scanner.Scan(); {
		// init NAME @0.44 ms, 0.030 ms clock, 18912 bytes, 110 allocs
		words := strings.Fields(scanner.Text())
		if len(words) < 11 || words[0] != "init" {
			continue
		}
		milliseconds, err := strconv.ParseFloat(words[4], 64)
		if err != nil {
			continue
		}
		bytes, _ := strconv.Atoi(words[7]) // a word in its place is no number of bytes
		all = append(all, initialised{words[1], time.Duration(milliseconds * float64(time.Millisecond)), bytes})
	}
	return all, nil
}

// inits tells what the packages of each binary take before main runs.
func (r *runner) inits(ctx context.Context) (header row, rows []row, err error) {
	header = row{"binary", "packages", "time before main", "allocated", "most of the time"}
	for _, name := range []string{"kubectl-apolo", "kubectl-apolo_secret", "kubectl-apolo_acl", "kubectl-apolo_share", "kubectl-apolo_run", "kubectl-apolo_job", "kubectl-apolo_doctor"} {
		if !r.has(name) {
			continue
		}
		var (
			totals []float64
			best   []initialised // of the quickest run
		)
		for range r.pairs {
			trace, err := initTrace(ctx, r.product(name))
			if err != nil {
				return header, nil, fmt.Errorf("%s: %w", name, err)
			}
			total := 0.0
			for _, p := range trace {
				total += p.took.Seconds()
			}
			if len(totals) == 0 || total < slices.Min(totals) {
				best = trace
			}
			totals = append(totals, total)
		}
		allocated := 0
		for _, p := range best {
			allocated += p.bytes
		}
		slices.SortFunc(best, func(a, b initialised) int { return cmp.Compare(b.took, a.took) })
		var most []string
		for _, p := range best[:min(3, len(best))] {
			most = append(most, fmt.Sprintf("%s (%s)", p.name, formatTime(p.took.Seconds())))
		}
		rows = append(rows, row{"`" + name + "`", strconv.Itoa(len(best)), formatSpread(spreadOf(totals), formatTime), formatBytes(float64(allocated)), strings.Join(most, ", ")})
	}
	return header, rows, nil
}
