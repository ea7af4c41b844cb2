package console

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// certify writes a new certificate for localhost, and returns its file, its key's and itself.
func certify(t *testing.T, folder string, serial int64) (certificate, key string, made *x509.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if made, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return certificate, key, made
}

// A server for a team, as the command starts it: with TLS, whose certificate is renewed while it runs.
func TestTeamWithTLS(t *testing.T) {
	folder := t.TempDir()
	certificate, key, first := certify(t, folder, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int)
	go func() {
		defer write.Close()
		ended <- cmdline.Run(ctx, []string{"kubectl-apolo_console", "--in-cluster", "--host", "localhost", "--address", "127.0.0.1:0",
			"--api-server", "https://127.0.0.1:1", "--api-server-ca", certificate, "--tls-cert", certificate, "--tls-key", key},
			genericiooptions.IOStreams{In: strings.NewReader(""), Out: write, ErrOut: io.Discard}, New)
	}()
	line := make([]byte, 200)
	n, err := read.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(line[:n])) // The Console listens on ADDRESS for localhost
	if len(words) != 7 {
		t.Fatalf("%q", line[:n])
	}
	serves := func(want *x509.Certificate) {
		t.Helper()
		roots := x509.NewCertPool()
		roots.AddCert(want)
		conn, err := tls.Dial("tcp", words[4], &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber; got.Cmp(want.SerialNumber) != 0 {
			t.Errorf("certificate %s", got)
		}
	}
	serves(first)
	_, _, second := certify(t, folder, 2)
	serves(second)
	if conn, err := tls.Dial("tcp", words[4], &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("it speaks TLS 1.1")
	}
	plain, err := net.Dial("tcp", words[4])
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := io.WriteString(plain, "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(plain); strings.Contains(string(answer), "authenticated") {
		t.Errorf("without TLS: %s", answer)
	}
	cancel()
	if code := <-ended; code != cmdline.ExitDone {
		t.Errorf("exit code %d", code)
	}
}
