package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/envfile"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

type runJob struct {
	Where
	Body NewJob
}

func (s *Server) runJob(ctx context.Context, input *runJob) (*body[CreatedJob], error) {
	client, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	spec, err := specOf(&input.Body)
	if err != nil {
		return nil, err
	}
	created := CreatedJob{Name: spec.Name, RunCommand: s.command(client, spec), Notes: []string{}}
	if input.Body.DryRun {
		_, err := api.Plan(&spec)
		if err != nil {
			return nil, invalid("", err)
		}
		return &body[CreatedJob]{created}, nil
	}
	if err := api.Complete(ctx, &spec); err != nil {
		if unknown := (*jobspec.UnknownPresetError)(nil); errors.As(err, &unknown) {
			return nil, invalid("preset", err)
		}
		return nil, err
	}
	plan, err := api.Plan(&spec)
	if err != nil {
		return nil, invalid("", err)
	}
	if _, err := api.CheckAndRead(ctx, plan); err != nil {
		return nil, atSecret(&input.Body, err)
	}
	ref, err := api.Create(ctx, plan)
	if errors.Is(err, jobs.ErrExists) {
		p := newProblem(http.StatusConflict, err.Error())
		p.Field = "name"
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	created.Name, created.UID = ref.Name, string(ref.UID)
	for _, secret := range plan.Unread() {
		created.Notes = append(created.Notes, "you can't read "+secret+": its value will be shown wherever the job prints it")
	}
	return &body[CreatedJob]{created}, nil
}

// atSecret names the field of the secret that can't be used.
func atSecret(job *NewJob, err error) error {
	deleted := (*kube.BeingDeletedError)(nil)
	if !errors.Is(err, secrets.ErrNotFound) && !errors.Is(err, secrets.ErrNotManaged) && !apierrors.IsForbidden(err) && !errors.As(err, &deleted) {
		return err
	}
	blames := func(secret string) bool { return secret != "" && strings.HasPrefix(err.Error(), secret+": ") }
	for i, variable := range job.Environment {
		if blames(variable.Secret) {
			return invalid(fmt.Sprintf("environment[%d].secret", i), err)
		}
	}
	for i, file := range job.Files {
		if blames(file.Secret) {
			return invalid(fmt.Sprintf("files[%d].secret", i), err)
		}
	}
	return invalid("", err)
}

// specOf reads a job. Its errors name the field that is wrong; what is wrong is said by the packages
// that read the command line too.
func specOf(job *NewJob) (jobspec.Spec, error) {
	spec := jobspec.New()
	for _, field := range []struct {
		name string
		set  func(*jobspec.Spec)
	}{
		{"image", func(s *jobspec.Spec) { s.Image = job.Image }},
		{"name", func(s *jobspec.Spec) { s.Name = job.Name }},
		{"command", func(s *jobspec.Spec) { s.Args = job.Command }},
	} {
		alone := jobspec.New()
		alone.Image = "image"
		field.set(&alone)
		if err := alone.Validate(); err != nil {
			return spec, invalid(field.name, err)
		}
		field.set(&spec)
	}
	spec.Preset, spec.Stdin, spec.TTY = job.Preset, job.Terminal, job.Terminal
	for i, variable := range job.Environment {
		parsed, err := variableOf(variable, fmt.Sprintf("environment[%d]", i))
		if err != nil {
			return spec, err
		}
		spec.Variables = append(spec.Variables, parsed)
	}
	for i, file := range job.Files {
		parsed, err := fileOf(file, fmt.Sprintf("files[%d]", i))
		if err != nil {
			return spec, err
		}
		spec.Files = append(spec.Files, parsed)
	}
	for i, volume := range job.Volumes {
		parsed, err := mountOf(volume, fmt.Sprintf("volumes[%d]", i))
		if err != nil {
			return spec, err
		}
		spec.Mounts = append(spec.Mounts, parsed)
	}
	if err := spec.Validate(); err != nil {
		return spec, invalid("", err)
	}
	return spec, nil
}

func variableOf(variable NewVariable, field string) (jobspec.Variable, error) {
	noEnvironment := func(string) (string, bool) { return "", false }
	if err := envfile.ValidateName(variable.Name); err != nil { // alone, so that it cannot bring a "=" along
		return jobspec.Variable{}, invalid(field+".name", err)
	}
	value, at := variable.Value, ".value"
	if variable.Secret != "" {
		value, at = variable.Secret, ".secret"
		if _, err := uri.Parse(value); err != nil {
			return jobspec.Variable{}, invalid(field+at, err)
		}
	}
	parsed, err := jobspec.ParseVariable(variable.Name+"="+value, noEnvironment)
	if err != nil {
		return parsed, invalid(field+at, err)
	}
	return parsed, nil
}

func fileOf(file NewFile, field string) (jobspec.SecretFile, error) {
	if _, err := uri.Parse(file.Secret); err != nil {
		return jobspec.SecretFile{}, invalid(field+".secret", err)
	}
	if err := absolute(file.Path); err != nil {
		return jobspec.SecretFile{}, invalid(field+".path", err)
	}
	parsed, err := jobspec.ParseSecretFile(file.Secret + ":" + file.Path)
	if err != nil {
		return parsed, invalid(field+".path", err)
	}
	if file.Mode != "" {
		if parsed.Mode, err = jobspec.ParseMode(file.Mode); err != nil {
			return parsed, invalid(field+".mode", err)
		}
	}
	return parsed, nil
}

func mountOf(volume NewVolume, field string) (jobspec.Mount, error) {
	if strings.Contains(volume.Source, ":") {
		return jobspec.Mount{}, invalid(field+".source", errors.New("must not contain ':'"))
	}
	if err := absolute(volume.Path); err != nil {
		return jobspec.Mount{}, invalid(field+".path", err)
	}
	text := volume.Kind + ":" + volume.Source + ":" + volume.Path
	if volume.ReadOnly {
		text += ":ro"
	}
	parsed, err := jobspec.ParseMount(text)
	if err != nil {
		at := ".path"
		if _, sourceErr := jobspec.ParseMount(volume.Kind + ":" + volume.Source + ":/mnt"); sourceErr != nil {
			at = ".source"
		}
		return parsed, invalid(field+at, err)
	}
	return parsed, nil
}

// absolute is what a path must be before it is joined with what stands before it on a command line.
func absolute(path string) error {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, ":") {
		return errors.New("the path must begin with '/' and have no ':'")
	}
	return nil
}
