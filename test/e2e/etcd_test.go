package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

// etcd reads a key through etcd's HTTP gateway, to see what is on the disk.
func (c *cluster) etcd(key string) ([]byte, error) {
	client := &http.Client{}
	if c.Etcd.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(c.Etcd.CertFile, c.Etcd.KeyFile)
		if err != nil {
			return nil, err
		}
		ca, err := os.ReadFile(c.Etcd.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
		defer transport.CloseIdleConnections()
		client.Transport = transport
	}
	question, err := json.Marshal(map[string][]byte{"key": []byte(key)})
	if err != nil {
		return nil, err
	}
	answer, err := client.Post(c.Etcd.URL+"/v3/kv/range", "application/json", bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("etcd answered %s", answer.Status)
	}
	var found struct {
		Pairs []struct {
			Value []byte `json:"value"`
		} `json:"kvs"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || len(found.Pairs) == 0 {
		return nil, err
	}
	return found.Pairs[0].Value, nil
}
