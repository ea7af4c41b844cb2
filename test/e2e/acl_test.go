package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAclLsTellsWhatTakesLong holds the API server's answer until the line is on the screen.
func TestAclLsTellsWhatTakesLong(t *testing.T) {
	t.Parallel()
	c, bin := openCluster(t), binaries(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	c.kubectl(t, "admin", "-n", namespace, "create", "secret", "generic", "token", "--from-literal=token=x")
	const telling = "asking about 1 namespace …"
	p := newProxy(t, kubeconfig, fault{kind: never})
	shown := make(chan struct{})
	p.hold = func(request string) {
		if strings.HasPrefix(request, "POST selfsubjectrulesreviews") {
			<-shown
		}
	}
	term := startTerminal(t, p.kubeconfig, filepath.Join(bin, "kubectl-apolo_acl"), "ls", "-n", namespace)
	term.waitFor(telling)
	close(shown)
	screen, code := term.end()
	_, after, erased := strings.Cut(screen, telling+"\r\x1b[K")
	if code != 0 || !erased || !strings.Contains(after, "secret://") {
		t.Errorf("code %d, the screen is:\n%q", code, screen)
	}
}
