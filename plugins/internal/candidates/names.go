package candidates

import (
	"context"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/completion"
)

// place is a namespace; what is empty is the current one.
type place struct{ cluster, namespace string }

// names completes URIs of one scheme, in their three forms.
type names struct {
	scheme string
	each   func(ctx context.Context, c *completion.Word, where place, offer func(name string))
}

// complete offers whole URIs, and up to the next slash where a part before the last is being typed. Each
// has text before and after it; with some after it the word continues.
func (n names) complete(ctx context.Context, c *completion.Word, before, after string) {
	typed, ok := strings.CutPrefix(c.Text, before)
	if !ok {
		return
	}
	named := func(where place, head string) {
		n.each(ctx, c, where, func(name string) {
			if after == "" {
				c.Offer(before+head+name, "")
			} else {
				c.OfferOpen(before + head + name + after)
			}
		})
	}
	inCluster := func(cluster, head string) {
		namespace, _, ok := strings.Cut(strings.TrimPrefix(typed, head), "/")
		if !ok {
			c.OfferNamespaces(ctx, cluster, before+head, "/")
			return
		}
		named(place{cluster, namespace}, head+namespace+"/")
	}
	rest, ok := strings.CutPrefix(typed, n.scheme)
	switch {
	case !ok && !strings.HasPrefix(n.scheme, typed):
	case strings.HasPrefix(rest, "//"):
		clusters, err := kube.Clusters(c.Kube)
		if err != nil {
			return
		}
		// A cluster's name may have slashes, so it ends where the name of one that is known does.
		for _, cluster := range clusters {
			head := n.scheme + "//" + cluster + "/"
			c.OfferOpen(before + head)
			if strings.HasPrefix(typed, head) {
				inCluster(cluster, head)
			}
		}
	case strings.HasPrefix(rest, "/"):
		inCluster("", n.scheme+"/")
	default:
		named(place{}, n.scheme)
	}
}
