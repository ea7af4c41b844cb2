package main

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/template"
)

//go:embed templates
var templates embed.FS

// serviceRange and serviceIP are the same for all clusters: without
// kube-proxy no packet is ever sent there.
const (
	serviceRange = "10.96.0.0/16"
	serviceIP    = "10.96.0.1"
	nodeName     = "local"
)

type kubeconfigData struct {
	Server, User, Namespace, CA, Cert, Key string
	Team                                   []string // namespaces that get a context besides
}

// render fills in one of the embedded templates. They are part of this
// program, so a mistake in one is a bug, and the tests render each of them.
func render(name string, data any) []byte {
	t := template.Must(template.New(name).Option("missingkey=error").ParseFS(templates, "templates/"+name))
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		panic(fmt.Sprintf("template %s: %v", name, err))
	}
	return out.Bytes()
}

func kubeconfig(data kubeconfigData) []byte { return render("kubeconfig.yaml", data) }

// configFiles are the components' configuration files, by their path below
// the cluster's folder. They depend on the plan alone and hold no secrets, so
// that the fingerprint can cover them.
func (c *cluster) configFiles() map[string][]byte {
	containerd := struct {
		*cluster
		PauseImage string
	}{c, pauseImage}
	cni := struct {
		network
		Dir  string
		Name string
	}{c.Network, c.Dir, c.networkName()}
	return map[string][]byte{
		"etc/audit-policy.yaml":              render("audit-policy.yaml", nil),
		"etc/containerd.toml":                render("containerd.toml", containerd),
		"etc/registries/_default/hosts.toml": render("registry.toml", nil),
		"etc/cni/10-pods.conflist":           render("cni.conflist", cni),
		"etc/kubelet.yaml":                   render("kubelet.yaml", c),
	}
}

// networkName is the pod network's name, by which the CNI plugins' traces on
// the machine are told from those of other networks.
func (c *cluster) networkName() string { return "apolo-" + c.ID }

func (c *cluster) writeConfigs() error {
	for name, data := range c.configFiles() {
		if err := writeFile(c.path(name), data, 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	// The key is made once: another one could not read what is in etcd.
	encryption := c.path("etc", "encryption.yaml")
	if _, err := os.Stat(encryption); errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("make the encryption key: %w", err)
		}
		text := render("encryption.yaml", base64.StdEncoding.EncodeToString(key))
		if err := writeFile(encryption, text, 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	return nil
}
