package jobstatus

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
)

// HideVariables hides in a message of the cluster what follows the name of a variable that has the value of a secret:
// container runtimes quote variables that they can't set, NAME=VALUE.
func HideVariables(message string, pods ...*corev1.PodSpec) string {
	for _, pod := range pods {
		for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
			for _, container := range containers {
				for _, variable := range container.Env {
					if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
						message = hideAfter(message, variable.Name+"=")
					}
				}
			}
		}
	}
	return message
}

// hideAfter hides the rest of a text after a word: the end of a value can't be known.
func hideAfter(text, word string) string {
	if before, after, ok := strings.Cut(text, word); ok && after != "" {
		return before + word + mask.Replacement
	}
	return text
}

// hideVariables hides in a message what any pod of the job, or the job itself, says of variables.
func (s *Snapshot) hideVariables(message string) string {
	if message == "" {
		return ""
	}
	var pods []*corev1.PodSpec
	if s.job != nil {
		pods = append(pods, &s.job.Spec.Template.Spec)
	}
	for _, pod := range s.pods {
		pods = append(pods, &pod.Spec)
	}
	return HideVariables(message, pods...)
}

// mountError is what runc says where a file can't be mounted over a directory, or a directory over a file.
var mountError = regexp.MustCompile(`error mounting "[^"]*" to rootfs at "([^"]*)": .*(not a directory|is a directory)`)

// startError is what runc says, without what containerd wraps around it.
func startError(message string) string {
	if found := mountError.FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("nothing can be mounted at %s: the image has a directory where a file is mounted, or a file where a directory is; choose another path", found[1])
	}
	if _, inner, ok := strings.Cut(message, "unable to start container process: "); ok {
		return strings.TrimSuffix(inner, ": unknown")
	}
	return message
}

// neverCreated reports whether a container whose creation the kubelet tries again and again can't be created: a value
// that is not UTF-8 can't be a variable.
func neverCreated(waiting *corev1.ContainerStateWaiting) bool {
	return waiting.Reason == "CreateContainerError" && strings.Contains(waiting.Message, "invalid UTF-8")
}
