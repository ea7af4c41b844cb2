// Package objects is what the commands print with -o json and the other formats for programs.
//
// docs/output.md of the repository tells users of every field: a field may come, but none may go or change
// what it means. The kinds are no resources of the API server.
package objects

import "time"

// APIVersion is that of all kinds here.
const APIVersion = "apolo.us/v1"

// TypeMeta says what an object is. Items of a list have none: the list says it.
type TypeMeta struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
}

// Kind makes a TypeMeta.
func Kind(kind string) TypeMeta { return TypeMeta{APIVersion: APIVersion, Kind: kind} }

// SecretKey is a secret, without its value.
type SecretKey struct {
	TypeMeta          `json:",inline"`
	Key               string   `json:"key"`
	Namespace         string   `json:"namespace"`
	URI               string   `json:"uri"`
	Name              string   `json:"name"`
	DataKey           string   `json:"dataKey,omitempty"`
	Owner             string   `json:"owner,omitempty"`
	CreationTimestamp string   `json:"creationTimestamp,omitempty"`
	BeingDeleted      bool     `json:"beingDeleted,omitempty"`
	Finalizers        []string `json:"finalizers,omitempty"`
	Ends              string   `json:"ends,omitempty"`        // when the cluster removes it, RFC 3339 in UTC
	EndsProblem       string   `json:"endsProblem,omitempty"` // what is wrong with what ends it
}

// SecretDescription is what secret describe prints: a SecretKey, and more.
type SecretDescription struct {
	TypeMeta   `json:",inline"`
	SecretKey  `json:",inline"`
	Stored     string   `json:"stored,omitempty"` // when the value was last stored, RFC 3339 in UTC
	StoredBy   string   `json:"storedBy,omitempty"`
	SharedWith []Access `json:"sharedWith"`
	UsedBy     []string `json:"usedBy"`
	Unseen     []string `json:"unseen,omitempty"`
}

// SecretKeyList is what secret ls prints.
type SecretKeyList struct {
	TypeMeta `json:",inline"`
	Items    []SecretKey `json:"items"`
}

// SecretImport is what became of a value that was to be imported.
type SecretImport struct {
	TypeMeta  `json:",inline"`
	Key       string `json:"key"`
	Namespace string `json:"namespace"`
	URI       string `json:"uri"`
	Name      string `json:"name"`
	From      string `json:"from"`
	Result    string `json:"result"`
}

// SecretImportList is what secret import prints.
type SecretImportList struct {
	TypeMeta `json:",inline"`
	Items    []SecretImport `json:"items"`
}

// Access is what somebody may do with a secret, or with all of a namespace.
type Access struct {
	TypeMeta       `json:",inline"`
	URI            string `json:"uri"`
	Namespace      string `json:"namespace"`
	Key            string `json:"key,omitempty"`
	Name           string `json:"name,omitempty"`
	Access         string `json:"access"`
	Grantee        string `json:"grantee,omitempty"`
	PreviousAccess string `json:"previousAccess,omitempty"`
	Stale          bool   `json:"stale,omitempty"`
	Ends           string `json:"ends,omitempty"`        // when the access ends, RFC 3339 in UTC
	EndsProblem    string `json:"endsProblem,omitempty"` // what is wrong with what ends it
}

// Time is a time as objects have it: RFC 3339 in UTC, and empty for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// AccessList is what acl ls prints.
type AccessList struct {
	TypeMeta        `json:",inline"`
	Items           []Access `json:"items"`
	AskedNamespaces []string `json:"askedNamespaces,omitempty"`
	Unseen          []string `json:"unseen,omitempty"`
}

// Job is a job in short.
type Job struct {
	TypeMeta          `json:",inline"`
	Name              string   `json:"name"`
	Namespace         string   `json:"namespace"`
	UID               string   `json:"uid"`
	Status            string   `json:"status"`
	Reason            string   `json:"reason,omitempty"`
	Message           string   `json:"message,omitempty"`
	ExitCode          *int64   `json:"exitCode,omitempty"`
	Pod               string   `json:"pod,omitempty"`
	Image             string   `json:"image"`
	Command           []string `json:"command"`
	Tags              []string `json:"tags"`
	Secrets           []string `json:"secrets"`
	Preset            string   `json:"preset,omitempty"`
	Owner             string   `json:"owner,omitempty"`
	Description       string   `json:"description,omitempty"`
	CreationTimestamp string   `json:"creationTimestamp"`
	StartTime         string   `json:"startTime,omitempty"`
	FinishTime        string   `json:"finishTime,omitempty"`
}

// JobList is what job ls prints.
type JobList struct {
	TypeMeta `json:",inline"`
	Items    []Job `json:"items"`
}

// Preset is resources and places for jobs under a name, in the words of the ConfigMap of presets.
type Preset struct {
	TypeMeta     `json:",inline"`
	Name         string            `json:"name"`
	Description  string            `json:"description,omitempty"`
	CPU          string            `json:"cpu,omitempty"`
	Memory       string            `json:"memory,omitempty"`
	GPU          *int64            `json:"gpu,omitempty"`
	GPUResource  string            `json:"gpuResource,omitempty"`
	Priority     string            `json:"priority,omitempty"`
	Security     string            `json:"security,omitempty"`
	RunAsUser    *int64            `json:"runAsUser,omitempty"`
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	Tolerations  []string          `json:"tolerations,omitempty"`
}

// PresetList is what run --list-presets prints.
type PresetList struct {
	TypeMeta `json:",inline"`
	Items    []Preset `json:"items"`
	Source   string   `json:"source,omitempty"`
}

// DoctorCheck is one thing that doctor looked at.
type DoctorCheck struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Details string `json:"details"`
}

// DoctorReport is what doctor prints.
type DoctorReport struct {
	TypeMeta  `json:",inline"`
	Healthy   bool          `json:"healthy"`
	User      string        `json:"user"`
	Namespace string        `json:"namespace"`
	Checks    []DoctorCheck `json:"checks"`
}
