package kube

import (
	"context"
	"encoding/base64"
	"testing"
)

func TestWarnings(t *testing.T) {
	value := []byte("p@$$w0rd-of-alice")
	quoted := "bad: " + base64.StdEncoding.EncodeToString(value) + " and " + string(value)
	for name, c := range map[string]struct {
		ctx  func(context.Context) context.Context
		code int
		want string
	}{
		"plain":          {func(ctx context.Context) context.Context { return ctx }, warningOfServer, quoted},
		"another code":   {func(ctx context.Context) context.Context { return ctx }, 199, ""},
		"masked":         {func(ctx context.Context) context.Context { return MaskWarnings(ctx, value) }, warningOfServer, "bad: *** and ***"},
		"masked outside": {func(ctx context.Context) context.Context { return MaskWarnings(MaskWarnings(ctx, value), []byte("x")) }, warningOfServer, "bad: *** and ***"},
		"withheld": {func(ctx context.Context) context.Context {
			return WithholdWarnings(MaskWarnings(ctx, value), `secret "k"`)
		}, warningOfServer,
			`the API server's warning about secret "k" is not shown, because it may quote a value that is stored there`},
	} {
		var client, own string
		w := warnings{func(text string) { client = text }}
		w.HandleWarningHeaderWithContext(c.ctx(t.Context()), c.code, "", quoted)
		w.HandleWarningHeaderWithContext(c.ctx(WithWarn(t.Context(), func(text string) { own = text })), c.code, "", quoted)
		if client != c.want || own != c.want {
			t.Errorf("%s: %q and %q, want %q", name, client, own, c.want)
		}
	}
	warnings{}.HandleWarningHeaderWithContext(t.Context(), warningOfServer, "", quoted) // to nobody
}
