package grantee

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{ // what the error has to contain; empty for a good name
		"bob": "", "oidc:bob@example.com": "", "CN=bob,OU=people": "", "Bob Smith": "", "group:oidc:devs": "", "sa:ci:runner": "",
		"system:anonymous": "", "group:system:authenticated": "", "group:system:serviceaccounts:ci": "", "system:node:n1": "",
		"bob,carol":                        "name one at a time",
		"group:devs,ops":                   "name one at a time",
		"bo\u200bb":                        `"bo\u200bb" contains invisible characters; type bob`,
		"bob\x00":                          "type bob",
		"bob\u202e":                        "type bob",
		"\xffbob":                          "type bob",
		"user:bob":                         "type bob",
		"User:bob":                         "type bob",
		"Group:devs":                       "type group:devs",
		"serviceaccount:ci:runner":         "sa:NAMESPACE:NAME",
		"system:authenticated":             "type group:system:authenticated",
		"system:masters":                   "type group:system:masters",
		"system:serviceaccounts:ci":        "type group:system:serviceaccounts:ci",
		"group:system:anonymous":           "type system:anonymous",
		"group:system:serviceaccount:ci:x": "type sa:ci:x",
		"group:system:serviceaccounts:a/b": "nobody can be in the group",
		"group:group:devs":                 "type group:devs",
		"*":                                "no wildcards",
		"group:*":                          "no wildcards",
	} {
		g, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		err = Check(g)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%q) = %v, want %q", text, err, want)
		}
	}
}

func TestWarning(t *testing.T) {
	for text, want := range map[string]string{
		"bob": "", "group:devs": "", "sa:ci:bot": "",
		"group:system:serviceaccounts": "every pod of the cluster has write on it now",
	} {
		if g, err := Parse(text); err != nil || Warning(g, "write") != want {
			t.Errorf("%s: %q, %v", text, Warning(g, "write"), err)
		}
	}
}

func TestReach(t *testing.T) {
	for text, want := range map[string]string{
		"bob": "", "group:devs": "", "sa:ci:runner": "",
		"system:anonymous":                "without an account",
		"group:system:unauthenticated":    "without an account",
		"group:system:authenticated":      "everybody with an account",
		"group:system:serviceaccounts":    "every pod of the cluster",
		"group:system:serviceaccounts:ci": "every pod of the namespace ci",
		"group:system:masters":            "administrator",
		"group:system:nodes":              "every node",
		"system:node:n1":                  "the node n1",
		"system:kube-scheduler":           "Kubernetes itself",
		"group:system:monitoring":         "Kubernetes keeps for itself",
	} {
		g, err := Parse(text)
		if got := Reach(g); err != nil || (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("Reach(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

// A user who has the name of a service account is one, and a name that would be read as another kind is told apart.
func TestNamesOfUsers(t *testing.T) {
	if got := OfUser("system:serviceaccount:ci:runner").String(); got != "sa:ci:runner" {
		t.Error(got)
	}
	for _, name := range []string{"group:devs", "user:bob", "sa:a:b", "system:serviceaccount:broken"} {
		g := OfUser(name)
		again, err := Parse(g.String())
		if g.Kind != User || err != nil || again != g {
			t.Errorf("%+v is written %q, and read as %+v, %v", g, g, again, err)
		}
	}
}

func TestIsIn(t *testing.T) {
	bob, runner := Grantee{Kind: User, Name: "bob"}, Grantee{Kind: ServiceAccount, Namespace: "ci", Name: "runner"}
	for group, want := range map[string][2]bool{
		"system:authenticated": {true, true}, "system:serviceaccounts": {false, true}, "system:serviceaccounts:ci": {false, true},
		"system:serviceaccounts:other": {false, false}, "devs": {false, false}, "system:unauthenticated": {false, false},
	} {
		if got := [2]bool{IsIn(bob, group), IsIn(runner, group)}; got != want {
			t.Errorf("%s: %v, want %v", group, got, want)
		}
	}
}
