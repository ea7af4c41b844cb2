package soak

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const (
	rbacGroup    = "rbac.authorization.k8s.io"
	roles        = "roles"
	rolebindings = "rolebindings"

	// grantPrefix begins the names of the Roles and RoleBindings that share secrets.
	grantPrefix = "apolo:secret:"
)

// grantName is the Role and the RoleBinding of a level of a secret.
func grantName(object string, l level, uid types.UID) string {
	return grantPrefix + object + ":" + l.String() + ":" + string(uid)[:8]
}

// path is where the API server has the objects of a namespace.
func (p *place) path(space actor, resource string) string {
	prefix := map[string]string{"secrets": "/api/v1", "jobs": "/apis/batch/v1"}[resource]
	if prefix == "" {
		prefix = "/apis/" + rbacGroup + "/v1"
	}
	return prefix + "/namespaces/" + p.names[space] + "/" + resource
}

type listing[T any] struct{ Items []T }

type metadata struct {
	Name              string
	UID               types.UID
	Labels            map[string]string
	Annotations       map[string]string
	OwnerReferences   []struct{ UID types.UID }
	DeletionTimestamp *string
}

// compare says in what a namespace is not what the model has; empty for nothing. It learns the UIDs of new secrets.
func (w *walk) compare(in actor) (difference string, err error) {
	space := w.model.spaces[in]
	var jobs listing[struct {
		Metadata metadata
		Status   struct {
			Ready      int
			Conditions []struct{ Type, Status string }
		}
	}]
	if err := w.admin.Do(w.ctx, http.MethodGet, w.path(in, "jobs"), nil, &jobs); err != nil {
		return "", err
	}
	copies := false
	running := map[string]bool{}
	for _, job := range jobs.Items {
		known, ok := space.jobs[job.Metadata.Name]
		if running[job.Metadata.Name] = true; !ok {
			return "there is the job " + job.Metadata.Name, nil
		}
		copies = copies || known.copies
		complete := false
		for _, c := range job.Status.Conditions {
			complete = complete || c.Type == "Complete" && c.Status == "True"
		}
		if !known.ended && job.Status.Ready != 1 || known.ended != complete {
			return fmt.Sprintf("the job %s has ended: %v, want %v; ready: %d", job.Metadata.Name, complete, known.ended, job.Status.Ready), nil
		}
	}
	for name := range space.jobs {
		if !running[name] {
			return "the job " + name + " is gone", nil
		}
	}

	var secrets listing[struct {
		Metadata metadata
		Data     map[string][]byte
	}]
	if err := w.admin.Do(w.ctx, http.MethodGet, w.path(in, "secrets"), nil, &secrets); err != nil {
		return "", err
	}
	found := 0
	for _, s := range secrets.Items {
		if s.Metadata.Labels["apolo.us/job-copy"] == "true" && copies {
			continue
		}
		want := space.secrets[s.Metadata.Name]
		if want == nil {
			return "there is the Secret " + s.Metadata.Name, nil
		}
		found++
		if want.uid == "" {
			want.uid = s.Metadata.UID
		}
		switch annotations := s.Metadata.Annotations; {
		case s.Metadata.UID != want.uid:
			return "another Secret has the name " + s.Metadata.Name, nil
		case s.Metadata.Labels["apolo.us/secret"] != want.mark:
			return fmt.Sprintf("the Secret %s is marked %q, want %q", s.Metadata.Name, s.Metadata.Labels["apolo.us/secret"], want.mark), nil
		case want.mark == "true" && annotations["apolo.us/key"] != want.key, annotations["apolo.us/data-key"] != want.dataKey:
			return fmt.Sprintf("the Secret %s has the annotations %q", s.Metadata.Name, annotations), nil
		case !maps.EqualFunc(s.Data, want.data, func(a []byte, b string) bool { return string(a) == b }):
			return fmt.Sprintf("the Secret %s holds %q, want %q", s.Metadata.Name, s.Data, want.data), nil
		}
	}
	if found != len(space.secrets) {
		return fmt.Sprintf("there are %d Secrets, want %d", found, len(space.secrets)), nil
	}
	return w.compareGrants(in)
}

