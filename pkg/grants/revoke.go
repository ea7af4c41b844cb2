package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// rounds is how often bindings are read again to see whether a grantee is in none. One who manages the secret can add
// themself again only until they are out of the highest level: the API server then asks for rights that they lack.
const rounds = 20

// Revoked is the result of a revocation.
type Revoked struct {
	Before Level // the highest level that the grantee had
	// Groups are the groups that still have access. What the grantee has through one of them was not revoked.
	Groups []Access
}

// Still says in a sentence through which groups a grantee has access for certain, and through which they may have it.
// It is empty where there are none.
func (r Revoked) Still(g Grantee) string {
	var certain, perhaps []string
	for _, one := range r.Groups {
		has := fmt.Sprintf("%s (%s)", one.Grantee, one.Level)
		switch {
		case grantee.IsIn(g, one.Grantee.Name):
			certain = append(certain, has)
		case g.Kind != grantee.Group && one.Grantee != g:
			perhaps = append(perhaps, has)
		}
	}
	switch {
	case len(certain) > 0:
		return fmt.Sprintf("%s still has access through %s", g, strings.Join(certain, ", "))
	case len(perhaps) > 0:
		return fmt.Sprintf("%s still has access if they are in %s", g, strings.Join(perhaps, ", "))
	}
	return ""
}

// Revoke takes every level of a key from a grantee, in the grants of whatever Secret of that name they were made for. It
// returns ErrNotGranted, and who else has access, where they had none. The highest level goes first, and the bindings
// are read again until the grantee is in none of them: otherwise it returns an error.
func (g *Granter) Revoke(ctx context.Context, key string, grantee Grantee) (Revoked, error) {
	var (
		revoked Revoked
		useless = map[string]bool{} // bindings whose Role is gone
		found   []*rbacv1.RoleBinding
		err     error
	)
	for round := 0; ; round++ {
		again, err := g.holders(ctx, key)
		if round > 0 && revoked.Before != "" && apierrors.IsForbidden(err) {
			break // a manager who has revoked their own access: what they saw before has to do
		}
		if err != nil {
			return revoked, g.wrapOnce(key, err)
		}
		found = again
		held := slices.DeleteFunc(slices.Clone(found), func(binding *rbacv1.RoleBinding) bool {
			return useless[binding.Name] || !isFor(binding, grantee)
		})
		if len(held) == 0 {
			break
		}
		if round == rounds {
			return revoked, g.wrap(key, fmt.Errorf("not revoked: %s was added again each time, and still has access; revoke the level manage of others first", grantee))
		}
		slices.SortFunc(held, func(a, b *rbacv1.RoleBinding) int {
			return slices.Index(Levels(), levelOf(b)) - slices.Index(Levels(), levelOf(a))
		})
		for _, binding := range held {
			level := levelOf(binding)
			switch err := g.take(ctx, binding, grantee); {
			case errors.Is(err, errNoRole):
				useless[binding.Name] = true
				continue
			case err != nil && revoked.Before != "":
				return revoked, g.wrap(key, fmt.Errorf("%s still has %s: %w", grantee, level, err))
			case err != nil:
				return revoked, g.wrap(key, err)
			}
			if !revoked.Before.Includes(level) {
				revoked.Before = level
			}
		}
	}
	groups := slices.DeleteFunc(found, func(binding *rbacv1.RoleBinding) bool {
		return !slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.GroupKind })
	})
	if revoked.Groups, err = g.access(ctx, key, groups); err != nil {
		return revoked, g.wrap(key, err)
	}
	revoked.Groups = slices.DeleteFunc(revoked.Groups, func(a Access) bool { return a.Stale || a.Grantee.Kind != rbacv1.GroupKind || a.Grantee == grantee })
	if revoked.Before != "" {
		return revoked, nil
	}
	if _, err := g.store.Lookup(ctx, key); err != nil && !errors.Is(err, secrets.ErrNotManaged) {
		return revoked, err
	}
	return revoked, g.wrap(key, fmt.Errorf("%s %w", grantee, ErrNotGranted))
}

// take takes from a grantee what a binding gives. One with an end goes as a whole, where the user may remove it.
func (g *Granter) take(ctx context.Context, binding *rbacv1.RoleBinding, grantee Grantee) error {
	if isTimed(binding) {
		if err := g.endTimed(ctx, binding); !errors.Is(err, errRoleRemains) {
			return err
		}
	}
	return g.remove(ctx, binding, grantee)
}

func levelOf(binding *rbacv1.RoleBinding) Level {
	_, level, _ := isGrant(binding)
	return level
}

// wrapOnce is wrap for an error that may name the secret already.
func (g *Granter) wrapOnce(key string, err error) error {
	if strings.HasPrefix(err.Error(), g.store.URI(key).String()+": ") {
		return err
	}
	return g.wrap(key, err)
}
