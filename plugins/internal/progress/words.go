package progress

import (
	"fmt"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
)

// Describe is a state in words.
func Describe(state jobstatus.State) string {
	switch state.Phase {
	case jobstatus.Pulling:
		if state.Message == "" {
			return "pulling the image" + ofContainer(state)
		}
		if state.Container != "" {
			return oneLine(state.Message) + "; trying again"
		}
		return "pulling the image, which failed: " + oneLine(state.Message) + "; trying again"
	case jobstatus.Stuck:
		if strings.Contains(state.Reason, "Image") && state.Container == "" {
			return "its image can't be pulled: " + orReason(state)
		}
		return orReason(state)
	case jobstatus.Restarting:
		if state.ExitCode == 0 {
			return fmt.Sprintf("attempt %d succeeded, and the next one follows", state.Attempt)
		}
		return fmt.Sprintf("attempt %d failed, and the next one follows: %s", state.Attempt, describeFailure(state))
	case jobstatus.Failed:
		return describeFailure(state)
	case jobstatus.Suspended:
		return oneLine(state.Message)
	}
	if state.Message != "" {
		return string(state.Phase) + ": " + oneLine(state.Message)
	}
	return string(state.Phase)
}

// ofContainer names a container that is not the job's own.
func ofContainer(state jobstatus.State) string {
	if state.Container == "" {
		return ""
	}
	return " of the container " + state.Container
}

func describeFailure(state jobstatus.State) string {
	if state.ExitCode <= 0 { // it ended well when it was told to end
		return orReason(state)
	}
	text := fmt.Sprintf("exit code %d", state.ExitCode)
	if signal := state.Signal(); signal != "" {
		text += " (" + signal + ")"
	}
	switch {
	case state.Reason == jobstatus.ReasonOOMKilled:
		text = "out of memory (OOMKilled), " + text
	case state.Message != "":
		text = orReason(state) + ", " + text
	}
	return text
}

func orReason(state jobstatus.State) string {
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
