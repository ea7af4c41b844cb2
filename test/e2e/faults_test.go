package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// writeKubeconfig makes a kubeconfig with one context, for user alice of the given cluster.
func writeKubeconfig(path, cluster, server string, ca []byte, user map[string]any) error {
	config, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "only",
		"clusters": []any{map[string]any{"name": cluster, "cluster": map[string]any{
			"server": server, "certificate-authority-data": base64.StdEncoding.EncodeToString(ca)}}},
		"users":    []any{map[string]any{"name": "alice", "user": user}},
		"contexts": []any{map[string]any{"name": "only", "context": map[string]any{"cluster": cluster, "user": "alice"}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, config, 0o600)
}

// expiredCertificate writes a kubeconfig whose client certificate ended an hour ago.
func (c *cluster) expiredCertificate(path string) error {
	certificate, key, err := c.clientCertificate(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(c.CA.CertFile)
	if err != nil {
		return err
	}
	return writeKubeconfig(path, "default", c.Server, ca, map[string]any{
		"client-certificate-data": base64.StdEncoding.EncodeToString(certificate), "client-key-data": base64.StdEncoding.EncodeToString(key)})
}

// silentServer listens, accepts and never answers, until stop is called.
func silentServer(path string) (stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		var open []net.Conn
		for {
			connection, err := listener.Accept()
			if err != nil {
				for _, c := range open {
					c.Close()
				}
				return
			}
			open = append(open, connection)
		}
	}()
	stop = func() { listener.Close() }
	return stop, writeKubeconfig(path, "silent", "https://"+listener.Addr().String(), nil, map[string]any{"token": "t"})
}

// listedMetadataOnly looks through the audit log for what kubectl-apolo listed in a namespace.
func (c *cluster) listedMetadataOnly(namespace string) error {
	seen := false
	var wrong error
	err := wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		log, err := os.ReadFile(c.AuditLog) // written in batches, so perhaps a moment late
		if err != nil {
			return false, err
		}
		lines := bufio.NewScanner(bytes.NewReader(log))
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var event struct {
				Verb           string
				UserAgent      string
				ObjectRef      struct{ Resource, Namespace string }
				ResponseObject struct {
					Kind  string
					Items []map[string]any
				}
			}
			if json.Unmarshal(lines.Bytes(), &event) != nil {
				continue // the last line, half written
			}
			if event.ObjectRef.Resource != "secrets" || event.ObjectRef.Namespace != namespace || event.Verb != "list" {
				continue
			}
			seen = true
			if kind := event.ResponseObject.Kind; kind != "PartialObjectMetadataList" {
				wrong = fmt.Errorf("%s listed secrets as %q", event.UserAgent, kind)
			}
			for _, item := range event.ResponseObject.Items {
				if _, ok := item["data"]; ok {
					wrong = errors.New("a listing moved values")
				}
			}
		}
		return seen || wrong != nil, nil
	})
	return errors.Join(err, wrong)
}
