package jobstatus

import "strings"

// createPrefix begins the message of the event FailedCreate of a Job whose pod could not be created.
const createPrefix = "Error creating: "

// isRefused reports whether the message of a FailedCreate event says that the API server, or an admission plugin or
// webhook, refuses the job's pod, and would refuse it again however long one waits. An exceeded quota is none: it ends
// when other pods end. Nor is what says no because it has just started, or because a namespace has.
func isRefused(message string) bool {
	message, ok := strings.CutPrefix(message, createPrefix)
	if !ok {
		return false
	}
	contains := func(words ...string) bool {
		for _, word := range words {
			if !strings.Contains(message, word) {
				return false
			}
		}
		return true
	}
	switch {
	case contains("failed quota", "must specify"):
		return true
	case contains("exceeded quota"), contains("status unknown for quota"),
		contains("not yet ready to handle request"), // an admission plugin of an API server that starts
		contains(" cannot create resource "),        // RBAC of an API server that starts
		contains("error looking up service account ", "/default: "):
		return false
	}
	return contains(" is forbidden: ") || contains(" denied the request") || contains(" is invalid: ")
}
