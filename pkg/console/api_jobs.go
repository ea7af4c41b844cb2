package console

import (
	"context"
	"net/http"
)

type listJobs struct {
	Where
	All bool `query:"all" doc:"Those that have ended, too"`
}

type runJob struct {
	Where
	Body NewJob
}

func (s *Server) registerJobs(r *router) {
	handle(r, route{id: "listPresets", method: http.MethodGet, path: "/presets", summary: "The resource presets of a namespace"}, s.listPresets)
	handle(r, route{id: "listActions", method: http.MethodGet, path: "/actions", summary: "The cards of the dashboard"}, s.listActions)
	handle(r, route{id: "runJob", method: http.MethodPost, path: "/jobs", summary: "Run a job", status: http.StatusCreated}, s.runJob)
	handle(r, route{id: "listJobs", method: http.MethodGet, path: "/jobs", summary: "List jobs, the newest first"}, s.listJobs)
	handle(r, route{id: "getJob", method: http.MethodGet, path: "/jobs/{name}", summary: "All about a job"}, s.getJob)
	handle(r, route{id: "killJob", method: http.MethodDelete, path: "/jobs/{name}", summary: "Delete a job, and what it runs",
		status: http.StatusNoContent}, s.killJob)
}

func (s *Server) listPresets(context.Context, *inPlace) (*body[PresetList], error) {
	return nil, missing()
}
func (s *Server) runJob(context.Context, *runJob) (*body[CreatedJob], error)  { return nil, missing() }
func (s *Server) listJobs(context.Context, *listJobs) (*body[JobList], error) { return nil, missing() }
func (s *Server) getJob(context.Context, *named) (*body[JobDetails], error)   { return nil, missing() }
func (s *Server) killJob(context.Context, *named) (*nothing, error)           { return nil, missing() }
func (s *Server) listActions(context.Context, *inPlace) (*body[ActionList], error) {
	return nil, missing()
}

func missing() error { return newProblem(http.StatusNotImplemented, "this is not there yet") }
