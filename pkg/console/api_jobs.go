package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobstatus"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// mostEvents is how many events of a job are sent; the last ones say most.
const mostEvents = 100

type listJobs struct {
	Where
	All bool `query:"all" doc:"Those that have ended, too"`
}

func (s *Server) registerJobs(r *router) {
	handle(r, route{id: "listPresets", method: http.MethodGet, path: "/presets", summary: "The resource presets of a namespace"}, s.listPresets)
	handle(r, route{id: "listActions", method: http.MethodGet, path: "/actions", summary: "The cards of the dashboard"}, s.listActions)
	handle(r, route{id: "runJob", method: http.MethodPost, path: "/jobs", summary: "Run a job", status: http.StatusCreated}, s.runJob)
	handle(r, route{id: "listJobs", method: http.MethodGet, path: "/jobs", summary: "List jobs, the newest first"}, s.listJobs)
	handle(r, route{id: "getJob", method: http.MethodGet, path: "/jobs/{name}", summary: "All about a job"}, s.getJob)
	handle(r, route{id: "listLeftovers", method: http.MethodGet, path: "/leftovers", summary: "What is left of jobs that are gone"}, s.listLeftovers)
	handle(r, route{id: "removeLeftovers", method: http.MethodDelete, path: "/leftovers/{name}", summary: "Remove what is left of a job that is gone",
		status: http.StatusNoContent}, s.removeLeftovers)
	handle(r, route{id: "killJob", method: http.MethodDelete, path: "/jobs/{name}", summary: "Delete a job, and what it runs",
		status: http.StatusNoContent}, s.killJob)
}

// jobs opens the jobs of a place.
func (s *session) jobs(place Where) (*kube.Client, *jobs.Client, error) {
	client, err := s.in(place)
	if err != nil {
		return nil, nil, err
	}
	api, err := jobs.NewClient(client)
	return client, api, err
}

func (s *Server) listPresets(ctx context.Context, input *inPlace) (*body[PresetList], error) {
	_, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	presets, err := api.Presets(ctx)
	if err != nil {
		return nil, err
	}
	list := PresetList{Items: []Preset{}, Notes: []string{}}
	for _, preset := range presets.All {
		one := Preset{Name: preset.Name, Description: preset.Description}
		if !preset.CPU.IsZero() {
			one.CPU = preset.CPU.String()
		}
		if !preset.Memory.IsZero() {
			one.Memory = preset.Memory.String()
		}
		if preset.GPU != nil {
			one.GPU = *preset.GPU
		}
		list.Items = append(list.Items, one)
	}
	for _, err := range presets.Faulty {
		list.Notes = append(list.Notes, sanitize.Line(err.Error()))
	}
	slices.Sort(list.Notes)
	return &body[PresetList]{list}, nil
}

func (s *Server) listActions(ctx context.Context, input *inPlace) (*body[ActionList], error) {
	_, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	actions, faulty, err := api.Actions(ctx)
	if err != nil {
		return nil, err
	}
	list := ActionList{Items: []Action{}, Notes: []string{}}
	for _, action := range actions {
		list.Items = append(list.Items, Action{
			Name: action.Name, Title: action.Title, Description: described(action.Description, action.From()), Image: action.Image,
			Command: orEmpty(action.Command), Preset: action.Preset, Terminal: action.Terminal,
		})
	}
	for _, err := range faulty {
		list.Notes = append(list.Notes, sanitize.Line(err.Error()))
	}
	return &body[ActionList]{list}, nil
}

// described is a description with where it comes from.
func described(text, from string) string {
	switch {
	case from == "":
		return text
	case text == "":
		return "(" + from + ")"
	}
	return text + " (" + from + ")"
}

// orEmpty makes an empty list of nil, which is null in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Server) listJobs(ctx context.Context, input *listJobs) (*body[JobList], error) {
	_, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	found, err := api.List(ctx, jobs.ListOptions{})
	if err != nil {
		return nil, err
	}
	return &body[JobList]{JobList{Items: rows(found, input.All)}}, nil
}

// rows describes jobs, the newest first.
func rows(found []jobstatus.Job, all bool) []Job {
	list := make([]Job, 0, len(found))
	for i := range slices.Backward(found) {
		if all || !found[i].Ended() {
			list = append(list, rowOf(&found[i]))
		}
	}
	return list
}

func rowOf(listed *jobstatus.Job) Job {
	return Job{
		Name:     listed.Name,
		UID:      string(listed.UID),
		Status:   string(listed.Status()),
		Reason:   listed.State.Reason,
		Message:  oneLine(listed.State.Message),
		Created:  listed.CreationTimestamp.Time,
		Started:  moment(listed.Started()),
		Finished: moment(listed.Finished()),
		Image:    jobspec.Image(listed.Job),
		Command:  orEmpty(jobspec.Command(listed.Job)),
		ExitCode: exitCode(listed.State),
		Tags:     orEmpty(jobspec.TagsOf(listed.Job)),
		Terminal: hasTerminal(listed.Job),
	}
}

