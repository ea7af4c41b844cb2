package jobstatus

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// replacesDisrupted reports whether the job makes a new pod in place of one that the cluster took away.
func replacesDisrupted(job *batchv1.Job, pod *corev1.Pod) bool {
	if job == nil || job.Spec.PodFailurePolicy == nil || !isDisrupted(pod) {
		return false
	}
	for _, rule := range job.Spec.PodFailurePolicy.Rules {
		for _, pattern := range rule.OnPodConditions {
			if pattern.Type == corev1.DisruptionTarget && pattern.Status == corev1.ConditionTrue {
				return rule.Action == batchv1.PodFailurePolicyActionIgnore
			}
		}
	}
	return false
}

// isDisrupted reports whether the cluster took a pod away before its time.
func isDisrupted(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
