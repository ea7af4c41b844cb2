package jobspec

import "github.com/neuro-inc/kubectl-apolo/pkg/usedby"

// What marks the objects of a job. The names are a contract with everything in users' clusters.
const (
	LabelJob          = usedby.LabelJob
	LabelJobCopy      = usedby.LabelJobCopy
	AnnotationSecrets = usedby.AnnotationSecrets
	// AnnotationPreparing marks a Job that waits, suspended, for the copies it needs, or to be shared.
	AnnotationPreparing = "apolo.us/preparing"
	// LabelTrue is the value of each label.
	LabelTrue = "true"

	// What a Job says of itself besides. LabelTag and a tag make a label, "true", for selectors,
	// where the tag is one that a label's key can hold; AnnotationTags holds all, as a JSON list.
	LabelTag              = "tag.apolo.us/"
	AnnotationTags        = "apolo.us/tags"
	AnnotationDescription = "apolo.us/description"
	AnnotationPreset      = "apolo.us/preset"
	AnnotationOwner       = "apolo.us/owner"
	// AnnotationScheduleTimeout is a duration as ParseDuration reads it. Nothing in the cluster acts
	// on it: the command that waits for the start does.
	AnnotationScheduleTimeout = "apolo.us/schedule-timeout"

	// AnnotationPods is a JSON list, on a Job that is shared, of the names of its pods: anyone who can use the
	// pods by name, but not list them, finds them there.
	AnnotationPods = "apolo.us/pods"

	// LabelQueue names the queue of Kueue that a Job waits in. Such a Job is for the queue to resume.
	LabelQueue = "kueue.x-k8s.io/queue-name"

	// ContainerName is the name of a job's own container. An admission webhook may add others to its pod.
	ContainerName = "job"

	// HTTPPortName is what the port of Spec.HTTPPort is called.
	HTTPPortName = "http"

	// secretFileName is how a volume calls the only file that is in it.
	secretFileName = "value"
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
