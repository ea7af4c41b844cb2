package secrets

import (
	"context"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// Details are a Secret, and what else its Kubernetes Secret tells without the value.
type Details struct {
	Secret
	// Stored is when the value was last stored, and not before that: Kubernetes keeps a time for all that one program
	// last changed at once. It is zero where Kubernetes kept none.
	Stored time.Time
	// StoredBy is the program that did, as Kubernetes calls it: a field manager, such as kubectl-apolo.
	StoredBy string
}

// Details looks up a secret, as Lookup does.
func (s *Store) Details(ctx context.Context, key string) (Details, error) {
	if err := uri.ValidateKey(key); err != nil {
		return Details{}, s.wrap(key, err)
	}
	object, err := s.lookupObject(ctx, key)
	if err != nil {
		return Details{}, s.wrap(key, err)
	}
	found := Details{Secret: describe(object)}
	for _, entry := range object.GetManagedFields() {
		if entry.Time != nil && entry.Time.After(found.Stored) && managesData(entry, found.DataKey) {
			found.Stored, found.StoredBy = entry.Time.Time, entry.Manager
		}
	}
	return found, nil
}

// managesData reports whether an entry of managedFields is for the value of a data key (KEP-555, Server-side Apply:
// FieldsV1).
func managesData(entry metav1.ManagedFieldsEntry, key string) bool {
	var fields struct {
		Data map[string]json.RawMessage `json:"f:data"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	_, ok := fields.Data["f:"+key]
	return ok
}
