package console

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	var outBuffer, errBuffer bytes.Buffer
	code = cmdline.Run(t.Context(), append([]string{"kubectl-apolo_console"}, args...),
		genericiooptions.IOStreams{In: strings.NewReader(""), Out: &outBuffer, ErrOut: &errBuffer}, New)
	return code, outBuffer.String(), errBuffer.String()
}

func TestUsageErrors(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an argument":           {[]string{"open"}, "takes no arguments"},
		"port":                  {[]string{"--port", "70000"}, "--port 70000"},
		"no port":               {[]string{"--port", "x"}, "port"},
		"team flag alone":       {[]string{"--host", "a"}, "--host works with --in-cluster"},
		"team without a host":   {[]string{"--in-cluster"}, "needs --host"},
		"host with a port":      {[]string{"--in-cluster", "--host", "a:80"}, `--host "a:80" must be a name alone`},
		"every host":            {[]string{"--in-cluster", "--host", "*"}, `--host "*"`},
		"a URL as the host":     {[]string{"--in-cluster", "--host", "https://a"}, `--host "https://a"`},
		"the kubeconfig":        {[]string{"--in-cluster", "--host", "a", "--context", "x"}, "--context can't be used with --in-cluster"},
		"impersonation":         {[]string{"--in-cluster", "--host", "a", "--as", "x"}, "--as can't be used with --in-cluster"},
		"a browser":             {[]string{"--in-cluster", "--host", "a", "--no-browser"}, "--no-browser can't be used"},
		"address":               {[]string{"--in-cluster", "--host", "a", "--address", "8080"}, `--address "8080"`},
		"plain HTTP to the API": {[]string{"--in-cluster", "--host", "a", "--api-server", "http://a"}, "must be a URL that begins with https://"},
		"half a certificate":    {[]string{"--in-cluster", "--host", "a", "--tls-cert", "x"}, "belong together"},
		"TLS and none":          {[]string{"--in-cluster", "--host", "a", "--tls-cert", "x", "--tls-key", "y", "--plain-http"}, "exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := call(t, test.args...)
			if code != cmdline.ExitUsage || !strings.Contains(errOut, test.want) || out != "" || strings.Count(errOut, "\n") != 1 {
				t.Errorf("exit code %d, out %q, error %q", code, out, errOut)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no kubeconfig":  {[]string{"--no-browser"}, "no kubeconfig found"},
		"no authority":   {[]string{"--in-cluster", "--host", "a", "--api-server-ca", "/does/not/exist"}, "--api-server-ca: open /does/not/exist"},
		"no certificate": {[]string{"--in-cluster", "--host", "a", "--api-server-ca", os.DevNull, "--tls-cert", "/x", "--tls-key", "/y"}, "--tls-cert: open /x"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := call(t, test.args...)
			if code != cmdline.ExitFailed || !strings.Contains(errOut, "error: "+test.want) || out != "" {
				t.Errorf("exit code %d, out %q, error %q", code, out, errOut)
			}
		})
	}
}

func TestListen(t *testing.T) {
	listener, err := listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().(*net.TCPAddr)
	if !address.IP.Equal(net.IPv4(127, 0, 0, 1)) || address.Port == 0 {
		t.Errorf("%s", address)
	}
	if other, err := listen(t.Context(), address.Port); err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(address.Port)+" is in use") {
		t.Errorf("%v %v", other, err)
	}
}

func TestRunCommand(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"here","users":[{"name":"u","user":{}}],
		"clusters":[{"name":"k","cluster":{"server":"https://k"}},{"name":"l","cluster":{"server":"https://l"}}],
		"contexts":[{"name":"here","context":{"cluster":"k","user":"u","namespace":"mine"}},{"name":"there","context":{"cluster":"l","user":"u"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &options{Session: &cmdline.Session{Kube: kube.Options{Kubeconfig: kubeconfig}}}
	spec := jobspec.New()
	spec.Image, spec.Args = "busybox:1", []string{"sh", "-c", "echo '$A'"}
	spec.Variables = []jobspec.Variable{{Name: "A", Secret: &uri.Secret{Key: "k"}}}
	const job = ` --env A=secret:k busybox:1 -- sh -c 'echo '\''$A'\'`
	for name, test := range map[string]struct {
		cluster, namespace, want string
	}{
		"where a plain command goes": {"k", "", "kubectl apolo run" + job},
		"another namespace":          {"k", "team", "kubectl apolo run -n team" + job},
		"another cluster":            {"l", "", "kubectl apolo run --context there" + job},
	} {
		client, err := kube.NewClientFor(&o.Kube, test.cluster)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.runCommand(client.In(test.namespace), spec); err != nil || got != test.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	guest, err := kube.NewClientWithToken(kube.TokenOptions{Cluster: "k", Server: "https://k", Namespace: "team"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.runCommand(guest, spec); err != nil || got != "kubectl apolo run -n team"+job {
		t.Errorf("of a guest: %s, %v", got, err)
	}
}
