package grants

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/access"
	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

var token = secrets.Secret{Namespace: "alice", Key: "token", Object: "token", UID: types.UID("0f3a9c21-aaaa-bbbb-cccc-dddddddddddd")}

func TestLevelsIncludeThoseBelow(t *testing.T) {
	for _, test := range []struct {
		level, other Level
		want         bool
	}{
		{Read, Read, true}, {Write, Read, true}, {Manage, Read, true}, {Manage, Write, true},
		{Read, Write, false}, {Write, Manage, false}, {"", Read, false}, {Read, "", true},
	} {
		if got := test.level.Includes(test.other); got != test.want {
			t.Errorf("%q includes %q = %v", test.level, test.other, got)
		}
	}
}

func TestRulesGiveExactlyTheLevel(t *testing.T) {
	onSecret := func(verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"token"}, Verbs: verbs}
	}
	for level, want := range map[Level][]rbacv1.PolicyRule{
		Read:  {onSecret("get")},
		Write: {onSecret("get", "update", "patch")},
		Manage: {onSecret("get", "update", "patch"), {
			APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"rolebindings"},
			ResourceNames: []string{"apolo:secret:token:read:0f3a9c21", "apolo:secret:token:write:0f3a9c21", "apolo:secret:token:manage:0f3a9c21"},
			Verbs:         []string{"get", "update", "patch"},
		}},
	} {
		if got := Rules(token, level); !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %+v, want %+v", level, got, want)
		}
	}
}

func TestParseGrantee(t *testing.T) {
	for text, want := range map[string]Grantee{
		"bob":                               {Kind: "User", Name: "bob"},
		"oidc:bob@example.com":              {Kind: "User", Name: "oidc:bob@example.com"},
		"group:devs":                        {Kind: "Group", Name: "devs"},
		"group:oidc:devs":                   {Kind: "Group", Name: "oidc:devs"},
		"sa:ci:runner":                      {Kind: "ServiceAccount", Namespace: "ci", Name: "runner"},
		"system:serviceaccount:ci:runner":   {Kind: "ServiceAccount", Namespace: "ci", Name: "runner"},
		"system:serviceaccount:ci:runner.x": {Kind: "ServiceAccount", Namespace: "ci", Name: "runner.x"},
	} {
		got, err := ParseGrantee(text)
		if err != nil || got != want {
			t.Errorf("ParseGrantee(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "bob ", "group:", "sa:", "sa:ci", "sa:ci:", "sa::runner", "sa:CI:runner", "sa:ci:a:b", "system:serviceaccount:ci"} {
		if got, err := ParseGrantee(text); err == nil {
			t.Errorf("ParseGrantee(%q) = %+v, want an error", text, got)
		}
	}
}

func FuzzParseGrantee(f *testing.F) {
	for _, seed := range []string{"bob", "group:devs", "sa:a:b", "system:serviceaccount:a:b", "sa:::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseGrantee(text)
		if err != nil {
			return
		}
		again, err := ParseGrantee(parsed.String())
		if err != nil || again != parsed {
			t.Errorf("ParseGrantee(%q) = %+v, but its own form %q is %+v, %v", text, parsed, parsed.String(), again, err)
		}
		if granteeOf(subjectOf(parsed)) != parsed {
			t.Errorf("%+v is not what is written to RBAC: %+v", parsed, subjectOf(parsed))
		}
	})
}

func FuzzParseObjectName(f *testing.F) {
	f.Add("apolo:secret:token:read:0f3a9c21")
	f.Add("apolo:secret::read:0f3a9c21")
	f.Add("apolo:secret:a:b:c")
	f.Fuzz(func(t *testing.T, name string) {
		parsed, ok := secretroles.ParseName(name)
		if !ok || parsed.Level == "" || parsed.UID == "" {
			return
		}
		if made := parsed.String(); made != name {
			t.Errorf("ParseName(%q) is of %q", name, made)
		}
	})
}

func TestRowsFromRules(t *testing.T) {
	rule := func(group, resource, names, verbs string) access.Rule {
		r := access.Rule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: strings.Fields(verbs)}
		r.ResourceNames = strings.Fields(names)
		return r
	}
	const rbac = rbacv1.GroupName
	for name, test := range map[string]struct {
		rules []access.Rule
		want  map[string]Level // by object, "" for the namespace
	}{
		"nothing about secrets":     {[]access.Rule{rule("", "pods", "", "get")}, map[string]Level{}},
		"one by name":               {[]access.Rule{rule("", "secrets", "a", "get")}, map[string]Level{"a": Read}},
		"list alone is not read":    {[]access.Rule{rule("", "secrets", "", "list")}, map[string]Level{}},
		"other group":               {[]access.Rule{rule("example.com", "secrets", "a", "get")}, map[string]Level{}},
		"write by several rules":    {[]access.Rule{rule("", "secrets", "a b", "get"), rule("", "secrets", "a", "update"), rule("", "secrets", "a", "delete")}, map[string]Level{"a": Write, "b": Read}},
		"write of old, with delete": {[]access.Rule{rule("", "secrets", "a", "get update patch delete")}, map[string]Level{"a": Write}},
		"patch alone is not write":  {[]access.Rule{rule("", "secrets", "a", "get patch")}, map[string]Level{"a": Read}},
		"manage": {[]access.Rule{rule("", "secrets", "a", "get update patch delete"),
			rule(rbac, "rolebindings", "apolo:secret:a:read:00000000 apolo:secret:a:manage:00000000", "get update patch")}, map[string]Level{"a": Manage}},
		"another's manage":     {[]access.Rule{rule("", "secrets", "a", "get update delete"), rule(rbac, "rolebindings", "apolo:secret:b:manage:00000000", "update")}, map[string]Level{"a": Write}},
		"wildcards everywhere": {[]access.Rule{rule("*", "*", "", "*")}, map[string]Level{"": Manage}},
		"whole namespace":      {[]access.Rule{rule("", "secrets", "", "get")}, map[string]Level{"": Read}},
		"edit":                 {[]access.Rule{rule("", "secrets", "", "get list update delete create")}, map[string]Level{"": Write}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]Level{}
			for _, row := range rows(access.NewRules("ns", test.rules)) {
				got[row.Object] = row.Level
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestEqualRowsStandSideBySide(t *testing.T) {
	row := Access{Namespace: "team", Key: "token", Level: Read, Grantee: Grantee{Kind: "User", Name: "bob"}}
	stale := row
	stale.Stale = true
	rows := []Access{stale, row, stale}
	sortRows(rows)
	if got := slices.Compact(rows); !slices.Equal(got, []Access{row, stale}) {
		t.Errorf("the rows are %v", got)
	}
}
