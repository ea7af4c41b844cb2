package jobstatus

import "testing"

func TestIsRefused(t *testing.T) {
	for message, want := range map[string]bool{
		`Error creating: pods "a-b" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "job" must set securityContext.runAsNonRoot=true)`: true,
		`Error creating: pods "a-b" is forbidden: failed quota: q: must specify limits.cpu for: job; limits.memory for: job`:                                                          true,
		`Error creating: pods "a-b" is forbidden: maximum cpu usage per Container is 1, but limit is 2`:                                                                               true,
		`Error creating: admission webhook "deny.example.com" denied the request: no`:                                                                                                 true,
		`Error creating: pods "a-b" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`:                                                                  true,
		`Error creating: pods "a-b" is forbidden: no PriorityClass with name high was found`:                                                                                          true,
		`Error creating: pods "a-b" is forbidden: error looking up service account ns/robot: serviceaccount "robot" not found`:                                                        true,
		`Error creating: Pod "a-b" is invalid: spec.containers[0].volumeMounts[0].mountPath: Invalid value: "": must be unique`:                                                       true,

		`Error creating: pods "a-b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0`:                             false,
		`Error creating: pods "a-b" is forbidden: status unknown for quota: q, resources: pods`:                                                    false,
		`Error creating: pods "a-b" is forbidden: error looking up service account ns/default: serviceaccount "default" not found`:                 false,
		`Error creating: pods "a-b" is forbidden: not yet ready to handle request`:                                                                 false,
		`Error creating: pods is forbidden: User "system:serviceaccount:kube-system:job-controller" cannot create resource "pods" in API group ""`: false,
		`Error creating: Internal error occurred: failed calling webhook "w": failed to call webhook: Post "https://w": connection refused`:        false,
		`Error creating: Timeout: request did not complete within requested timeout`:                                                               false,
		`pods "a-b" is forbidden: no`: false,
	} {
		if got := isRefused(message); got != want {
			t.Errorf("%v: %s", got, message)
		}
	}
}
