package acl

import (
	"fmt"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// This file has words for what Apolo's own documentation shares and grants, and this does not.

// parseURI reads the URI of a secret; a plain key is not enough here, because what a bare word
// after grant means would be a guess. verb is the command that takes it.
func parseURI(s *cmdline.Session, verb, arg string) (uri.Secret, error) {
	parsed, err := uri.Parse(arg)
	switch word := elsewhere(s, verb, arg); {
	case word != "":
		return uri.Secret{}, cmdline.Usagef("%q is not a secret: %s", arg, word)
	case err != nil:
		return uri.Secret{}, cmdline.Usagef("%s", err)
	}
	return parsed, nil
}

// elsewhere says how what is no secret is shared, by the scheme of its URI; "" for secrets and for what Apolo does not
// share either.
func elsewhere(s *cmdline.Session, verb, arg string) string {
	scheme, _, isURI := strings.Cut(arg, ":")
	if !isURI {
		return ""
	}
	const withNamespace = "it belongs to its namespace; to let USER run jobs with it, use kubectl create rolebinding USER --clusterrole=edit --user=USER"
	jobs := map[string]string{
		"grant":  "to share a job, use " + s.SiblingCommand("job") + " share JOB USER",
		"revoke": "to take a job back, use " + s.SiblingCommand("job") + " unshare JOB USER",
		"ls":     "to see with whom a job is shared, use " + s.SiblingCommand("job") + " status JOB",
	}
	return map[string]string{
		"job":     jobs[verb],
		"storage": withNamespace,
		"disk":    withNamespace,
		"image":   "an image is shared by its registry",
		"blob":    "a bucket is shared by its cloud; keep its keys as secrets, and share these",
		"role":    "a role of Apolo is a group here; use secret:KEY group:NAME LEVEL",
	}[scheme]
}

// parseLevel reads the name of a level.
func parseLevel(s *cmdline.Session, name string) (grants.Level, error) {
	level, err := grants.ParseLevel(name)
	switch {
	case err == nil:
		return level, nil
	case name == "deny":
		return "", cmdline.Usagef("there is no access level deny: Kubernetes can only allow; to take access back, use %s revoke URI USER", s.SiblingCommand("acl"))
	case name == "list":
		return "", cmdline.Usagef("there is no access level list: whoever can list a Kubernetes Secret can read it; use read")
	}
	return "", cmdline.Usagef("%s", err)
}

// rolesInstead says what to type in place of Apolo's commands for roles.
func rolesInstead(s *cmdline.Session) map[string]string {
	words := map[string]string{"list-roles": "the cluster's groups are its roles, and it keeps no list of them; to see who has what, use " + s.Typed + " ls --shared"}
	for _, verb := range []string{"add-role", "remove-role"} {
		words[verb] = fmt.Sprintf("groups come from where the cluster's users come from; use %s grant secret:KEY group:NAME read", s.Typed)
	}
	return words
}
