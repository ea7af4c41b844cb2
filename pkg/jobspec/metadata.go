package jobspec

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// describe makes the labels and annotations of the Job.
func (s *Spec) describe() (labels, annotations map[string]string, err error) {
	labels, annotations = map[string]string{wellknown.LabelJob: wellknown.LabelTrue}, map[string]string{}
	for key, value := range map[string]string{wellknown.AnnotationDescription: s.Description, wellknown.AnnotationPreset: s.Preset, wellknown.AnnotationOwner: s.Owner} {
		if value != "" {
			annotations[key] = value
		}
	}
	if timeout := Seconds(s.ScheduleTimeout); timeout != nil {
		annotations[wellknown.AnnotationScheduleTimeout] = duration.Format(time.Duration(*timeout) * time.Second)
	}
	if tags := withoutRepeats(s.Tags); len(tags) > 0 {
		list, err := json.Marshal(tags)
		if err != nil {
			return nil, nil, err
		}
		annotations[wellknown.AnnotationTags] = string(list)
		for _, tag := range tags {
			if key := wellknown.LabelTag + tag; len(validation.IsQualifiedName(key)) == 0 {
				labels[key] = wellknown.LabelTrue
			}
		}
	}
	return labels, annotations, nil
}

// withoutRepeats keeps the first of each text.
func withoutRepeats(texts []string) []string {
	var kept []string
	for _, text := range texts {
		if !slices.Contains(kept, text) {
			kept = append(kept, text)
		}
	}
	return kept
}

// TagsOf are the tags of a job.
func TagsOf(job *batchv1.Job) []string { return stringList(job.Annotations[wellknown.AnnotationTags]) }

// SecretsOf are the URIs of the secrets that a job uses, in the form secret:/NAMESPACE/KEY.
func SecretsOf(job *batchv1.Job) []string {
	return stringList(job.Annotations[wellknown.AnnotationSecrets])
}

// PodsOf are the names of the pods of a job that is shared.
func PodsOf(job *batchv1.Job) []string { return stringList(job.Annotations[wellknown.AnnotationPods]) }

// stringList reads an annotation that holds a JSON list. One that somebody broke counts as empty.
func stringList(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	return list
}

// Image is what a job's container is made of.
func Image(job *batchv1.Job) string {
	if container := containerOf(job); container != nil {
		return container.Image
	}
	return ""
}

// Command is what a job runs: the image's own where it is empty.
func Command(job *batchv1.Job) []string {
	container := containerOf(job)
	if container == nil {
		return nil
	}
	return allLiteral(slices.Concat(container.Command, container.Args))
}

func containerOf(job *batchv1.Job) *corev1.Container {
	containers := job.Spec.Template.Spec.Containers
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == ContainerName })
	if i < 0 {
		return nil
	}
	return &containers[i]
}

// ResourcesOf is what a job's container asks for, and what it may use at most.
func ResourcesOf(job *batchv1.Job) corev1.ResourceRequirements {
	if container := containerOf(job); container != nil {
		return container.Resources
	}
	return corev1.ResourceRequirements{}
}

// OwnerOf is who made a job, as run noted it; "" where that is not known.
func OwnerOf(job *batchv1.Job) string { return job.Annotations[wellknown.AnnotationOwner] }

// RecordedExitCode reads AnnotationExitCode.
func RecordedExitCode(job *batchv1.Job) (code int, ok bool) {
	code, err := strconv.Atoi(job.Annotations[wellknown.AnnotationExitCode])
	return code, err == nil && code >= 0
}

// asOrdered is a Job without what recordExitCode has done to it.
func asOrdered(job *batchv1.Job) *batchv1.Job {
	job = job.DeepCopy()
	if limit, err := strconv.ParseInt(job.Annotations[wellknown.AnnotationBackoffLimit], 10, 32); err == nil {
		job.Spec.BackoffLimit = ptr.To(int32(limit))
	}
	delete(job.Annotations, wellknown.AnnotationBackoffLimit)
	delete(job.Annotations, wellknown.AnnotationExitCode)
	return job
}
