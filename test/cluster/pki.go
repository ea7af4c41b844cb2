package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const certificateLife = 365 * 24 * time.Hour

// authority signs the certificates of one part of the cluster.
type authority struct {
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
}

// subject is what a certificate is made for.
type subject struct {
	name   string
	groups []string
	server bool // also valid as the certificate of a server on loopback
}

// issuer makes keys and certificates in one folder.
type issuer struct {
	dir   string
	start time.Time
}

// authority makes a certificate authority and stores it as NAME.crt and
// NAME.key.
func (i issuer) authority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority %s: %w", name, err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "apolo-test-cluster-" + name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := i.sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("make the authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the authority %s: %w", name, err)
	}
	a := &authority{cert: cert, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: key}
	return a, i.store(name, a.pem, key)
}

// issue makes a certificate and stores it as FILE.crt and FILE.key.
func (i issuer) issue(a *authority, file string, s subject) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the certificate %s: %w", file, err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: s.name, Organization: s.groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if s.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(serviceIP)}
	}
	der, err := i.sign(template, a.cert, key, a.key)
	if err != nil {
		return fmt.Errorf("make the certificate %s: %w", file, err)
	}
	return i.store(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key)
}

func (i issuer) sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// A minute back, for a clock that is set back a little after the start.
	template.NotBefore = i.start.Add(-time.Minute)
	template.NotAfter = i.start.Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
}

func (i issuer) store(name string, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("store the key %s: %w", name, err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeFile(filepath.Join(i.dir, name+".key"), private, 0o600); err != nil {
		return fmt.Errorf("store the key %s: %w", name, err)
	}
	if err := writeFile(filepath.Join(i.dir, name+".crt"), cert, 0o644); err != nil {
		return fmt.Errorf("store the certificate %s: %w", name, err)
	}
	return nil
}

// signingKey makes the key pair of the service account tokens.
func (i issuer) signingKey(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the token key: %w", err)
	}
	// The API server and the controller manager read this older form of an
	// EC key for tokens, and not every version reads PKCS #8.
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("make the token key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("make the token key: %w", err)
	}
	if err := writeFile(filepath.Join(i.dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("store the token key: %w", err)
	}
	if err := writeFile(filepath.Join(i.dir, name+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644); err != nil {
		return fmt.Errorf("store the token key: %w", err)
	}
	return nil
}

// identities are the client certificates that get a kubeconfig, by name.
func identities(node string) map[string]subject {
	return map[string]subject{
		"admin":              {name: "admin", groups: []string{"system:masters"}},
		"alice":              {name: "alice"},
		"bob":                {name: "bob", groups: []string{"devs"}},
		"carol":              {name: "carol"},
		"controller-manager": {name: "system:kube-controller-manager"},
		"scheduler":          {name: "system:kube-scheduler"},
		"kubelet":            {name: "system:node:" + node, groups: []string{"system:nodes"}},
	}
}

// users are the people who use the cluster; each has a namespace of the same
// name.
func users() []string { return []string{"alice", "bob", "carol"} }

// makePKI makes all keys, certificates and kubeconfigs. etcd has an authority
// of its own: with one for both, every user of the cluster could read and
// write etcd directly.
func (c *cluster) makePKI(now time.Time) error {
	i := issuer{dir: c.path("pki"), start: now}
	ca, err := i.authority("ca")
	if err != nil {
		return err
	}
	etcdCA, err := i.authority("etcd-ca")
	if err != nil {
		return err
	}
	for _, each := range []struct {
		by   *authority
		file string
		subject
	}{
		{ca, "serving", subject{name: "apolo-test-cluster", server: true}},
		{ca, "apiserver-kubelet-client", subject{name: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}}},
		{etcdCA, "etcd", subject{name: "etcd", server: true}},
		{etcdCA, "etcd-client", subject{name: "kube-apiserver-etcd-client"}},
	} {
		if err := i.issue(each.by, each.file, each.subject); err != nil {
			return err
		}
	}
	if err := i.signingKey("service-account"); err != nil {
		return err
	}
	for name, s := range identities(c.Node) {
		if err := i.issue(ca, name, s); err != nil {
			return err
		}
		if err := c.writeKubeconfig(name, ca.pem); err != nil {
			return err
		}
	}
	c.NotAfter = now.Add(certificateLife).UTC().Format(time.RFC3339)
	return nil
}

// expired says whether the cluster's certificates are over, or so close to it
// that a test run would see it.
func (c *cluster) expired(now time.Time) bool {
	end, err := time.Parse(time.RFC3339, c.NotAfter)
	return err != nil || now.Add(time.Hour).After(end)
}

// writeKubeconfig writes a kubeconfig with everything inside it, so that a
// copy of the file works anywhere on this machine.
func (c *cluster) writeKubeconfig(name string, ca []byte) error {
	cert, err := os.ReadFile(c.path("pki", name+".crt"))
	if err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	key, err := os.ReadFile(c.path("pki", name+".key"))
	if err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	text := kubeconfig(kubeconfigData{
		Server:    c.Server,
		User:      name,
		Namespace: namespaceOf(name),
		CA:        base64.StdEncoding.EncodeToString(ca),
		Cert:      base64.StdEncoding.EncodeToString(cert),
		Key:       base64.StdEncoding.EncodeToString(key),
		Team:      users(),
	})
	if err := writeFile(c.kubeconfig(name), text, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	return nil
}

// kubeconfig is the file that admin, a user or a component reads.
func (c *cluster) kubeconfig(name string) string {
	if name == "admin" || slices.Contains(users(), name) {
		return c.path("kubeconfig", name)
	}
	return c.path("etc", name+".kubeconfig")
}

// namespaceOf is the namespace a kubeconfig starts in.
func namespaceOf(name string) string {
	if slices.Contains(users(), name) {
		return name
	}
	return "default"
}
