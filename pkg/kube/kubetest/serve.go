package kubetest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// target is what a URL names.
type target struct {
	apiResource
	namespace, name, subresource string
}

func (t target) key() key { return key{t.gvr.GroupResource(), t.namespace, t.name} }

// parse reads the path of a URL (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris).
func parse(path string) (target, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var version schema.GroupVersion
	switch {
	case len(parts) > 2 && parts[0] == "api":
		version, parts = schema.GroupVersion{Version: parts[1]}, parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		version, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		return target{}, false
	}
	var t target
	if parts[0] == "namespaces" && len(parts) > 2 {
		t.namespace, parts = parts[1], parts[2:]
	}
	parts = append(parts, "", "")
	t.name, t.subresource = parts[1], parts[2]
	var ok bool
	t.apiResource, ok = resources[version.WithResource(parts[0])]
	return t, ok
}

// describe is a request in the words of Requests.
func describe(r *http.Request) string {
	name := r.URL.Path
	if rest, ok := strings.CutPrefix(name, "/api/v1/"); ok {
		name = rest
	} else if parts := strings.SplitN(strings.TrimPrefix(name, "/apis/"), "/", 3); len(parts) == 3 && strings.HasPrefix(name, "/apis/") {
		name = parts[2]
	}
	text := r.Method + " " + strings.TrimPrefix(name, "namespaces/")
	if r.URL.Query().Get("watch") != "" {
		return text + " watch"
	}
	return text
}

// ServeHTTP is part of http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	text, token := describe(r), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mutex.Lock()
	s.requests, s.tokens = append(s.requests, text), append(s.tokens, token)
	answer := s.answer(text)
	user := s.users[token]
	for _, warning := range s.warnings {
		if fits(warning.pattern, text) {
			w.Header().Add("Warning", "299 - "+strconv.Quote(warning.text))
		}
	}
	s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch t, known := parse(r.URL.Path); {
	case answer != nil:
		answer(w, r)
	case user == "":
		Refuse(apierrors.NewUnauthorized("Unauthorized"))(w, r)
	case r.URL.Path == "/version":
		write(w, http.StatusOK, map[string]string{"gitVersion": s.release})
	case !known:
		http.Error(w, "404 page not found", http.StatusNotFound)
	default:
		s.serve(w, r, t, cmp.Or(r.Header.Get("Impersonate-User"), user), body)
	}
}

// serve answers a request about objects, if it is allowed.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, t target, user string, body []byte) {
	verb, words := verbOf(r, t), t.gvr.Resource
	if t.subresource != "" {
		words += "/" + t.subresource
	}
	selected, err := selector(r)
	s.mutex.Lock()
	if !s.allows(verb, words) && !isReview(t) {
		err = apierrors.NewForbidden(t.gvr.GroupResource(), t.name, refusal(verb, words, user, t))
	}
	s.mutex.Unlock()
	switch {
	case err != nil:
		refuse(w, err)
	case isReview(t):
		s.review(w, t, user, body)
	case verb == "watch":
		s.watch(w, r, t, selected)
	case t.subresource == "log":
		s.writeLog(w, r, t)
	case t.subresource != "" && t.subresource != "status":
		refuse(w, apierrors.NewGenericServerResponse(http.StatusNotFound, verb, t.gvr.GroupResource(), t.name, "", 0, true))
	default:
		s.change(w, r, t, verb, body, selected)
	}
}

// change is serve for what reads and writes the store.
func (s *Server) change(w http.ResponseWriter, r *http.Request, t target, verb string, body []byte, selected func(*unstructured.Unstructured) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var (
		object *unstructured.Unstructured
		err    error
		dryRun = r.URL.Query().Get("dryRun") != ""
		code   = http.StatusOK
	)
	switch verb {
	case "list", "deletecollection":
		s.writeList(w, r, t, verb == "deletecollection" && !dryRun, body, selected)
		return
	case "get":
		if object = s.objects[t.key()]; object == nil {
			err = apierrors.NewNotFound(t.key().resource, t.name)
		}
	case "create", "update":
		if object, err = received(body, t); err != nil {
			err = apierrors.NewBadRequest(err.Error())
		} else if verb == "create" {
			object, err = s.create(t, object, dryRun)
			code = http.StatusCreated
		} else {
			object, err = s.update(t, object, dryRun)
		}
	case "patch":
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		object, err = s.patch(t, types.PatchType(kind), managerOf(r), body, dryRun)
	case "delete":
		var options metav1.DeleteOptions
		if options, err = deleteOptions(body); err == nil {
			if dryRun {
				options.DryRun = []string{metav1.DryRunAll}
			}
			object, err = s.delete(t, options)
		}
	}
	switch {
	case err != nil:
		refuse(w, err)
	case object == nil: // it was deleted
		write(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess,
			Details: &metav1.StatusDetails{Name: t.name, Group: t.gvk.Group, Kind: t.gvr.Resource}})
	default:
		write(w, code, asAccepted(r, object).Object)
	}
}

