package kube

// warningOfServer is the only code of a warning that Kubernetes uses (RFC 7234, section 5.5).
const warningOfServer = 299

// warnings hands on the Warning headers of answers.
type warnings struct{ warn func(string) }

// HandleWarningHeader is part of rest.WarningHandler.
func (w warnings) HandleWarningHeader(code int, _, text string) {
	if w.warn != nil && code == warningOfServer && text != "" {
		w.warn(text)
	}
}
