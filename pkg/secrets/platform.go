package secrets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// PlatformProject is a project of the Apolo platform, which keeps all secrets of a project in one
// Kubernetes Secret: a data key each, named as the secret is, with its bytes
// (neuro-inc/platform-secrets, platform_secrets/service.py).
type PlatformProject struct {
	Org     string // empty for a project without an organization
	Project string
}

// noOrg is what the platform writes in place of an organization where there is none.
const noOrg = "no-org"

// ParsePlatformProject reads ORG/PROJECT, or PROJECT for one without an organization. It returns an error
// for what can't be the names of an object and its namespace in Kubernetes.
func ParsePlatformProject(text string) (PlatformProject, error) {
	org, project, ok := strings.Cut(text, "/")
	if !ok {
		org, project = "", text
	}
	parsed := PlatformProject{Org: org, Project: project}
	if ok && org == "" || project == "" || len(validation.IsDNS1123Subdomain(parsed.Object())) > 0 ||
		len(validation.IsDNS1123Label(parsed.Namespace())) > 0 { // the platform's rule makes some names too long for Kubernetes
		return PlatformProject{}, fmt.Errorf("%q is not a project of the Apolo platform: it must be ORG/PROJECT, or PROJECT for one without an organization", text)
	}
	return parsed, nil
}

func (p PlatformProject) String() string {
	if p.Org == "" {
		return p.Project
	}
	return p.Org + "/" + p.Project
}

func (p PlatformProject) org() string {
	if p.Org == "" || p.Org == "NO_ORG" {
		return noOrg
	}
	return p.Org
}

// Object is the name of the Kubernetes Secret.
func (p PlatformProject) Object() string {
	return "project--" + p.org() + "--" + strings.ReplaceAll(p.Project, "/", "--") + "--secrets"
}

// Namespace is where the platform keeps that Secret: platform--ORG--PROJECT--HASH, in which long names are cut in
// proportion to their lengths (neuro-inc/apolo-kube-client, generate_namespace_name).
func (p PlatformProject) Namespace() string {
	const (
		prefix     = "platform"
		separator  = "--"
		hashLength = 24
		room       = validation.DNS1123LabelMaxLength - len(prefix) - 3*len(separator) - hashLength
	)
	dashes := regexp.MustCompile(`[\s_:/\\]+`)
	normal := func(name string) string { return strings.ToLower(dashes.ReplaceAllString(name, "-")) }
	org, project := normal(p.org()), normal(p.Project)
	whole := org + separator + project
	sum := sha256.Sum256([]byte(whole))
	if len(whole) > room {
		both := len(org) + len(project)
		exceeds := both - room
		fromOrg := int(math.RoundToEven(float64(len(org)) / float64(both) * float64(exceeds)))
		whole = cut(org, fromOrg) + separator + cut(project, exceeds-fromOrg)
	}
	return prefix + separator + whole + separator + hex.EncodeToString(sum[:])[:hashLength]
}

// cut takes n characters off the end of a name, and leaves at least one.
func cut(name string, n int) string {
	return name[:min(len(name), max(1, len(name)-n))]
}
