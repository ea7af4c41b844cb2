package kube

import (
	"context"

	"github.com/neuro-inc/kubectl-apolo/pkg/mask"
)

// warningOfServer is the only code of a warning that Kubernetes uses (RFC 7234, section 5.5).
const warningOfServer = 299

// warnings hands on the Warning headers of answers.
type warnings struct{ warn func(string) }

// warningRules are what a context says about the warnings that its requests bring.
type warningRules struct {
	warn     func(string) // instead of the client's
	values   [][]byte
	withheld string // where not empty: what the request is about
}

type warningKey struct{}

func warningRulesOf(ctx context.Context) warningRules {
	rules, _ := ctx.Value(warningKey{}).(warningRules)
	return rules
}

// WithWarn returns a context whose requests hand the warnings of API servers to warn, which several goroutines may call at
// the same time, and not to Options.Warn.
func WithWarn(ctx context.Context, warn func(text string)) context.Context {
	rules := warningRulesOf(ctx)
	rules.warn = warn
	return context.WithValue(ctx, warningKey{}, rules)
}

// MaskWarnings returns a context in whose requests' warnings the values are hidden: an admission rule may quote the whole
// object in a warning, as in a refusal.
func MaskWarnings(ctx context.Context, values ...[]byte) context.Context {
	rules := warningRulesOf(ctx)
	rules.values = append(rules.values[:len(rules.values):len(rules.values)], values...)
	return context.WithValue(ctx, warningKey{}, rules)
}

// WithholdWarnings returns a context for requests about an object that has values which are not known here, such as one
// that is deleted. That there was a warning is told, and its words are not.
func WithholdWarnings(ctx context.Context, object string) context.Context {
	rules := warningRulesOf(ctx)
	rules.withheld = object
	return context.WithValue(ctx, warningKey{}, rules)
}

// HandleWarningHeaderWithContext is part of rest.WarningHandlerWithContext.
func (w warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	rules := warningRulesOf(ctx)
	warn := w.warn
	if rules.warn != nil {
		warn = rules.warn
	}
	switch {
	case warn == nil || code != warningOfServer || text == "":
		return
	case rules.withheld != "":
		text = "the API server's warning about " + rules.withheld + " is not shown, because it may quote a value that is stored there"
	default:
		text = mask.Text(text, rules.values)
	}
	warn(text)
}
