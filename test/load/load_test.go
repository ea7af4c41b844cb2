package main

import (
	"testing"
	"time"

	"github.com/neuro-inc/kubectl-apolo/test/internal/local"
)

// TestLoad is a shorter form of what make load does.
func TestLoad(t *testing.T) {
	bin, err := local.Binaries("../..")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlace(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	crowd, err := p.crowd(t.Context(), 20, 8*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + crowd.String())
	many, err := p.manyGrants(t.Context(), 200, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + many.String())
	// What is asked for grows by a request a page, and by one for each key that a name does not tell.
	for name, most := range map[string]int{
		"acl grant, a first one": 0, "acl grant, one more": 0, "acl revoke": 0, "secret add": 0, "secret rm": 0, "secret ls": 0,
		"acl ls --shared": 0, "acl ls, as a guest": many.secrets / 10, "acl ls -u GUEST": many.secrets/10 + 1,
	} {
		if few, many := many.few[name].requests, many.many[name].requests; many > few+most {
			t.Errorf("%s makes %d requests where there is one grant, and %d where there are many", name, few, many)
		}
	}
}

func TestReport(t *testing.T) {
	crowd := &crowdResult{processes: 100, lasted: 2 * time.Minute, commands: map[string][]time.Duration{"secret add": {time.Second, 3 * time.Second, 2 * time.Second}}, answers: map[int]int{200: 7, 409: 1}}
	want := "| command | how often | median | longest |\n| --- | --- | --- | --- |\n| `secret add` | 3 | 2s | 3s |\n| all | 3 | | |\n\n" +
		"| answer of the API server | how often |\n| --- | --- |\n| 200 OK | 7 |\n| 409 Conflict | 1 |\n"
	if got := crowd.String(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

func TestMissing(t *testing.T) {
	told := map[string]string{"a": "1", "b": "2"}
	for problem, there := range map[string]map[string]string{
		"":                                     {"a": "1", "b": "2"},
		"b was acknowledged, and is not there": {"a": "1"},
		"a was acknowledged, and is not there": {"a": "0", "b": "2"},
		"c is there, and was not to be":        {"a": "1", "b": "2", "c": "3"},
	} {
		if got := missing(told, there); got != problem {
			t.Errorf("%v: %q, want %q", there, got, problem)
		}
	}
}
