package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const grantPrefix = "apolo:secret:"

type metadata struct {
	Name        string
	UID         types.UID
	Annotations map[string]string
}

// state is what a namespace holds, read without the product.
type state struct {
	values map[string]string // by key
	grants map[string]bool   // by key and user
	left   []string          // Roles and RoleBindings of no secret that there is
}

// state reads a namespace.
func (p *place) state(ctx context.Context, namespace string) (*state, error) {
	s := &state{values: map[string]string{}, grants: map[string]bool{}}
	keys := map[string]string{} // by how the names of their grants end and begin
	err := p.list(ctx, "/api/v1/namespaces/"+namespace+"/secrets", func(item item) {
		key := item.Metadata.Annotations["apolo.us/key"]
		s.values[key] = string(item.Data[key])
		keys[item.Metadata.Name+" "+string(item.Metadata.UID)[:8]] = key
	})
	if err != nil {
		return nil, err
	}
	for _, resource := range []string{"roles", "rolebindings"} {
		err := p.list(ctx, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+namespace+"/"+resource, func(item item) {
			name, ok := strings.CutPrefix(item.Metadata.Name, grantPrefix)
			if !ok {
				return
			}
			parts := strings.Split(name, ":")
			key, ok := keys[parts[0]+" "+parts[2]]
			if !ok {
				s.left = append(s.left, resource+"/"+item.Metadata.Name)
				return
			}
			for _, subject := range item.Subjects {
				s.grants[key+" "+subject.Name] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

type item struct {
	Metadata metadata
	Data     map[string][]byte
	Subjects []struct{ Name string }
}

// list reads a collection in pages.
func (p *place) list(ctx context.Context, path string, each func(item)) error {
	for next := ""; ; {
		var page struct {
			Metadata struct{ Continue string }
			Items    []item
		}
		if err := p.admin.Do(ctx, http.MethodGet, fmt.Sprintf("%s?limit=500&continue=%s", path, url.QueryEscape(next)), nil, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			each(item)
		}
		if next = page.Metadata.Continue; next == "" {
			return nil
		}
	}
}
