package jobs

import (
	"errors"
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// Unread are the URIs of the secrets that CheckAndRead found that the user may not read, and the job may use. Their
// values can't be hidden, and nobody can say whether they fit where they are to be.
func (p *Plan) Unread() []string { return p.unread }

var errNotText = errors.New("the value is not text (it has a zero byte, or is not UTF-8)")

// fits says why a value can't be that of a variable, or returns nil. The Secret of the name object has the value.
func (p *Plan) fits(secret uri.Secret, object string, value []byte) error {
	if storable(string(value)) == nil {
		return nil
	}
	for _, variable := range p.job.Spec.Template.Spec.Containers[0].Env {
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil && from.SecretKeyRef.Name == object {
			return fmt.Errorf("%s: %w: it can't be the variable %s; mount it with --volume %s:/PATH", secret, errNotText, variable.Name, secret)
		}
	}
	return nil
}
