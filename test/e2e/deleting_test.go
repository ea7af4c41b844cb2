package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/neuro-inc/kubectl-apolo/pkg/console"
)

// TestConsoleOfWhatIsBeingDeleted removes, through the Console's API, a secret and a job that a finalizer holds. Neither
// counts as removed, nothing is written to the secret, and the lists say what they are.
func TestConsoleOfWhatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	namespace, kubeconfig := c.namespace(t, "alice")
	page := openConsole(t, kubeconfig)
	page.do(http.StatusCreated, http.MethodPost, "/secrets", console.NewSecret{Key: "db", Value: "djE="}, nil)
	page.do(http.StatusCreated, http.MethodPost, "/jobs", console.NewJob{Name: "held", Image: "busybox:1", Command: []string{"sleep", "1000"}}, nil)
	hold := func(finalizers string) {
		for _, object := range []string{"secret/db", "job/held"} {
			c.kubectl(t, "alice", "-n", namespace, "patch", object, "-p", `{"metadata":{"finalizers":`+finalizers+`}}`)
		}
	}
	hold(`["example.com/hold"]`)
	t.Cleanup(func() { hold("null") })
	const words = "is being deleted; held by finalizer example.com/hold"
	refused := func(method, path string, input any, begins string) {
		t.Helper()
		var problem console.Problem
		page.do(http.StatusConflict, method, path, input, &problem)
		if !strings.HasPrefix(problem.Detail, begins+words) {
			t.Errorf("%s %s: %q", method, path, problem.Detail)
		}
	}
	refused(http.MethodDelete, "/secrets/db", nil, "secret:db: ")
	refused(http.MethodDelete, "/jobs/held", nil, "job held ")
	refused(http.MethodPost, "/secrets", console.NewSecret{Key: "db", Value: "djI="}, "secret:db: ")
	refused(http.MethodPost, "/secrets", console.NewSecret{Key: "db", Value: "djI=", Overwrite: true}, "secret:db: ")
	if got := c.kubectl(t, "alice", "-n", namespace, "get", "secret", "db", "-o", "jsonpath={.data.db}"); got != "djE=" {
		t.Errorf("the value is %s now", got)
	}
	var problem console.Problem
	page.do(http.StatusUnprocessableEntity, http.MethodPost, "/jobs", console.NewJob{
		Name: "uses", Image: "busybox:1", Environment: []console.NewVariable{{Name: "X", Secret: "secret:db"}},
	}, &problem)
	if problem.Field != "environment[0].secret" || problem.Detail != "secret:db: "+words {
		t.Errorf("%+v", problem)
	}
	if list := get[console.SecretList](page, "/secrets"); len(list.Items) != 1 || list.Items[0].Deleted != words {
		t.Errorf("%+v", list)
	}
	if list := get[console.UsableSecretList](page, "/usable-secrets"); len(list.Items) != 0 {
		t.Errorf("a job is offered %+v", list.Items)
	}
	if list := get[console.JobList](page, "/jobs"); len(list.Items) != 1 || list.Items[0].Status != "cancelled" || list.Items[0].Message != "the job "+words {
		t.Errorf("%+v", list)
	}
}
