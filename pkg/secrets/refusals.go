package secrets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// maskStored returns the error of a request about a Secret that exists without values: those that the request carried,
// and those that are stored, which an admission rule may quote too. They are read for that only once a rule has refused
// the request. Where the user may not read them the rule's words are left out.
func (s *Store) maskStored(ctx context.Context, err error, object string, carried ...[]byte) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	before, _, refused := cutDenied(status.Status().Message)
	if !refused {
		return kube.Mask(err, carried...)
	}
	stored, readErr := s.readObject(ctx, object)
	if readErr == nil {
		return kube.Mask(err, append(slices.Collect(maps.Values(stored.Data)), carried...)...)
	}
	if errors.Is(readErr, ErrNotFound) {
		return kube.Mask(err, carried...)
	}
	wordless := apierrors.StatusError{ErrStatus: status.Status()}
	wordless.ErrStatus.Message = before + "; the reason is not shown, because it may quote a value that you can't read"
	wordless.ErrStatus.Details = nil
	return &wordless
}

// withholdWarnings is for requests about a Secret that exists: an admission rule may quote in a warning what is stored there.
func withholdWarnings(ctx context.Context, object string) context.Context {
	return kube.WithholdWarnings(ctx, fmt.Sprintf("Secret %q", object))
}

// cutDenied cuts the message of a refusal after the words with which the API server introduces those of a webhook or a
// policy.
func cutDenied(message string) (before, after string, found bool) {
	for _, words := range []string{"denied the request", "denied request"} {
		if before, after, found = strings.Cut(message, words); found {
			return before + words, after, true
		}
	}
	return message, "", false
}
