package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/timers"
)

// Expire ends a secret, with everybody's access to it, after a time or at one, by a timer that owns its Kubernetes Secret. It
// takes the place of another end. It returns the secret and when it ends, and the errors of timers.Client.Start.
func (s *Store) Expire(ctx context.Context, key string, end timers.End) (Secret, time.Time, error) {
	found, err := s.expirable(ctx, key)
	if err != nil {
		return found, time.Time{}, err
	}
	timer, err := s.timers.Start(ctx, timers.Spec{Object: found.Object, End: end})
	if err != nil {
		return found, time.Time{}, s.wrap(key, err)
	}
	if err := s.own(ctx, found, &timer); err != nil {
		s.discard(ctx, timer)
		return found, time.Time{}, s.wrap(key, err)
	}
	s.discard(ctx, found.Timer)
	return found, timer.Ends, nil
}

// NeverExpire takes the end of a secret away. It reports whether there was one.
func (s *Store) NeverExpire(ctx context.Context, key string) (Secret, bool, error) {
	found, err := s.expirable(ctx, key)
	if err != nil || found.Timer.Name == "" {
		return found, false, err
	}
	if err := s.own(ctx, found, nil); err != nil {
		return found, false, s.wrap(key, err)
	}
	s.discard(ctx, found.Timer)
	return found, true, nil
}

// Ending is when a secret ends.
func (s *Store) Ending(ctx context.Context, secret Secret) (timers.Ending, error) {
	return s.timers.Ending(ctx, secret.Timer)
}

func (s *Store) expirable(ctx context.Context, key string) (Secret, error) {
	found, err := s.Lookup(ctx, key)
	switch {
	case err != nil:
		return found, err
	case found.BeingDeleted != nil:
		return found, s.wrap(key, found.BeingDeleted)
	case found.Owner != "":
		return found, s.wrap(key, adoptedError(found))
	}
	return found, nil
}

// own makes a timer the owner of a Secret, in place of the one that it had, in one request: it is never without an end in
// between.
func (s *Store) own(ctx context.Context, secret Secret, timer *timers.Timer) error {
	var owners []any
	if timer != nil {
		owners = append(owners, timer.Owner())
	}
	if secret.Timer.Name != "" {
		owners = append(owners, map[string]any{"$patch": "delete", "uid": secret.Timer.UID})
	}
	// A strategic merge patch leaves other owners alone. The UID is a precondition.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": secret.UID, "ownerReferences": owners}})
	if err != nil {
		return err
	}
	// A field manager of its own: the time of the other one's last change is that of the value.
	return s.patchLiving(ctx, secret.Object, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-apolo-expire"})
}

// discard stops a timer that ends nothing any more, and warns of one that is left.
func (s *Store) discard(ctx context.Context, timer timers.Timer) {
	if left := s.timers.Discard(ctx, timer); left != nil && s.Warn != nil {
		s.Warn(left.Error())
	}
}

// AddUntil is Add for a secret that ends. A new one has its end from the first moment. It returns when that is.
func (s *Store) AddUntil(ctx context.Context, key string, value []byte, o AddOptions, end timers.End) (created bool, ends time.Time, err error) {
	if err := Validate(key, value); err != nil {
		return false, time.Time{}, s.wrap(key, err)
	}
	if o.Overwrite {
		err := s.overwrite(ctx, key, value, o)
		if err == nil {
			if _, ends, err = s.Expire(ctx, key, end); err != nil {
				err = fmt.Errorf("the value is replaced, but when it ends is unchanged: %w", err)
			}
			return false, ends, err
		}
		if !errors.Is(err, ErrNotFound) {
			return false, time.Time{}, s.wrap(key, err)
		}
	}
	timer, err := s.timers.Start(ctx, timers.Spec{Object: ObjectName(key), End: end})
	if err != nil {
		return false, time.Time{}, s.wrap(key, err)
	}
	if err := s.addNew(ctx, key, value, o, timer.Owner()); err != nil {
		s.discard(ctx, timer)
		return false, time.Time{}, s.wrap(key, err)
	}
	return true, timer.Ends, nil
}
