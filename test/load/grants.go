package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/neuro-inc/kubectl-apolo/pkg/grants"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

const (
	// perSecret is how many users each secret is granted to. The guest is one of them.
	perSecret = 4
	// granters is how many grants are given at the same time where only the number matters.
	granters = 8
	// mostMemory is how many bytes of memory a command may take, however many grants there are.
	mostMemory = 64 << 20
	// samples is how often a command is run for a figure.
	samples = 5
)

// probe is a command whose cost is looked at.
type probe struct {
	name string
	as   func(*manyResult) user
	args func(i int) []string
	// rows is how many lines it has to print, where that is known.
	rows func(*manyResult) int
}

func probes() []probe {
	owner := func(r *manyResult) user { return r.owner }
	guest := func(r *manyResult) user { return r.guest }
	fixed := func(args ...string) func(int) []string { return func(int) []string { return args } }
	numbered := func(args ...string) func(int) []string {
		return func(i int) []string {
			return strings.Split(strings.ReplaceAll(strings.Join(args, " "), "%", fmt.Sprint(i)), " ")
		}
	}
	return []probe{
		{name: "acl grant, a first one", as: owner, args: numbered("acl", "grant", "secret:probe-%", "somebody", "read")},
		{name: "acl grant, one more", as: owner, args: numbered("acl", "grant", "secret:probe-%", "somebody-else", "read")},
		{name: "acl revoke", as: owner, args: numbered("acl", "revoke", "secret:probe-%", "somebody-else")},
		{name: "secret add", as: owner, args: numbered("secret", "add", "new-%", "value")},
		{name: "secret rm", as: owner, args: numbered("secret", "rm", "new-%")},
		{name: "secret get, as a guest", as: guest, args: fixed("secret", "get", "key-0")},
		{name: "secret ls", as: owner, args: fixed("secret", "ls"), rows: func(r *manyResult) int { return r.secrets + samples }},
		{name: "acl ls, as a guest", as: guest, args: fixed("acl", "ls"), rows: func(r *manyResult) int { return r.secrets }},
		{name: "acl ls --shared", as: owner, args: fixed("acl", "ls", "--shared"), rows: func(r *manyResult) int { return r.grants + samples }},
		{name: "acl ls -u GUEST", as: owner, args: fixed("acl", "ls", "-u", "{guest}"), rows: func(r *manyResult) int { return r.secrets }},
	}
}

// cost is what a probe took, each the median of its samples.
type cost struct {
	wall, cpu time.Duration
	memory    int64
	requests  int
}

// manyResult is a namespace with many grants.
type manyResult struct {
	owner, guest    user
	secrets, grants int
	took            time.Duration // all the grants together
	few, many       map[string]cost
}

