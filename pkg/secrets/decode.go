package secrets

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// listKind is what the API server calls such a list.
const listKind = "PartialObjectMetadataList"

var errOtherKind = errors.New("not a list of metadata")

// protobufPrefix is how the API server begins what it writes as protobuf (k8s.io/apimachinery/pkg/runtime/serializer/protobuf).
var protobufPrefix = []byte("k8s\x00")

// readList reads a PartialObjectMetadataList, until each returns false, and returns where the next page begins. What each
// gets is overwritten by the next.
//
// The types of Kubernetes would read all of every object, half of which is about who wrote which field when
// (managedFields): a thousand then took 2 MB more memory (docs/decisions/0013).
func readList(body []byte, each func(*metav1.ObjectMeta) bool) (next string, err error) {
	encoded, ok := bytes.CutPrefix(body, protobufPrefix)
	if !ok {
		var list metav1.PartialObjectMetadataList
		if err := json.Unmarshal(body, &list); err != nil {
			return "", err
		}
		if list.Kind != listKind {
			return "", errOtherKind
		}
		for i := range list.Items {
			if !each(&list.Items[i].ObjectMeta) {
				break
			}
		}
		return list.Continue, nil
	}
	// The numbers are those of runtime.Unknown, PartialObjectMetadataList, PartialObjectMetadata and ObjectMeta in
	// the generated.proto of k8s.io/apimachinery.
	var kind runtime.TypeMeta
	object := metav1.ObjectMeta{Labels: map[string]string{}, Annotations: map[string]string{}}
	err = fields(encoded, func(number uint64, unknown []byte) error {
		switch number {
		case 1: // typeMeta
			return kind.Unmarshal(unknown)
		case 2: // raw
		default:
			return nil
		}
		if kind.Kind != listKind {
			return errOtherKind
		}
		return fields(unknown, func(number uint64, value []byte) error {
			switch number {
			case 1: // metadata
				var meta metav1.ListMeta
				err := meta.Unmarshal(value)
				next = meta.Continue
				return err
			case 2: // items
				return fields(value, func(number uint64, meta []byte) error {
					if number != 1 { // metadata
						return nil
					}
					read := &object
					if err := readObjectMeta(meta, read); err != nil {
						return err
					}
					if read.Labels[wellknown.LabelSecret] == wellknown.LabelAdopted { // whose it is may stand in every field
						read = &metav1.ObjectMeta{}
						if err := read.Unmarshal(meta); err != nil {
							return err
						}
					}
					if !each(read) {
						return errEnough
					}
					return nil
				})
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}

// readObjectMeta reads what tells one of Apolo's own secrets from another.
func readObjectMeta(encoded []byte, into *metav1.ObjectMeta) error {
	into.Name, into.UID, into.CreationTimestamp = "", "", metav1.Time{}
	into.DeletionTimestamp, into.Finalizers, into.OwnerReferences = nil, nil, nil
	clear(into.Labels)
	clear(into.Annotations)
	return fields(encoded, func(number uint64, value []byte) error {
		switch number {
		case 1:
			into.Name = string(value)
		case 3:
			if into.Namespace != string(value) { // it mostly is the one before
				into.Namespace = string(value)
			}
		case 5:
			into.UID = types.UID(value)
		case 8:
			var at metav1.Time
			if err := at.Unmarshal(value); err != nil {
				return err
			}
			into.CreationTimestamp = metav1.Time{Time: at.Time.Truncate(time.Second)}
		case 9:
			into.DeletionTimestamp = &metav1.Time{}
			return into.DeletionTimestamp.Unmarshal(value)
		case 13:
			var owner metav1.OwnerReference
			if err := owner.Unmarshal(value); err != nil {
				return err
			}
			into.OwnerReferences = append(into.OwnerReferences, owner)
		case 14:
			into.Finalizers = append(into.Finalizers, string(value))
		case 11:
			return readEntry(value, into.Labels)
		case 12:
			return readEntry(value, into.Annotations)
		}
		return nil
	})
}

// readEntry reads one entry of a map.
func readEntry(encoded []byte, into map[string]string) error {
	var key, text []byte
	err := fields(encoded, func(number uint64, value []byte) error {
		switch number {
		case 1:
			key = value
		case 2:
			text = value
		}
		return nil
	})
	into[string(key)] = string(text)
	return err
}

var (
	errEnough    = errors.New("enough was read")
	errMalformed = errors.New("malformed protobuf")
)

// fields calls each for every field of a protobuf message that is text, bytes or a message
// (https://protobuf.dev/programming-guides/encoding).
func fields(message []byte, each func(number uint64, value []byte) error) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return errMalformed
		}
		message = message[n:]
		var size uint64
		switch tag & 7 {
		case 0: // a number
			if _, n = binary.Uvarint(message); n <= 0 {
				return errMalformed
			}
			size = uint64(n)
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := binary.Uvarint(message)
			if n <= 0 || length > uint64(len(message)-n) { // #nosec G115 -- n bytes of the message were read
				return errMalformed
			}
			if err := each(tag>>3, message[n:n+int(length)]); err != nil { // #nosec G115 -- no more than the message has
				return err
			}
			size = uint64(n) + length
		default:
			return errMalformed
		}
		if size > uint64(len(message)) {
			return errMalformed
		}
		message = message[size:]
	}
	return nil
}
