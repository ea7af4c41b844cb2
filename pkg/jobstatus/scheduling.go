package jobstatus

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// nodesAvailable and nodeReasons take apart what the scheduler says (k8s.io/kubernetes/pkg/scheduler/
	// framework/types.go, FitError): "0/3 nodes are available: 2 Insufficient cpu, 1 node(s) had untolerated
	// taint(s). preemption: …".
	nodesAvailable = regexp.MustCompile(`^0/(\d+) nodes are available: (.*?)(\. |\.?$)`)
	nodeReasons    = regexp.MustCompile(`(?:^|, )(\d+) `)
	noSuchClaim    = regexp.MustCompile(`^persistentvolumeclaim "([^"]*)" not found`)
)

// schedulingError is why no node fits, in words, without what the scheduler says of making room by
// force. What it doesn't know it leaves as it is.
func schedulingError(message string) string {
	for _, more := range []string{" no new claims to deallocate", " preemption: "} {
		message, _, _ = strings.Cut(message, more)
	}
	message = strings.TrimSuffix(message, ",")
	parts := nodesAvailable.FindStringSubmatch(message)
	if parts == nil {
		return unplaced(message)
	}
	all, reasons := parts[1], parts[2]
	starts := nodeReasons.FindAllStringSubmatchIndex(reasons, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		return unplaced(reasons)
	}
	var words []string
	for i, start := range starts {
		end := len(reasons)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		words = append(words, fmt.Sprintf("%s (%s of %s nodes)", unfit(reasons[start[1]:end]), reasons[start[2]:start[3]], all))
	}
	return "no node fits: " + strings.Join(words, "; ")
}

// unfit is what is wrong with some nodes.
func unfit(reason string) string {
	if resource, ok := strings.CutPrefix(reason, "Insufficient "); ok {
		return "too little " + resource + " is free"
	}
	reason = strings.TrimPrefix(reason, "node(s) ")
	taint, isTaint := strings.CutPrefix(reason, "had untolerated taint")
	switch {
	case isTaint:
		return "a taint that the job does not tolerate" + strings.TrimPrefix(taint, "(s)")
	case strings.HasPrefix(reason, "didn't match Pod's node affinity"):
		return "the labels of its node selector are missing"
	case reason == "were unschedulable":
		return "closed for new jobs (cordoned)"
	}
	return reason
}

// unplaced is why a pod can't be on any node.
func unplaced(reason string) string {
	if claim := noSuchClaim.FindStringSubmatch(reason); claim != nil {
		return fmt.Sprintf("the disk %q is not there (no such PersistentVolumeClaim in the namespace)", claim[1])
	}
	if strings.HasPrefix(reason, "pod has unbound immediate PersistentVolumeClaims") {
		return "its disk is not ready: a PersistentVolumeClaim has no volume yet"
	}
	return reason
}
