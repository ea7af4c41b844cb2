package secrets

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/secretroles"
)

// Grants finds the Roles that give access to a key. Where the user may not list Roles, Found.Unseen says so.
func (s *Store) Grants(ctx context.Context, key string) (secretroles.Found, error) {
	grants, err := s.roles.Find(ctx, ObjectName(key))
	return grants, s.wrap(key, err)
}

// oldGrants finds what a Secret of the same name left behind when it was deleted by other means than Remove. RBAC judges
// by name, so whoever had access to the old one would have it to the new one. They are looked for before the Secret is
// created, and mostly there are none.
func (s *Store) oldGrants(ctx context.Context, key string) (secretroles.Found, error) {
	found, err := s.roles.Find(ctx, ObjectName(key))
	if err != nil || !found.Exist() {
		return found, err
	}
	switch _, err := s.lookup(ctx, key); {
	case errors.Is(err, ErrNotFound):
		if found.Roles, err = s.roles.Remove(ctx, found.Roles); err != nil {
			return found, err
		}
		if held := secretroles.Held(found.Roles); held != nil {
			return found, fmt.Errorf("an earlier secret of this name was shared, and its %w; nothing is stored, as this one would be shared too", held)
		}
		return found, nil
	case err == nil, errors.Is(err, ErrNotManaged):
		return secretroles.Found{}, nil // they are of a Secret that exists, and creating it again will be refused
	case apierrors.IsForbidden(err):
		return found, nil // it may exist: they are removed once the creation says that it did not
	default:
		return secretroles.Found{}, err
	}
}

// removeSeen removes the grants that could not be removed before it was certain that their Secret is gone. It returns
// what remains.
func (s *Store) removeSeen(ctx context.Context, old secretroles.Found) secretroles.Found {
	var seen, remaining []secretroles.Role
	for _, role := range old.Roles {
		if role.Reason == nil {
			seen = append(seen, role)
		} else {
			remaining = append(remaining, role)
		}
	}
	if len(seen) == 0 {
		return old
	}
	left, err := s.roles.Remove(ctx, seen)
	if err != nil { // the secret is stored: what is not certain to be gone is named
		for i := range seen {
			seen[i].Reason = err
		}
		left = seen
	}
	return secretroles.Found{Roles: append(remaining, left...)}
}

// warnOfGrants tells the user which grants still give access to a secret that has no grants itself.
func (s *Store) warnOfGrants(key string, left secretroles.Found) {
	switch {
	case s.Warn == nil:
	case left.Unseen != nil:
		s.Warn(secretroles.UnseenWarning(s.Namespace()))
	case left.Exist():
		s.Warn(secretroles.RemainingWarning(s.URI(key).String(), left.Roles))
	}
}

// endedGrants is what became of the grants of a secret.
type endedGrants struct {
	shared    bool              // there were some
	forbidden bool              // they were left alone
	held      error             // names a Role that is still there, with all that it gives
	left      secretroles.Found // what is still there
}

// endGrants removes the Roles that give access to a key, and then their bindings. Whoever has no rights on Roles may still
// remove the secret; the garbage collector then removes its grants.
func (s *Store) endGrants(ctx context.Context, key string) (endedGrants, error) {
	found, err := s.roles.Find(ctx, ObjectName(key))
	if err != nil {
		return endedGrants{}, err
	}
	return s.end(ctx, found)
}

func (s *Store) end(ctx context.Context, found secretroles.Found) (ended endedGrants, err error) {
	ended = endedGrants{shared: found.Exist(), forbidden: found.Unseen != nil, left: found}
	if ended.left.Roles, err = s.roles.Remove(ctx, found.Roles); err != nil {
		return ended, err
	}
	ended.held = secretroles.Held(ended.left.Roles)
	ended.forbidden = ended.forbidden || ended.held == nil && ended.left.Exist()
	return ended, nil
}