// hasTerminal reports whether a job's container has a terminal that one can attach to.
func hasTerminal(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Spec.Template.Spec.Containers, func(c corev1.Container) bool {
		return c.Name == jobspec.ContainerName && c.TTY && c.Stdin
	})
}

func oneLine(message string) string { return sanitize.Line(strings.Join(strings.Fields(message), " ")) }

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func exitCode(state jobstatus.State) *int {
	if state.ExitCode == jobstatus.UnknownExitCode {
		return nil
	}
	return &state.ExitCode
}

func stateOf(state jobstatus.State) *JobState {
	return &JobState{Phase: string(state.Phase), Reason: state.Reason, Message: oneLine(state.Message), Attempt: state.Attempt, ExitCode: exitCode(state)}
}

func (s *Server) getJob(ctx context.Context, input *Named) (*body[JobDetails], error) {
	client, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	job, err := api.Get(ctx, input.Name)
	if err != nil {
		return nil, err
	}
	details := JobDetails{
		Description: job.Annotations[wellknown.AnnotationDescription],
		Preset:      job.Annotations[wellknown.AnnotationPreset],
		Secrets:     orEmpty(jobspec.SecretsOf(job)),
		Environment: []Variable{}, Files: []File{}, Volumes: []Volume{}, Pods: []Pod{}, Events: []Event{}, Notes: []string{},
	}
	pods, err := api.PodsOf(ctx, job)
	if err != nil {
		details.Notes = append(details.Notes, explainedNote(err))
	}
	events, err := api.Events(ctx, job, pods)
	if err != nil {
		details.Notes = append(details.Notes, explainedNote(err))
	}
	listed := &jobstatus.Job{Job: job, State: jobstatus.StateOf(job, pods, events)}
	details.Job = rowOf(listed)
	for _, attempt := range jobstatus.Attempts(pods) {
		pod := Pod{Name: attempt.Name, Phase: string(attempt.State.Phase), Node: attempt.Spec.NodeName, Containers: []Container{}}
		for _, c := range jobstatus.OtherContainers(attempt.Pod) {
			pod.Containers = append(pod.Containers, Container{Name: c.Name, Init: c.Init, State: oneLine(c.State)})
		}
		if attempt.Status.StartTime != nil {
			pod.Started = moment(attempt.Status.StartTime.Time)
		}
		details.Pods = append(details.Pods, pod)
		details.Node = pod.Node
	}
	for _, event := range events[max(0, len(events)-mostEvents):] {
		details.Events = append(details.Events, Event{
			Time: jobstatus.EventTime(event), Reason: event.Reason, Message: oneLine(event.Message),
			Warning: event.Type == corev1.EventTypeWarning, Count: max(1, event.Count),
		})
	}
	spec, err := jobspec.FromJob(job)
	for _, variable := range spec.Variables {
		one := Variable{Name: variable.Name, Value: variable.Value}
		if variable.Secret != nil {
			one.Secret = variable.Secret.String()
		}
		details.Environment = append(details.Environment, one)
	}
	for _, file := range spec.Files {
		one := File{Path: file.Path, Secret: file.Secret.String()}
		if file.Mode != 0 {
			one.Mode = jobspec.FormatMode(file.Mode)
		}
		details.Files = append(details.Files, one)
	}
	for _, mount := range spec.Mounts {
		details.Volumes = append(details.Volumes, volumeOf(mount))
	}
	if err == nil && api.Shorten(ctx, &spec) == nil {
		details.RunCommand = s.command(client, spec)
	}
	return &body[JobDetails]{details}, nil
}

func volumeOf(mount jobspec.Mount) Volume {
	volume := Volume{Kind: "disk", Source: mount.Claim, Path: mount.Path, ReadOnly: mount.ReadOnly}
	if mount.Storage {
		volume.Kind, volume.Source = "storage", mount.SubPath
	}
	return volume
}

func (s *Server) killJob(ctx context.Context, input *Named) (*nothing, error) {
	_, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	job, err := api.Get(ctx, input.Name)
	if err != nil {
		return nil, err
	}
	err = api.Delete(ctx, jobs.RefOf(job))
	if held := (*kube.BeingDeletedError)(nil); errors.As(err, &held) {
		return nil, fmt.Errorf("job %s %w", job.Name, err)
	}
	return nil, err
}

// command is a line for the shell that makes a job; empty where no line can.
func (s *Server) command(client *kube.Client, spec jobspec.Spec) string {
	if s.runCommand == nil {
		return ""
	}
	line, err := s.runCommand(client, spec)
	if err != nil {
		return ""
	}
	return line
}
