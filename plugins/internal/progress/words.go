package progress

import (
	"fmt"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
)

// Describe is a state in words.
func Describe(state jobs.State) string {
	switch state.Phase {
	case jobs.Pulling:
		if state.Message == "" {
			return "pulling the image" + ofContainer(state)
		}
		if state.Container != "" {
			return oneLine(state.Message) + "; trying again"
		}
		return "pulling the image, which failed: " + oneLine(state.Message) + "; trying again"
	case jobs.Stuck:
		if strings.Contains(state.Reason, "Image") && state.Container == "" {
			return "its image can't be pulled: " + orReason(state)
		}
		return orReason(state)
	case jobs.Restarting:
		if state.ExitCode == 0 {
			return fmt.Sprintf("attempt %d succeeded, and the next one follows", state.Attempt)
		}
		return fmt.Sprintf("attempt %d failed, and the next one follows: %s", state.Attempt, describeFailure(state))
	case jobs.Failed:
		return describeFailure(state)
	case jobs.Suspended:
		return oneLine(state.Message)
	}
	if state.Message != "" {
		return string(state.Phase) + ": " + oneLine(state.Message)
	}
	return string(state.Phase)
}

// ofContainer names a container that is not the job's own.
func ofContainer(state jobs.State) string {
	if state.Container == "" {
		return ""
	}
	return " of the container " + state.Container
}

func describeFailure(state jobs.State) string {
	if state.ExitCode <= 0 { // it ended well when it was told to end
		return orReason(state)
	}
	text := fmt.Sprintf("exit code %d", state.ExitCode)
	if signal := state.Signal(); signal != "" {
		text += " (" + signal + ")"
	}
	switch {
	case state.Reason == jobs.ReasonOOMKilled:
		text = "out of memory (OOMKilled), " + text
	case state.Message != "":
		text = orReason(state) + ", " + text
	}
	return text
}

func orReason(state jobs.State) string {
	if state.Message == "" {
		return state.Reason
	}
	return oneLine(state.Message)
}

// oneLine shortens the messages of container runtimes, which may be long and of several lines.
func oneLine(message string) string {
	const most = 600
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > most {
		message = message[:most] + "…"
	}
	return message
}