// manyGrants measures commands where there are few grants, gives many, and measures again.
func (p *place) manyGrants(ctx context.Context, count int, progress func(string)) (*manyResult, error) {
	namespace, owner, err := p.namespace(ctx, "grants")
	if err != nil {
		return nil, err
	}
	r := &manyResult{owner: owner}
	if r.guest, err = p.user("guest", namespace); err != nil {
		return nil, err
	}
	client, err := kube.NewClient(&kube.Options{Kubeconfig: owner.kubeconfig, UserAgent: "apolo-load"})
	if err != nil {
		return nil, err
	}
	store, err := secrets.NewStore(client, uri.Secret{})
	if err != nil {
		return nil, err
	}
	granter, err := grants.NewGranter(client, uri.Secret{})
	if err != nil {
		return nil, err
	}
	grant := func(ctx context.Context, key, name string) error {
		_, err := granter.Grant(ctx, key, grants.Grantee{Kind: "User", Name: name}, grants.Read)
		return err
	}
	for i := range 2 * samples {
		if _, err := store.Add(ctx, fmt.Sprintf("probe-%d", i), []byte("value"), secrets.AddOptions{}); err != nil {
			return nil, err
		}
	}
	r.secrets, r.grants = 1, 1
	if _, err := store.Add(ctx, keyOf(0), []byte("value"), secrets.AddOptions{}); err != nil {
		return nil, err
	}
	if err := grant(ctx, keyOf(0), r.guest.name); err != nil {
		return nil, err
	}
	if r.few, err = p.measure(ctx, r, 0); err != nil {
		return nil, err
	}

	wanted := count / perSecret
	var done atomic.Int64
	begin := time.Now()
	all, inner := errgroup.WithContext(ctx)
	all.SetLimit(granters)
	for i := range wanted {
		all.Go(func() error {
			if i > 0 {
				if _, err := store.Add(inner, keyOf(i), []byte("value"), secrets.AddOptions{}); err != nil {
					return err
				}
			}
			for j := range perSecret {
				name := fmt.Sprintf("user-%d", j)
				if j == 0 {
					name = r.guest.name
				}
				if err := grant(inner, keyOf(i), name); err != nil {
					return err
				}
			}
			if n := done.Add(perSecret); n%1000 == 0 {
				progress(fmt.Sprintf("%d grants in %s", n, time.Since(begin).Round(time.Second)))
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	r.took = time.Since(begin)
	r.secrets, r.grants = wanted, wanted*perSecret
	if r.many, err = p.measure(ctx, r, samples); err != nil {
		return nil, err
	}
	return r, p.checkMany(ctx, namespace, r)
}

// keyOf is a key: every tenth is one that can't be the name of a Kubernetes Secret.
func keyOf(i int) string {
	if i%10 == 9 {
		return fmt.Sprintf("KEY_%d", i)
	}
	return fmt.Sprintf("key-%d", i)
}

// checkMany compares the namespace with what was granted, without the product.
func (p *place) checkMany(ctx context.Context, namespace string, r *manyResult) error {
	state, err := p.state(ctx, namespace)
	if err != nil {
		return err
	}
	guests := 0
	for name := range state.grants {
		if strings.HasSuffix(name, " "+r.guest.name) {
			guests++
		}
	}
	if guests != r.secrets || len(state.left) > 0 {
		return fmt.Errorf("%d secrets are granted to the guest, want %d; there are %d left-overs", guests, r.secrets, len(state.left))
	}
	return nil
}

// measure runs each probe several times.
func (p *place) measure(ctx context.Context, r *manyResult, first int) (map[string]cost, error) {
	costs := map[string]cost{}
	for _, probe := range probes() {
		var wall, cpu []time.Duration
		var memory []int64
		log, err := p.auditing()
		if err != nil {
			return nil, err
		}
		as := probe.as(r)
		for i := range samples {
			args := probe.args(first + i)
			for j := range args {
				args[j] = strings.ReplaceAll(args[j], "{guest}", r.guest.name)
			}
			m, err := p.apolo(ctx, as, args...)
			if err != nil {
				return nil, err
			}
			if probe.rows != nil {
				// A table begins with an empty line, the headings and a rule. What the probes themselves made is less than
				// a row a sample.
				got, want := strings.Count(m.stdout, "\n")-3, probe.rows(r)
				if got < want-samples || got > want+2*samples {
					return nil, fmt.Errorf("%s printed %d rows, want about %d", probe.name, got, want)
				}
			}
			wall, cpu, memory = append(wall, m.Wall), append(cpu, m.CPU), append(memory, m.Memory)
		}
		found, err := log.end(ctx)
		if err != nil {
			return nil, err
		}
		c := cost{wall: median(wall), cpu: median(cpu), memory: median(memory), requests: len(found.of(as)) / samples}
		if c.memory > mostMemory {
			return nil, fmt.Errorf("%s took %d MB of memory", probe.name, c.memory>>20)
		}
		costs[probe.name] = c
	}
	return costs, nil
}

func median[T ~int64](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
