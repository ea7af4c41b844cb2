// Package wellknown has the labels and annotations of the objects that Apolo makes. Their names are a contract with
// everything that is stored in users' clusters: they can't be changed.
package wellknown

import (
	"crypto/sha256"
	"encoding/hex"
)

// LabelTrue is the value of the labels that only mark an object.
const LabelTrue = "true"

// Of a Secret that holds the value of one key.
const (
	// LabelSecret is LabelTrue on a Secret that Apolo made, and LabelAdopted on one of another tool.
	LabelSecret = "apolo.us/secret"
	// LabelAdopted is the value of LabelSecret on a Secret of another tool, which stays that tool's. Whatever
	// asks for LabelTrue takes it for foreign, and does not write to it.
	LabelAdopted = "adopted"
	// AnnotationKey is the key, as the user wrote it.
	AnnotationKey = "apolo.us/key"
	// AnnotationDataKey is, on an adopted Secret, which of its data keys is meant.
	AnnotationDataKey = "apolo.us/data-key"
)

// Of the Role and the RoleBinding that share a secret.
const (
	LabelGrant = "apolo.us/grant"
	// LabelObject is the Hash of the name of the Secret that a grant is for: names may have 253 characters, the values of
	// labels only 63.
	LabelObject = "apolo.us/object"
)

// Of a timer, the Job without pods that ends a grant.
const (
	LabelTimer = "apolo.us/timer"
	// AnnotationLevel is the level of access that ends with a timer.
	AnnotationLevel = "apolo.us/level"
	// AnnotationEnds is, on the RoleBinding that ends with a timer, when it was to end: RFC 3339, in UTC. Anyone who may
	// change Jobs can change a timer, but not this.
	AnnotationEnds = "apolo.us/ends"
)

// Of a Job.
const (
	// LabelJob marks Jobs and their pods.
	LabelJob = "apolo.us/job"
	// LabelJobCopy marks Secrets that hold the copy of another's secret, for one job.
	LabelJobCopy = "apolo.us/job-copy"
	// LabelShare marks the Role and the RoleBinding of a job that is shared.
	LabelShare = "apolo.us/job-share"
	// LabelTag and a tag make a label, for selectors, where the tag is one that a label's key can hold; AnnotationTags
	// holds all, as a JSON list.
	LabelTag              = "tag.apolo.us/"
	AnnotationTags        = "apolo.us/tags"
	AnnotationDescription = "apolo.us/description"
	AnnotationPreset      = "apolo.us/preset"
	AnnotationOwner       = "apolo.us/owner"
	// AnnotationSecrets is a JSON list of the secrets that a Job uses, each once and in the form secret:/NAMESPACE/KEY,
	// which means the same whatever a user calls the cluster.
	AnnotationSecrets = "apolo.us/secrets"
	// AnnotationPreparing marks a Job that waits, suspended, for the copies it needs, or to be shared.
	AnnotationPreparing = "apolo.us/preparing"
	// AnnotationScheduleTimeout is a duration as duration.Parse reads it. Nothing in the cluster acts
	// on it: the command that waits for the start does.
	AnnotationScheduleTimeout = "apolo.us/schedule-timeout"
	// AnnotationPods is a JSON list, on a Job that is shared, of the names of its pods: anyone who can use the
	// pods by name, but not list them, finds them there.
	AnnotationPods = "apolo.us/pods"
)

// How run ends a pod whose command has ended is told in docs/decisions/0018.
const (
	// AnnotationExitCode is the exit code of a job's command, on a Job that Kubernetes counts as failed only
	// because other containers of its pod had to be ended.
	AnnotationExitCode = "apolo.us/exit-code"
	// AnnotationBackoffLimit is the backoffLimit that a Job was ordered with, where it had to be changed then.
	AnnotationBackoffLimit = "apolo.us/backoff-limit"
	// AnnotationEndedSidecars are, on a pod, the containers that had to be ended, with commas in between.
	AnnotationEndedSidecars = "apolo.us/ended-sidecars"
)

// HashLength is 128 bits in hexadecimal digits: no two names will ever share them.
const HashLength = 32

// Hash stands for a name in places where Kubernetes does not allow the name itself.
func Hash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:HashLength]
}