// compareGrants is compare for Roles and RoleBindings.
func (w *walk) compareGrants(in actor) (difference string, err error) {
	type wanted struct {
		binding
		owner types.UID
	}
	wantedRoles, wantedBindings := map[string]bool{}, map[string]wanted{}
	for object, s := range w.model.spaces[in].secrets {
		for l, b := range s.bindings {
			wantedRoles[grantName(object, l, s.uid)] = true
			wantedBindings[grantName(object, l, s.uid)] = wanted{*b, s.uid}
		}
	}
	perhaps := map[string]*leftover{}
	for i := range w.model.spaces[in].left {
		left := &w.model.spaces[in].left[i]
		name := grantName(left.object, left.level, left.uid)
		wantedBindings[name] = wanted{left.binding, left.uid}
		if left.unsure {
			perhaps[name] = left
		}
	}

	var roleList listing[struct{ Metadata metadata }]
	if err := w.admin.Do(w.ctx, http.MethodGet, w.path(in, roles), nil, &roleList); err != nil {
		return "", err
	}
	for _, role := range roleList.Items {
		if strings.HasPrefix(role.Metadata.Name, grantPrefix) {
			if !wantedRoles[role.Metadata.Name] {
				return "there is the Role " + role.Metadata.Name, nil
			}
			delete(wantedRoles, role.Metadata.Name)
		}
	}
	for name := range wantedRoles {
		return "there is no Role " + name, nil
	}

	var bindings listing[struct {
		Metadata metadata
		RoleRef  struct{ Kind, Name string }
		Subjects []struct{ Kind, Namespace, Name string }
	}]
	if err := w.admin.Do(w.ctx, http.MethodGet, w.path(in, rolebindings), nil, &bindings); err != nil {
		return "", err
	}
	for _, b := range bindings.Items {
		if !strings.HasPrefix(b.Metadata.Name, grantPrefix) {
			continue
		}
		want, ok := wantedBindings[b.Metadata.Name]
		if !ok {
			return "there is the RoleBinding " + b.Metadata.Name, nil
		}
		delete(wantedBindings, b.Metadata.Name)
		var subjects, wantedSubjects []string
		for _, s := range b.Subjects {
			subjects = append(subjects, map[string]string{"Group": "group:", "ServiceAccount": "sa:" + s.Namespace + ":"}[s.Kind]+s.Name)
		}
		for _, g := range want.subjects {
			wantedSubjects = append(wantedSubjects, w.named(string(g)))
		}
		slices.Sort(subjects)
		slices.Sort(wantedSubjects)
		owned := len(b.Metadata.OwnerReferences) == 1 && b.Metadata.OwnerReferences[0].UID == want.owner
		labelled := b.Metadata.Labels["apolo.us/grant"] == "true" && b.Metadata.Labels["apolo.us/object"] != ""
		if !slices.Equal(subjects, wantedSubjects) || owned != want.owned || labelled != want.labelled || b.RoleRef.Kind != "Role" || b.RoleRef.Name != b.Metadata.Name {
			return fmt.Sprintf("the RoleBinding %s to %s is for %q, owned %v, labelled %v; want %q, %v, %v",
				b.Metadata.Name, b.RoleRef.Name, subjects, owned, labelled, wantedSubjects, want.owned, want.labelled), nil
		}
	}
	for name := range wantedBindings {
		if perhaps[name] == nil {
			return "there is no RoleBinding " + name, nil
		}
	}
	// What is left of a secret that is gone comes to no change any more: this is learnt for good.
	w.model.spaces[in].left = slices.DeleteFunc(w.model.spaces[in].left, func(left leftover) bool {
		_, missing := wantedBindings[grantName(left.object, left.level, left.uid)]
		return missing
	})
	for i := range w.model.spaces[in].left {
		w.model.spaces[in].left[i].unsure = false
	}
	return "", nil
}

// review asks the API server what an actor may do with single secrets of a namespace.
func (w *walk) review(a, space actor) (allowance, error) {
	question := map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": map[string]any{"namespace": w.names[space]}}
	var answer struct {
		Status struct {
			ResourceRules []struct{ Verbs, APIGroups, Resources, ResourceNames []string }
		}
	}
	if err := w.apis[a].Do(w.ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", question, &answer); err != nil {
		return nil, err
	}
	secrets, bindings := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, rule := range answer.Status.ResourceRules {
		if !slices.Contains(rule.Resources, "secrets") && !slices.Contains(rule.Resources, rolebindings) {
			continue
		}
		if len(rule.ResourceNames) == 0 {
			if !a.owns(space) {
				return nil, fmt.Errorf("%s may %q all %q of %s", a, rule.Verbs, rule.Resources, w.names[space])
			}
			continue
		}
		for _, name := range rule.ResourceNames {
			if object, ok := strings.CutPrefix(name, grantPrefix); ok && has(rule.Verbs, "get", "update", "patch") {
				object, _, _ = strings.Cut(object, ":")
				if bindings[object] == nil {
					bindings[object] = map[string]bool{}
				}
				bindings[object][name] = true
				continue
			}
			if secrets[name] == nil {
				secrets[name] = map[string]bool{}
			}
			for _, verb := range rule.Verbs {
				secrets[name][verb] = true
			}
		}
	}
	got := allowance{}
	for object, verbs := range secrets {
		may := slices.Sorted(maps.Keys(verbs))
		switch {
		case slices.Equal(may, []string{"get"}):
			got[object] = read
		case !slices.Equal(may, []string{"get", "patch", "update"}):
			return nil, fmt.Errorf("%s may %q the Secret %s of %s", a, may, object, w.names[space])
		case len(bindings[object]) == 3:
			got[object] = manage
		default:
			got[object] = write
		}
	}
	return got, nil
}

func has(list []string, all ...string) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(list, s) })
}
