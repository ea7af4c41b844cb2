package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// Error is part of error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is part of huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is part of huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

func newProblem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: shortened(sanitize.Line(detail), 2000)}
}

// shortened bounds, in bytes, what of a request or of a cluster's answer comes back to the page.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}

// invalid is wrong input in a field.
func invalid(field string, err error) *Problem {
	p := newProblem(http.StatusUnprocessableEntity, err.Error())
	p.Field = field
	return p
}

// write answers a request outside of huma.
func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the visitor is gone, then
}

// explain turns the error of a package below into a Problem. Their texts are sentences for users, and
// hold no values.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if known := (*Problem)(nil); errors.As(err, &known) {
		return known
	}
	return newProblem(statusOf(err), err.Error())
}

func statusOf(err error) int {
	var (
		status  apierrors.APIStatus
		request *kube.Error
		job     *jobs.NotFoundError
		deleted *kube.BeingDeletedError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.Is(err, secrets.ErrNotFound), errors.Is(err, grants.ErrNotGranted), errors.As(err, &job):
		return http.StatusNotFound
	case errors.Is(err, secrets.ErrExists), errors.Is(err, secrets.ErrNotManaged), errors.Is(err, secrets.ErrAdopted), errors.As(err, &deleted):
		return http.StatusConflict
	case apierrors.IsUnauthorized(err):
		return http.StatusUnauthorized
	case errors.As(err, &status) && status.Status().Code >= 400 && status.Status().Code < 500:
		return int(status.Status().Code)
	case errors.As(err, &request):
		return http.StatusBadGateway
	}
	return http.StatusUnprocessableEntity // what a package refuses, it says why
}

// problems turns the errors that huma itself makes into Problems. It leaves out what it quotes of the
// request, because that can be a value.
func problems(_ huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	p := newProblem(model.Status, model.Detail)
	for _, e := range model.Errors {
		if e.Location == "" {
			continue
		}
		field := e.Location
		for _, place := range []string{"body.", "query.", "path."} {
			field = strings.TrimPrefix(field, place)
		}
		field = shortened(sanitize.Line(field), 300)
		if p.Field = field; e.Location == "body" {
			p.Field = ""
		}
		p.Detail = newProblem(model.Status, field+": "+e.Message).Detail
		break
	}
	return p, nil
}
