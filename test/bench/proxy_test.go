package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/rest"
)

func TestProxyCountsAndKeepsCredentialsApart(t *testing.T) {
	body := make([]byte, 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer real" {
			t.Errorf("the server was shown %q", got)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	p, err := startProxy(&rest.Config{Host: server.URL, BearerToken: "real"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()

	roots := x509.NewCertPool()
	roots.AddCert(p.server.Certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true}}
	p.reset()
	for range 2 {
		request, err := http.NewRequest(http.MethodGet, p.server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer unused")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || len(got) != len(body) {
			t.Errorf("received %d bytes, %v", len(got), err)
		}
	}
	received, requests := p.settled()
	if requests != 2 || received < 200_000 || received > 220_000 {
		t.Errorf("counted %d requests and %d bytes, want 2 and a little more than 200000", requests, received)
	}
}