// isReview reports whether a request asks about the user, as everybody may (the ClusterRole system:basic-user).
func isReview(t target) bool { return strings.HasPrefix(t.gvk.Kind, "SelfSubject") }

// verbOf is a request as RBAC calls it.
func verbOf(r *http.Request, t target) string {
	switch {
	case r.URL.Query().Get("watch") != "":
		return "watch"
	case r.Method == http.MethodGet && t.name == "":
		return "list"
	case r.Method == http.MethodDelete && t.name == "":
		return "deletecollection"
	}
	return map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[r.Method]
}

// allows reports whether no test forbids something. The server's mutex is held.
func (s *Server) allows(verb, resource string) bool {
	return !slices.ContainsFunc(s.forbidden, func(f right) bool {
		return (f.verb == "*" || f.verb == verb) && (f.resource == "*" || f.resource == resource)
	})
}

// refusal has the words of RBAC (forbiddenMessage in k8s.io/apiserver/pkg/endpoints/handlers/responsewriters).
func refusal(verb, resource, user string, t target) error {
	where := "at the cluster scope"
	if t.namespace != "" {
		where = fmt.Sprintf("in the namespace %q", t.namespace)
	}
	words := fmt.Sprintf("User %q cannot %s resource %q in API group %q %s", user, verb, resource, t.gvk.Group, where)
	return errors.New(words)
}

// managerOf is whose fields a request sets; without a name it is the program's.
func managerOf(r *http.Request) string {
	program, _, _ := strings.Cut(r.UserAgent(), "/")
	return cmp.Or(r.URL.Query().Get("fieldManager"), program)
}

// received reads an object that came as JSON or as protobuf.
func received(body []byte, t target) (*unstructured.Unstructured, error) {
	if !bytes.HasPrefix(body, []byte("k8s\x00")) {
		object, err := decode(body)
		if err == nil {
			object.SetGroupVersionKind(t.gvk)
		}
		return object, err
	}
	object, _, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return nil, err
	}
	return toUnstructured(object)
}

func deleteOptions(body []byte) (options metav1.DeleteOptions, err error) {
	if len(body) > 0 {
		_, _, err = codecs.UniversalDeserializer().Decode(body, nil, &options)
	}
	return options, err
}

// selector reports which objects a request is about.
func selector(r *http.Request) (func(*unstructured.Unstructured) bool, error) {
	byLabel, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	byField, err := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return func(object *unstructured.Unstructured) bool {
		return byLabel.Matches(labels.Set(object.GetLabels())) && byField.Matches(fieldsOf(object.Object))
	}, nil
}

// fieldsOf has all fields of an object. A real server selects by a few fields of each kind only.
type fieldsOf map[string]any

// Has is part of fields.Fields.
func (f fieldsOf) Has(name string) bool { return f.Get(name) != "" }

// Get is part of fields.Fields.
func (f fieldsOf) Get(name string) string {
	value, _, _ := unstructured.NestedString(f, strings.Split(name, ".")...)
	return value
}

