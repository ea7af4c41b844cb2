package secret

import (
	"maps"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
)

// warnOfDeletion says that the value that was read will be gone.
func warnOfDeletion(s *cmdline.Session, where uri.Secret, read secrets.Value) {
	if read.BeingDeleted != nil {
		s.Warn("%s: %s; its value can still be read", where, read.BeingDeleted)
	}
}

// printStored prints the Kubernetes Secret that a command made or changed, without its value, if -o was given;
// otherwise the sentence.
func printStored(s *cmdline.Session, format *output.Format, stored secrets.Secret, sentence string, args ...any) error {
	switch {
	case format.Name == "name":
		s.Done("secret/%s", stored.Object)
		return nil
	case format.IsObject():
		return format.Print(s.Out, manifest(stored))
	}
	s.Done(sentence, args...)
	return nil
}

// manifest is the Kubernetes Secret without a value. Of an adopted one, only the marks are Apolo's.
func manifest(stored secrets.Secret) map[string]any {
	object := secrets.Manifest(stored.Namespace, stored.Key, nil).Object
	delete(object, "data")
	if stored.Owner != "" {
		delete(object, "type")
		maps.Copy(object["metadata"].(map[string]any), map[string]any{
			"labels":      map[string]any{wellknown.LabelSecret: wellknown.LabelAdopted},
			"annotations": map[string]any{wellknown.AnnotationDataKey: stored.DataKey},
		})
	}
	return object
}
