package jobstatus

import (
	"strings"
	"testing"
)

func TestSchedulingErrorInWords(t *testing.T) {
	for message, want := range map[string]string{
		"0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.":           "no node fits: too little memory is free (1 of 1 nodes)",
		"0/5 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu, 4 Insufficient nvidia.com/gpu. preemption: 0/5":                                             "no node fits: a taint that the job does not tolerate (1 of 5 nodes); too little cpu is free (2 of 5 nodes); too little nvidia.com/gpu is free (4 of 5 nodes)",
		"0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.": "no node fits: a taint that the job does not tolerate {node.kubernetes.io/not-ready: } (1 of 1 nodes)",
		"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.":                                                                                               "no node fits: the labels of its node selector are missing (2 of 2 nodes)",
		"0/2 nodes are available: 2 node(s) were unschedulable.":                                                                                                                      "no node fits: closed for new jobs (cordoned) (2 of 2 nodes)",
		"0/2 nodes are available: 2 node(s) had volume node affinity conflict.":                                                                                                       "no node fits: had volume node affinity conflict (2 of 2 nodes)",
		`0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1`:                                                                                            `the disk "data" is not there (no such PersistentVolumeClaim in the namespace)`,
		`persistentvolumeclaim "data" not found`:                                                                                                                                      `the disk "data" is not there (no such PersistentVolumeClaim in the namespace)`,
		"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: x":                                                                                    "its disk is not ready: a PersistentVolumeClaim has no volume yet",
		"no nodes available to schedule pods":                                                                                                                                         "no nodes available to schedule pods",
	} {
		if got := schedulingError(message); got != want {
			t.Errorf("%q\nis  %q\nnot %q", message, got, want)
		}
	}
}

func FuzzSchedulingError(f *testing.F) {
	for _, seed := range []string{"0/1 nodes are available: 1 Insufficient cpu.", "0/2 nodes are available: 1 a, 1 b, c.", "0/1 nodes are available: ", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		if got := schedulingError(message); strings.Contains(got, " preemption: ") {
			t.Errorf("%q is %q", message, got)
		}
	})
}
