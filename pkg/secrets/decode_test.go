package secrets

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// sampleList has what an API server lists: secrets of Apolo's own, of other tools, and next to nothing.
func sampleList() *metav1.PartialObjectMetadataList {
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	managed := []metav1.ManagedFieldsEntry{{Manager: "helm", Operation: "Update", APIVersion: "v1", Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{}}`)}}
	object := func(meta metav1.ObjectMeta) metav1.PartialObjectMetadata {
		return metav1.PartialObjectMetadata{ObjectMeta: meta}
	}
	return &metav1.PartialObjectMetadataList{
		TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: listKind},
		ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "next page"},
		Items: []metav1.PartialObjectMetadata{
			object(metav1.ObjectMeta{Name: ObjectName("Own"), Namespace: "team", UID: "1", ResourceVersion: "5", Generation: 3, CreationTimestamp: at, ManagedFields: managed,
				Labels: map[string]string{wellknown.LabelSecret: wellknown.LabelTrue, "other": "label"}, Annotations: map[string]string{wellknown.AnnotationKey: "Own"}}),
			object(metav1.ObjectMeta{Name: "adopted", Namespace: "team", UID: "2", CreationTimestamp: at, ManagedFields: managed,
				Labels: map[string]string{wellknown.LabelSecret: wellknown.LabelAdopted}, Annotations: map[string]string{wellknown.AnnotationDataKey: "password"}}),
			object(metav1.ObjectMeta{Name: "elsewhere", Namespace: "other", UID: "3", CreationTimestamp: at, Labels: map[string]string{wellknown.LabelSecret: wellknown.LabelTrue}}),
			object(metav1.ObjectMeta{Name: "held", Namespace: "other", Labels: map[string]string{wellknown.LabelSecret: wellknown.LabelTrue},
				CreationTimestamp: at, DeletionTimestamp: &at, Finalizers: []string{"example.com/a", "example.com/b"}}),
			object(metav1.ObjectMeta{Name: "bare", Namespace: "other"}),
		},
	}
}

func encodedList(t testing.TB, list *metav1.PartialObjectMetadataList) []byte {
	t.Helper()
	raw, err := list.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: listKind}, Raw: raw}
	body, err := unknown.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append(append([]byte{}, protobufPrefix...), body...)
}

func TestReadList(t *testing.T) {
	list := sampleList()
	asJSON, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var want []Secret
	for i := range list.Items {
		want = append(want, describe(&list.Items[i]))
	}
	if want[1].Owner != "helm" || want[0].Key != "Own" {
		t.Fatalf("not what was meant: %+v", want)
	}
	for name, body := range map[string][]byte{"protobuf": encodedList(t, list), "JSON": asJSON} {
		var got []Secret
		next, err := readList(body, func(object *metav1.ObjectMeta) bool {
			secret := describe(object)
			secret.Created = secret.Created.UTC()
			got = append(got, secret)
			return true
		})
		if err != nil || next != "next page" || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, next %q, got\n%+v, want\n%+v", name, err, next, got, want)
		}
		calls := 0
		if _, err := readList(body, func(*metav1.ObjectMeta) bool { calls++; return false }); err != nil || calls != 1 {
			t.Errorf("%s: %v, %d calls after the first said that it is enough", name, err, calls)
		}
	}
}

// Another kind of object has other fields under the same numbers.
func TestReadListOfAnotherKind(t *testing.T) {
	raw, err := sampleList().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "List"}, Raw: raw}
	encoded, err := unknown.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"protobuf": append(append([]byte{}, protobufPrefix...), encoded...),
		"JSON":     []byte(`{"apiVersion": "v1", "kind": "List", "items": [{"metadata": {"name": "a"}}]}`),
		"nothing":  []byte(`{}`),
	} {
		if _, err := readList(body, func(*metav1.ObjectMeta) bool {
			t.Errorf("%s: an object was read", name)
			return true
		}); !errors.Is(err, errOtherKind) {
			t.Errorf("%s: error: %v", name, err)
		}
	}
}

func FuzzReadList(f *testing.F) {
	whole := encodedList(f, sampleList())
	f.Add(whole)
	raw, err := sampleList().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(`{"items": [{"metadata": {"name": "a"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = readList(body, func(*metav1.ObjectMeta) bool { return true }) // must not panic
		var list metav1.PartialObjectMetadataList
		if list.Unmarshal(body) != nil {
			return
		}
		// Whatever the types of Kubernetes hold, readList reads as they write it.
		i := 0
		next, err := readList(encodedList(t, &list), func(object *metav1.ObjectMeta) bool {
			if want := &list.Items[i]; object.Name != want.Name || object.Namespace != want.Namespace || object.UID != want.UID ||
				object.Labels[wellknown.LabelSecret] != want.Labels[wellknown.LabelSecret] || object.Annotations[wellknown.AnnotationKey] != want.Annotations[wellknown.AnnotationKey] {
				t.Errorf("read %+v, want %+v", object, want)
			}
			i++
			return true
		})
		if err != nil || next != list.Continue || i != len(list.Items) {
			t.Errorf("%v, next %q, %d of %d objects", err, next, i, len(list.Items))
		}
	})
}
