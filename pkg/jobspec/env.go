package jobspec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// Variable is one environment variable of a job: a literal Value, or the value of a Secret.
type Variable struct {
	Name   string
	Value  string
	Secret *uri.Secret // nil for a literal
}

// Lookup finds a variable in the environment of the caller; os.LookupEnv is one.
type Lookup func(name string) (value string, ok bool)

// ParseVariable reads NAME=VALUE, NAME=secret:KEY (in any form of pkg/uri), or NAME alone, whose
// value comes from lookup. Like Apolo's own command line it takes every value that begins with
// "secret:" for a secret, wherever the value came from. It returns an error for a name that
// Kubernetes would refuse, a URI that is none, a NAME that lookup does not know, and bytes that a
// Job can't hold. No error quotes a value.
func ParseVariable(s string, lookup Lookup) (Variable, error) {
	name, value, ok := strings.Cut(s, "=")
	if err := envfile.ValidateName(name); err != nil {
		return Variable{}, err
	}
	if !ok {
		if value, ok = lookup(name); !ok {
			return Variable{}, errNotSet // without the name, which may be a value where a shell has put one
		}
	}
	return newVariable(name, value)
}

var (
	errNotSet = errors.New("NAME alone takes the value that the variable has here, and it is not set here; use NAME=VALUE")
	// errNotURI does not quote what it is about, which is a value and not a URI where somebody did not mean one.
	errNotURI = fmt.Errorf("the value begins with %q, and is not the URI of a secret: it must be secret:KEY, secret:/NAMESPACE/KEY or secret://CLUSTER/NAMESPACE/KEY", uri.Scheme)
)

func newVariable(name, value string) (Variable, error) {
	if uri.IsSecret(value) {
		secret, err := uri.Parse(value)
		if err != nil {
			return Variable{}, fmt.Errorf("variable %s: %w", name, errNotURI)
		}
		return Variable{Name: name, Secret: &secret}, nil
	}
	if err := storable(value); err != nil {
		return Variable{}, fmt.Errorf("the value of the variable %s %w", name, err)
	}
	return Variable{Name: name, Value: value}, nil
}

// MaxVariables is the largest file of variables, in bytes: etcd takes no object of more (etcd's --max-request-bytes).
const MaxVariables = 3 << 19

// ParseVariables reads a file of variables in the format of pkg/envfile, each as ParseVariable does.
func ParseVariables(content []byte, lookup Lookup) ([]Variable, error) {
	if len(content) > MaxVariables {
		return nil, fmt.Errorf("more than %d bytes, which no job can hold", MaxVariables)
	}
	var variables []Variable
	text, err := envfile.Text(content)
	if err != nil {
		return nil, fmt.Errorf("the file %w", err)
	}
	for line, err := range envfile.Lines(text) {
		if err != nil {
			return nil, err
		}
		value, err := line.Resolve(lookup)
		if err != nil {
			return nil, err
		}
		variable, err := newVariable(line.Name, value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line.Number, err)
		}
		variables = append(variables, variable)
	}
	return variables, nil
}

// lastWins drops the variables that a later one of the same name replaces, as docker run does, so
// that a flag can change what a file says.
func lastWins(variables []Variable) []Variable {
	last := make(map[string]int, len(variables))
	for i, v := range variables {
		last[v.Name] = i
	}
	var kept []Variable
	for i, v := range variables {
		if last[v.Name] == i {
			kept = append(kept, v)
		}
	}
	return slices.Clip(kept)
}

// storable says why a text can't be part of a Job, or returns nil. An object of the API holds
// Unicode, and an environment or command line has no zero bytes (execve(2)).
func storable(s string) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8; bytes like these can only be passed as a secret")
	case strings.ContainsRune(s, 0):
		return errors.New("holds a zero byte, which no process can receive")
	}
	return nil
}

// verbatim returns what a Job must say so that the container receives s: Kubernetes replaces
// $(NAME) by the value of a variable, and $$ by $, in the values of variables, in command and in
// args (k8s.io/api/core/v1, Container.Args). A lone $ stays as it is, so that most commands remain
// readable in the Job.
func verbatim(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '$' && i+1 < len(s) && (s[i+1] == '$' || s[i+1] == '(') {
			b.WriteByte('$')
		}
	}
	return b.String()
}

func allVerbatim(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = verbatim(word)
	}
	return quoted
}

// literal is the opposite of verbatim.
func literal(s string) string { return strings.ReplaceAll(s, "$$", "$") }

func allLiteral(words []string) []string {
	var all []string
	for _, word := range words {
		all = append(all, literal(word))
	}
	return all
}
