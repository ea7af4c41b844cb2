package jobspec

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// ignoreDisruptions is the failure policy of a Job: a pod that the cluster took away (a drained or lost node, a
// preemption, an eviction) is replaced, and is no failure of the job. Kubernetes then replaces a pod only after it has
// ended (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy).
func ignoreDisruptions() *batchv1.PodFailurePolicy {
	return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action: batchv1.PodFailurePolicyActionIgnore,
		OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
		},
	}}}
}

// normalizePolicies gives the Job of an older version, for comparison, what each Job has today, and takes away what the
// API server adds to that.
func normalizePolicies(spec *batchv1.JobSpec) {
	if spec.PodFailurePolicy == nil {
		spec.PodFailurePolicy = ignoreDisruptions()
	}
	if ptr.Deref(spec.PodReplacementPolicy, "") == batchv1.Failed {
		spec.PodReplacementPolicy = nil
	}
	if pod := &spec.Template.Spec; pod.ServiceAccountName == "" && pod.AutomountServiceAccountToken == nil {
		pod.AutomountServiceAccountToken = ptr.To(false)
	}
}
