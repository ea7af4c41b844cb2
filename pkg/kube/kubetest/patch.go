package kubetest

import (
	"errors"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
)

// patch changes an object. Of the kinds of patches there are those that our code sends.
func (s *Server) patch(t target, kind types.PatchType, manager string, body []byte, dryRun bool) (*unstructured.Unstructured, error) {
	at := t.key()
	old := s.objects[at]
	if kind == types.ApplyPatchType {
		return s.apply(t, manager, body, dryRun)
	}
	if old == nil {
		return nil, apierrors.NewNotFound(at.resource, at.name)
	}
	var patched []byte
	var err error
	switch kind {
	case types.MergePatchType:
		patched, err = jsonpatch.MergePatch(asJSON(old), body)
	case types.JSONPatchType:
		var operations jsonpatch.Patch
		if operations, err = jsonpatch.DecodePatch(body); err == nil {
			patched, err = operations.Apply(asJSON(old))
		}
	default:
		return nil, fmt.Errorf("kubetest does not know patches of type %q; add it", kind)
	}
	if err != nil {
		return nil, unprocessable(err)
	}
	object, err := decode(patched)
	if err != nil {
		return nil, unprocessable(err)
	}
	return s.update(t, object, dryRun)
}

// apply is server-side apply without conflicts: what the field manager has applied before, and does not apply now, goes
// (https://kubernetes.io/docs/reference/using-api/server-side-apply).
func (s *Server) apply(t target, manager string, body []byte, dryRun bool) (*unstructured.Unstructured, error) {
	at := t.key()
	var now map[string]any
	if err := json.Unmarshal(body, &now); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	old := s.objects[at]
	if old == nil {
		object := &unstructured.Unstructured{Object: now}
		if uid := object.GetUID(); uid != "" {
			return nil, apierrors.NewConflict(at.resource, at.name,
				fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
		}
		return s.create(t, object, dryRun)
	}
	before, _ := s.applied[at][manager].(map[string]any)
	patched, err := jsonpatch.MergePatch(asJSON(old), asJSON(gone(before, now)))
	if err == nil {
		patched, err = jsonpatch.MergePatch(patched, body)
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	object, err := decode(patched)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	object, err = s.update(t, object, dryRun)
	if err == nil && !dryRun {
		if s.applied[at] == nil {
			s.applied[at] = map[string]any{}
		}
		s.applied[at][manager] = now
	}
	return object, err
}

// gone is a merge patch that removes what is in before and not in now.
func gone(before, now map[string]any) map[string]any {
	patch := map[string]any{}
	for name, value := range before {
		there, ok := now[name]
		below, isMap := value.(map[string]any)
		belowNow, _ := there.(map[string]any)
		switch {
		case !ok && !isMap:
			patch[name] = nil
		case isMap:
			patch[name] = gone(below, belowNow)
		}
	}
	return patch
}

// decode reads an object from JSON.
func decode(body []byte) (*unstructured.Unstructured, error) {
	var content map[string]any
	if err := json.Unmarshal(body, &content); err != nil {
		return nil, err
	}
	if content == nil {
		return nil, errors.New("no object")
	}
	return &unstructured.Unstructured{Object: content}, nil
}
