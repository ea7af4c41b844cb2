package kubetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
)

// send makes a request as alice. Headers are NAME: VALUE.
func (s *Server) send(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// ask is send for a whole answer: its code, and its text without spaces between its parts.
func (s *Server) ask(t *testing.T, method, path, body string, headers ...string) string {
	t.Helper()
	response := s.send(t, method, path, body, headers...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, text) == nil {
		text = compact.Bytes()
	}
	return fmt.Sprintf("%d %s", response.StatusCode, text)
}

const (
	inDefault = "/api/v1/namespaces/default/"
	mergeType = "Content-Type: application/merge-patch+json"
	jsonType  = "Content-Type: application/json-patch+json"
	applyType = "Content-Type: application/apply-patch+yaml"
	metadata  = "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
)

func secret(name string, changes ...func(*corev1.Secret)) *corev1.Secret {
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-x", Labels: map[string]string{"is": name}}, Data: map[string][]byte{"k": []byte("v")}}
	for _, change := range changes {
		change(object)
	}
	return object
}

func held(object *corev1.Secret) { object.Finalizers = []string{"example.com/hold"} }

// The server is to answer as a real one does. Each row is a request, and what there is in the answer.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name, request, body string
		headers             []string
		want                string // begins the answer
		has                 []string
		hasNot              string
		left                string // what there is of the secret "there" afterwards
	}{
		{name: "get", request: "GET secrets/there", want: "200 {", has: []string{`"data":{"k":"dg=="}`, `"kind":"Secret"`, `"type":"Opaque"`}},
		{name: "get metadata", request: "GET secrets/there", headers: []string{metadata}, want: "200 {", has: []string{`"kind":"PartialObjectMetadata"`, `"name":"there"`}, hasNot: "data\":{\"k"},
		{name: "get nothing", request: "GET secrets/none", want: "404 {", has: []string{`secrets \"none\" not found`, `"reason":"NotFound"`, `"kind":"Status"`}},
		{name: "list by label", request: "GET secrets?labelSelector=is%3Dthere", want: "200 {", has: []string{`"kind":"SecretList"`, `"name":"there"`}, hasNot: `"name":"other"`},
		{name: "list by field", request: "GET secrets?fieldSelector=metadata.name%3Dother", want: "200 {", has: []string{`"name":"other"`}, hasNot: `"name":"there"`},
		{name: "first page", request: "GET secrets?limit=1", want: "200 {", has: []string{`"continue":`, `"remainingItemCount":1`, `"name":"other"`}, hasNot: `"name":"there"`},
		{name: "last page", request: "GET secrets?limit=1&continue=ZGVmYXVsdC9vdGhlcg", want: "200 {", has: []string{`"name":"there"`}, hasNot: `"continue":`},
		{name: "list of nothing", request: "GET configmaps", want: "200 {", has: []string{`"items":[]`, `"kind":"ConfigMapList"`}},
		{name: "unknown group", request: "GET /apis/metrics.k8s.io/v1beta1/nodes", want: "404 404 page not found"},
		{name: "create", request: "POST secrets", body: `{"metadata":{"name":"new"},"stringData":{"k":"v"}}`, want: "201 {", has: []string{`"data":{"k":"dg=="}`, `"uid":"0000`, `"creationTimestamp":"2`}},
		{name: "create with a generated name", request: "POST secrets", body: `{"metadata":{"generateName":"new-"}}`, want: "201 {", has: []string{`"name":"new-`}},
		{name: "create without a name", request: "POST secrets", body: `{}`, want: "422 {", has: []string{"name or generateName is required", `"reason":"Invalid"`}},
		{name: "create what is there", request: "POST secrets", body: `{"metadata":{"name":"there"}}`, want: "409 {", has: []string{`"message":"secrets \"there\" already exists"`, `"reason":"AlreadyExists"`}},
		{name: "create what is being deleted", request: "POST secrets", body: `{"metadata":{"name":"other"}}`, want: "409 {", has: []string{`object is being deleted: secrets \"other\" already exists`}},
		{name: "create nowhere", request: "POST /api/v1/namespaces/gone/secrets", body: `{"metadata":{"name":"new"}}`, want: "404 {", has: []string{`namespaces \"gone\" not found`, `"kind":"namespaces"`}},
		{name: "create, as a rehearsal", request: "POST secrets?dryRun=All", body: `{"metadata":{"name":"new"}}`, want: "201 {", has: []string{`"name":"new"`}},
		{name: "update", request: "PUT secrets/there", body: `{"metadata":{"name":"there"},"data":{"k":"dw=="}}`, want: "200 {", left: `{"k":"dw=="}`},
		{name: "update an older version", request: "PUT secrets/there", body: `{"metadata":{"name":"there","resourceVersion":"1"}}`, want: "409 {", has: []string{"the object has been modified", `"reason":"Conflict"`}, left: `{"k":"dg=="}`},
		{name: "update another name", request: "PUT secrets/there", body: `{"metadata":{"name":"other"}}`, want: "400 {"},
		{name: "merge", request: "PATCH secrets/there", headers: []string{mergeType}, body: `{"data":{"k":null,"l":"dw=="}}`, want: "200 {", left: `{"l":"dw=="}`},
		{name: "merge into nothing", request: "PATCH secrets/none", headers: []string{mergeType}, body: `{}`, want: "404 {"},
		{name: "merge, with another UID", request: "PATCH secrets/there", headers: []string{mergeType}, body: `{"metadata":{"uid":"other"},"data":{"k":"dw=="}}`, want: "422 {", has: []string{`"field":"metadata.uid"`}, left: `{"k":"dg=="}`},
		{name: "merge, as a rehearsal", request: "PATCH secrets/there?dryRun=All", headers: []string{mergeType}, body: `{"data":{"k":"dw=="}}`, want: "200 {", has: []string{`{"k":"dw=="}`}, left: `{"k":"dg=="}`},
		{name: "JSON patch", request: "PATCH secrets/there", headers: []string{jsonType}, body: `[{"op":"test","path":"/metadata/labels/is","value":"there"},{"op":"add","path":"/data","value":{}}]`, want: "200 {", left: `{}`},
		{name: "JSON patch whose test fails", request: "PATCH secrets/there", headers: []string{jsonType}, body: `[{"op":"test","path":"/metadata/labels/is","value":"x"},{"op":"add","path":"/data","value":{}}]`, want: "422 {", left: `{"k":"dg=="}`},
		{name: "apply", request: "PATCH secrets/there?fieldManager=m", headers: []string{applyType}, body: `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"there","labels":{"mine":"1"}}}`, want: "200 {", has: []string{`"mine":"1"`, `"is":"there"`}},
		{name: "apply to what is gone", request: "PATCH secrets/none", headers: []string{applyType}, body: `{"metadata":{"name":"none","uid":"x"}}`, want: "409 {", has: []string{"uid mismatch"}},
		{name: "delete", request: "DELETE secrets/there", want: "200 {", has: []string{`"status":"Success"`}, left: "gone"},
		{name: "delete nothing", request: "DELETE secrets/none", want: "404 {"},
		{name: "delete another UID", request: "DELETE secrets/there", body: `{"preconditions":{"uid":"other"}}`, want: "409 {", has: []string{"the UID in the precondition (other) does not match the UID in record (uid-of-x)"}, left: `{"k":"dg=="}`},
		{name: "delete an older version", request: "DELETE secrets/there", body: `{"preconditions":{"resourceVersion":"1"}}`, want: "409 {", has: []string{"the ResourceVersion in the precondition (1)"}, left: `{"k":"dg=="}`},
		{name: "delete what is held", request: "DELETE secrets/other", want: "200 {", has: []string{`"kind":"Secret"`, `"deletionTimestamp":`}},
		{name: "delete all of a label", request: "DELETE secrets?labelSelector=is%3Dthere", want: "200 {", has: []string{`"name":"there"`}, hasNot: `"name":"other"`, left: "gone"},
		{name: "delete, as a rehearsal", request: "DELETE secrets/there?dryRun=All", want: "200 {", left: `{"k":"dg=="}`},
		{name: "another's token", request: "GET secrets/there", headers: []string{"Authorization: Bearer other"}, want: "401 {", has: []string{`"reason":"Unauthorized"`}},
		{name: "who I am", request: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews", body: "{}", want: "201 {", has: []string{`"username":"alice"`}},
		{name: "as whom I act", request: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews", body: "{}", headers: []string{"Impersonate-User: bob"}, want: "201 {", has: []string{`"username":"bob"`}},
		{name: "may I", request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: `{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}`, want: "201 {", has: []string{`"allowed":true`}},
		{name: "may I what nobody may", request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: `{"spec":{"resourceAttributes":{"verb":"get","resource":"pods","subresource":"log"}}}`, want: "201 {", has: []string{`"allowed":false`}},
		{name: "do what nobody may", request: "GET pods/p/log", want: "403 {", has: []string{`User \"alice\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"default\"`}},
		{name: "all I may", request: "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body: `{"spec":{"namespace":"default"}}`, want: "201 {", has: []string{`"resourceRules":[{"verbs":["*"]`}},
		{name: "the version", request: "GET /version", want: `200 {"gitVersion":"v1.34.1"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := Start(t, secret("there"), secret("other", held))
			if test.name == "create what is being deleted" {
				s.ask(t, "DELETE", inDefault+"secrets/other", "")
			}
			s.Forbid("get", "pods/log")
			method, path, _ := strings.Cut(test.request, " ")
			if !strings.HasPrefix(path, "/") {
				path = inDefault + path
			}
			got := s.ask(t, method, path, test.body, test.headers...)
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%s, and not %s", got, test.want)
			}
			for _, has := range test.has {
				if !strings.Contains(got, has) {
					t.Errorf("%s has no %s", got, has)
				}
			}
			if test.hasNot != "" && strings.Contains(got, test.hasNot) {
				t.Errorf("%s has %s", got, test.hasNot)
			}
			left := "gone"
			if object := s.Object("secrets", "default", "there"); object != nil {
				left = string(asJSON(object.Object["data"]))
			}
			if test.left != "" && left != test.left {
				t.Errorf("the secret is %s afterwards, and not %s", left, test.left)
			}
			if strings.Contains(path, "dryRun") && len(s.Objects("secrets")) != 2 {
				t.Error("a rehearsal has stored something")
			}
		})
	}
}

// What a field manager does not apply any more goes, and what others have set stays.
func TestApplyAgain(t *testing.T) {
	s := Start(t, secret("there"))
	for _, label := range []string{"one", "two"} {
		s.ask(t, "PATCH", inDefault+"secrets/there?fieldManager=m", `{"metadata":{"name":"there","labels":{"`+label+`":"1"}}}`, applyType)
	}
	if got := fmt.Sprint(s.Object("secrets", "default", "there").GetLabels()); got != "map[is:there two:1]" {
		t.Error(got)
	}
}

// Clients send protobuf where they can.
func TestProtobuf(t *testing.T) {
	s := Start(t)
	job := &batchv1.Job{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: metav1.ObjectMeta{Name: "j"}}
	body, err := runtime.Encode(protobuf.NewSerializer(scheme, scheme), job)
	if err != nil {
		t.Fatal(err)
	}
	got := s.ask(t, "POST", "/apis/batch/v1/namespaces/default/jobs", string(body), "Content-Type: application/vnd.kubernetes.protobuf")
	if !strings.HasPrefix(got, "201 ") || s.Object("jobs", "default", "j") == nil {
		t.Error(got)
	}
}

// An object goes with the last that it belongs to; what belonged to a Job stays, unless the request says otherwise.
func TestGarbageCollection(t *testing.T) {
	owner := func(uids ...types.UID) func(*corev1.Secret) {
		return func(object *corev1.Secret) {
			object.UID = ""
			for _, uid := range uids {
				object.OwnerReferences = append(object.OwnerReferences, metav1.OwnerReference{APIVersion: "batch/v1", Kind: "Job", Name: "j", UID: uid})
			}
		}
	}
	for body, want := range map[string]string{
		"": "held two one", `{"propagationPolicy":"Background"}`: "held two", `{"propagationPolicy":"Foreground"}`: "held two",
	} {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "j", UID: "uid-of-x"}}
		s := Start(t, job, secret("one", owner("uid-of-x")), secret("two", owner("uid-of-x", "uid-of-y")), secret("held", owner("uid-of-x"), held))
		if got := s.ask(t, "DELETE", "/apis/batch/v1/namespaces/default/jobs/j", body); !strings.HasPrefix(got, "200 ") {
			t.Error(got)
		}
		for _, name := range []string{"held", "two", "one"} {
			there := s.Object("secrets", "default", name) != nil
			if there != slices.Contains(strings.Fields(want), name) {
				t.Errorf("%s: %s is there: %v", body, name, there)
			}
		}
		s.ask(t, "PATCH", inDefault+"secrets/held", `{"metadata":{"finalizers":null}}`, mergeType)
		if gone := s.Object("secrets", "default", "held") == nil; gone != (body != "") {
			t.Errorf("%s: held is gone once nothing holds it: %v", body, gone)
		}
	}
}

// A watch tells what happens to the objects that are selected, and as what they change.
func TestWatch(t *testing.T) {
	s := Start(t, secret("there"))
	version := s.Object("secrets", "default", "there").GetResourceVersion()
	response := s.send(t, "GET", inDefault+"secrets?watch=true&labelSelector=is%3Dthere&resourceVersion="+version, "")
	defer response.Body.Close()
	s.Add(t, secret("other"))
	s.ask(t, "PATCH", inDefault+"secrets/there", `{"data":{"k":"dw=="}}`, mergeType)
	s.ask(t, "PATCH", inDefault+"secrets/there", `{"metadata":{"labels":{"is":"else"}}}`, mergeType)
	s.ask(t, "PATCH", inDefault+"secrets/there", `{"metadata":{"labels":{"is":"there"}}}`, mergeType)
	s.ask(t, "DELETE", inDefault+"secrets/there", "")
	lines := bufio.NewScanner(response.Body)
	for _, want := range []string{"MODIFIED", "DELETED", "ADDED", "DELETED"} {
		var event struct {
			Type   string
			Object struct{ Metadata struct{ Name string } }
		}
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &event) != nil || event.Type != want || event.Object.Metadata.Name != "there" {
			t.Fatalf("%s, and not %s", lines.Text(), want)
		}
	}
}

// A test can answer in place of the server, and see what it was sent.
func TestScript(t *testing.T) {
	s := Start(t, secret("there"))
	s.On("GET */secrets/*", Refuse(apierrors.NewServiceUnavailable("soon")), nil, Refuse(apierrors.NewTooManyRequests("later", 1)))
	s.Warn("GET */secrets/*", `a "warning"`)
	var codes []int
	for range 4 {
		response := s.send(t, "GET", inDefault+"secrets/there", "")
		response.Body.Close()
		codes = append(codes, response.StatusCode)
		if got := response.Header.Get("Warning"); got != `299 - "a \"warning\""` {
			t.Error(got)
		}
	}
	if want := []int{503, 200, 429, 200}; !slices.Equal(codes, want) {
		t.Error(codes)
	}
	s.Always("GET */secrets/*", Refuse(apierrors.NewServiceUnavailable("soon")))
	for range 2 {
		if got := s.ask(t, "GET", inDefault+"secrets/there", ""); !strings.HasPrefix(got, "503 ") {
			t.Error(got)
		}
	}
	s.ForgetRequests()
	s.ask(t, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}")
	s.ask(t, "GET", "/api/v1/namespaces", "")
	s.ask(t, "GET", "/apis/batch/v1/namespaces/default/jobs/j", "", "Authorization: Bearer other")
	if got, want := s.Requests(), []string{"POST selfsubjectreviews", "GET namespaces", "GET default/jobs/j"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got, want := s.Tokens(), []string{"", "", "other"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// The log of a pod has the times that it was written at, if the client asks for them.
func TestLog(t *testing.T) {
	s := Start(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", CreationTimestamp: metav1.Unix(0, 0)}})
	s.SetLog("default", "p", "one\ntwo\n")
	if got := s.ask(t, "GET", inDefault+"pods/p/log?tailLines=1", ""); got != "200 two\n" {
		t.Errorf("%q", got)
	}
	if got := s.ask(t, "GET", inDefault+"pods/p/log?timestamps=true", ""); got != "200 1970-01-01T00:00:00Z one\n1970-01-01T00:00:00.001Z two\n" {
		t.Errorf("%q", got)
	}
}
