package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

// Request sizes, in bytes.
const (
	maxBody       = 512 << 10
	maxLoginBody  = 80 << 10
	maxSecretBody = 1536 << 10 // a value of 1 MiB in base64, and its key
)

// bodyTimeout is how long a request may take to arrive.
const bodyTimeout = time.Minute

// Where says which namespace of which cluster a request is about.
type Where struct {
	Cluster   string `query:"cluster" maxLength:"1024" doc:"A name from contexts; empty: the current one"`
	Namespace string `query:"namespace" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"Leave empty for the current one"`
}

type (
	inPlace struct{ Where }
	nothing struct{}

	granted struct {
		Keyed
		Grantee string `path:"grantee" maxLength:"1024"`
	}
	body[T any] struct {
		Body T
	}
)

// Keyed is a request about one secret. It is exported, as Where and Named are, because huma reads only
// such fields.
type Keyed struct {
	Where
	Key string `path:"key" maxLength:"253"`
}

// Named is a request about one job.
type Named struct {
	Where
	Name string `path:"name" maxLength:"63"`
}

// Resolve is part of huma.Resolver.
func (k *Keyed) Resolve(huma.Context) []error {
	if err := uri.ValidateKey(k.Key); err != nil {
		return []error{&huma.ErrorDetail{Location: "path.key", Message: err.Error()}}
	}
	return nil
}

// Resolve is part of huma.Resolver.
func (n *Named) Resolve(huma.Context) []error {
	if len(validation.IsDNS1123Subdomain(n.Name)) > 0 {
		return []error{&huma.ErrorDetail{Location: "path.name", Message: "this can't be the name of a job"}}
	}
	return nil
}

// route describes one operation; its answers are the type of its handler, or a Problem.
type route struct {
	id, method, path, summary string
	status                    int   // 0: 200
	maxBytes                  int64 // 0: maxBody
	open                      bool  // needs no session
}

// router registers operations with huma, which checks input, and describes all of them in OpenAPI.
type router struct {
	server *Server
	api    huma.API
}

func newAPI(mux humago.Mux, version string) huma.API {
	config := huma.DefaultConfig("Apolo Console", version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // huma's pages load scripts from elsewhere
	config.CreateHooks = nil
	format := huma.Format{Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }, Unmarshal: huma.DefaultJSONFormat.Unmarshal} // markup escaped
	config.Formats = map[string]huma.Format{"application/json": format, "json": format}
	config.Transformers = []huma.Transformer{problems}
	api := humago.NewWithPrefix(mux, apiPrefix, config)
	// The messages of WebSockets have no place in OpenAPI, but their types do.
	for _, message := range []any{JobsFrame{}, LogFrame{}, TerminalInput{}, TerminalOutput{}} {
		t := reflect.TypeOf(message)
		api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
	}
	return api
}

// handle registers an operation.
func handle[I, O any](r *router, what route, run func(context.Context, *I) (*O, error)) {
	operation := huma.Operation{
		OperationID:     what.id,
		Method:          what.method,
		Path:            what.path,
		Summary:         what.summary,
		DefaultStatus:   what.status,
		MaxBodyBytes:    what.maxBytes,
		BodyReadTimeout: bodyTimeout,
		Responses: map[string]*huma.Response{
			"default": {Description: "What went wrong", Content: map[string]*huma.MediaType{
				problemType: {Schema: r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
			}},
		},
		Middlewares: huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			request, writer := humago.Unwrap(ctx)
			r.server.withVisit(ctx, request, writer.Header(), func(ctx huma.Context) {
				if !what.open && visitOf(ctx.Context()).session == nil {
					notLoggedIn().write(writer)
					return
				}
				next(ctx)
			})
		}},
	}
	if operation.MaxBodyBytes == 0 {
		operation.MaxBodyBytes = maxBody
	}
	huma.Register(r.api, operation, func(ctx context.Context, input *I) (*O, error) {
		var warned warnings
		output, err := run(kube.WithWarn(ctx, warned.add), input)
		warned.write(visitOf(ctx).header)
		return output, r.server.refusal(ctx, err)
	})
}

func notLoggedIn() *Problem {
	return newProblem(http.StatusUnauthorized, "you are not logged in, or no more; log in again")
}

// refusal is the answer for an error.
func (s *Server) refusal(ctx context.Context, err error) error {
	session := visitOf(ctx).session
	if session == nil || !apierrors.IsUnauthorized(err) {
		return explain(err)
	}
	if s.endRefused(session, err) {
		return explain(err)
	}
	return newProblem(http.StatusForbidden, err.Error())
}

// endRefused logs a team's visitor out whose token the cluster no longer takes. That it does not take
// what the kubeconfig has is no reason to.
func (s *Server) endRefused(session *session, err error) (ended bool) {
	if s.team == nil || !apierrors.IsUnauthorized(err) {
		return false
	}
	session.end()
	return true
}

// OpenAPI describes the API, as indented JSON.
func OpenAPI() ([]byte, error) {
	compact, err := json.Marshal((&Server{}).register(http.NewServeMux()).OpenAPI())
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	err = json.Indent(&indented, compact, "", "  ")
	return indented.Bytes(), err
}

func (s *Server) register(mux *http.ServeMux) huma.API {
	api := newAPI(mux, strings.TrimPrefix(apiPrefix, "/api/"))
	r := &router{server: s, api: api}
	s.registerSession(r)
	s.registerSecrets(r)
	s.registerAccess(r)
	s.registerJobs(r)
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // problems leaves none of them
		delete(api.OpenAPI().Components.Schemas.Map(), unused)
	}
	return api
}