// writeList answers with the selected objects, a page of them where the request has a limit, and deletes them if asked to.
func (s *Server) writeList(w http.ResponseWriter, r *http.Request, t target, remove bool, body []byte, selected func(*unstructured.Unstructured) bool) {
	options, err := deleteOptions(body)
	if err != nil {
		refuse(w, apierrors.NewBadRequest(err.Error()))
		return
	}
	found := s.keys(func(k key) bool {
		return k.resource == t.gvr.GroupResource() && (t.namespace == "" || k.namespace == t.namespace) && selected(s.objects[k])
	})
	metadata := map[string]any{"resourceVersion": strconv.Itoa(s.version)}
	if from, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("continue")); err == nil && len(from) > 0 {
		found = slices.DeleteFunc(found, func(k key) bool { return k.namespace+"/"+k.name <= string(from) })
	}
	if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 0 && limit < len(found) {
		metadata["remainingItemCount"] = len(found) - limit
		found = found[:limit]
		last := found[limit-1]
		metadata["continue"] = base64.RawURLEncoding.EncodeToString([]byte(last.namespace + "/" + last.name))
	}
	items := []any{}
	for _, at := range found {
		item := asAccepted(r, s.objects[at]).DeepCopy()
		if !wantsMetadata(r) { // the items of a list have the kind of the list
			delete(item.Object, "apiVersion")
			delete(item.Object, "kind")
		}
		items = append(items, item.Object)
	}
	list := map[string]any{"apiVersion": t.gvk.GroupVersion().String(), "kind": t.gvk.Kind + "List", "metadata": metadata, "items": items}
	if wantsMetadata(r) {
		list["apiVersion"], list["kind"] = metav1.SchemeGroupVersion.String(), "PartialObjectMetadataList"
	}
	for _, at := range found {
		if remove && s.objects[at] != nil {
			s.remove(at, t.propagation(options))
		}
	}
	write(w, http.StatusOK, list)
}

// wantsMetadata reports whether the client asks for metadata alone
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches).
func wantsMetadata(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// asAccepted is as much of an object as the client asks for.
func asAccepted(r *http.Request, object *unstructured.Unstructured) *unstructured.Unstructured {
	if !wantsMetadata(r) {
		return object
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": metav1.SchemeGroupVersion.String(), "kind": "PartialObjectMetadata", "metadata": object.Object["metadata"],
	}}
}

// writeLog answers with the log of a pod.
func (s *Server) writeLog(w http.ResponseWriter, r *http.Request, t target) {
	s.mutex.Lock()
	log, pod := s.logs[t.key()], s.objects[t.key()]
	s.mutex.Unlock()
	if pod == nil {
		refuse(w, apierrors.NewNotFound(pods, t.name))
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	lines := slices.DeleteFunc(strings.SplitAfter(log, "\n"), func(line string) bool { return line == "" })
	if last, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil && last < len(lines) {
		lines = lines[len(lines)-last:]
	}
	for i, line := range lines {
		if r.URL.Query().Get("timestamps") == "true" {
			written := pod.GetCreationTimestamp().Add(time.Duration(i) * time.Millisecond)
			line = written.UTC().Format(time.RFC3339Nano) + " " + line
		}
		_, _ = io.WriteString(w, line) // a client that is gone needs nothing
	}
}

// review answers who the user is, and what they can do.
func (s *Server) review(w http.ResponseWriter, t target, user string, body []byte) {
	object, err := received(body, t)
	if err != nil {
		refuse(w, apierrors.NewBadRequest(err.Error()))
		return
	}
	var status any
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch t.gvk.Kind {
	case "SelfSubjectReview":
		status = authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: user, Groups: []string{"system:authenticated"}}}
	case "SelfSubjectAccessReview":
		review, err := As[authorizationv1.SelfSubjectAccessReview](object)
		if err != nil || review.Spec.ResourceAttributes == nil {
			refuse(w, apierrors.NewBadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified"))
			return
		}
		about := review.Spec.ResourceAttributes
		words := strings.TrimSuffix(about.Resource+"/"+about.Subresource, "/")
		status = authorizationv1.SubjectAccessReviewStatus{Allowed: s.allows(about.Verb, words)}
	case "SelfSubjectRulesReview":
		everything := authorizationv1.ResourceRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
		rules := authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{everything}, NonResourceRules: []authorizationv1.NonResourceRule{}}
		if s.rules != nil {
			rules = *s.rules
		}
		status = rules
	}
	object.Object["status"] = status
	write(w, http.StatusCreated, object.Object)
}

// Refuse answers with an error of an API server.
func Refuse(err *apierrors.StatusError) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, err) }
}

func refuse(w http.ResponseWriter, err error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	answer := status.Status()
	answer.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	write(w, int(answer.Code), answer)
}

func write(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(code)
	_, _ = w.Write(asJSON(answer)) // a client that is gone needs nothing
}
