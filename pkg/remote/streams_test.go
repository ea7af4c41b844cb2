package remote

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestExplainStream(t *testing.T) {
	upgrade := func(text string) error {
		return apierrors.NewInternalError(errors.New("unable to upgrade connection: " + text))
	}
	for _, test := range []struct {
		name string
		err  error
		want error // nil: none of these
	}{
		{"ended before the kubelet looked", upgrade(`container not found ("job")`), ErrNotRunning},
		{"ended while the kubelet looked", upgrade("container job not found in pod hello-z8dpw_default"), ErrNotRunning},
		{"ended in containerd", errors.New("container is in CONTAINER_EXITED state"), ErrNotRunning},
		{"ended in CRI-O", errors.New("container is not created or running"), ErrNotRunning},
		{"a completed pod", apierrors.NewBadRequest("cannot exec into a container in a completed pod; current phase is Succeeded"), ErrNotRunning},
		{"not yet on a node", apierrors.NewBadRequest("pod hello-z8dpw does not have a host assigned"), ErrNotRunning},
		{"cut", errors.New("next reader: read tcp 127.0.0.1:50086: connection reset by peer"), ErrCut},
		{"no kubelet", errors.New("error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused"), ErrCut},
		{"another failure", errors.New("Internal error occurred: no space left on device"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := (&Client{}).explainStream(test.err, target{namespace: "default", pod: "hello-z8dpw", subresource: "attach"})
			if test.want != nil && got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if test.want == nil && (errors.Is(got, ErrNotRunning) || errors.Is(got, ErrCut)) {
				t.Errorf("got %v", got)
			}
		})
	}
}
