package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowdResult is what became of many processes at once.
type crowdResult struct {
	processes int
	lasted    time.Duration
	commands  map[string][]time.Duration // how long each took, by kind
	answers   map[int]int                // of the API server, by status
	secrets   int                        // that were there in the end
	grants    int                        // subjects of RoleBindings
	removed   int                        // secrets that were removed in between
	revoked   int
}

// crowdKeys is how many keys a process keeps at most.
const crowdKeys = 6

// sharedKey is the one secret that all share with their own users.
const sharedKey = "shared"

// hand is one of the processes, one after the other. What the commands acknowledged is what it knows.
type hand struct {
	place  *place
	id     int
	owner  user
	random *rand.Rand

	values  map[string]string          // by key
	grants  map[string]map[string]bool // users by key, sharedKey included
	number  int
	removed int
	revoked int
}

// crowd lets many processes work on one namespace, and compares what they were told with what there is.
func (p *place) crowd(ctx context.Context, processes int, lasting time.Duration) (*crowdResult, error) {
	namespace, owner, err := p.namespace(ctx, "crowd")
	if err != nil {
		return nil, err
	}
	if _, err := p.apolo(ctx, owner, "secret", "add", sharedKey, "value"); err != nil {
		return nil, err
	}
	log, err := p.auditing()
	if err != nil {
		return nil, err
	}
	result := &crowdResult{processes: processes, commands: map[string][]time.Duration{}, answers: map[int]int{}}
	begin := time.Now()
	end := begin.Add(lasting)
	hands := make([]*hand, processes)
	var all errgroup.Group
	var lock sync.Mutex
	for i := range hands {
		h := &hand{place: p, id: i, owner: owner, random: rand.New(rand.NewPCG(uint64(i), 1)),
			values: map[string]string{}, grants: map[string]map[string]bool{sharedKey: {}}}
		hands[i] = h
		all.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				kind, took, err := h.work(ctx)
				if err != nil {
					return err
				}
				lock.Lock()
				result.commands[kind] = append(result.commands[kind], took)
				lock.Unlock()
			}
			return nil
		})
	}
	if err := errors.Join(all.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	result.lasted = time.Since(begin)
	if err := p.eventually(ctx, func(ctx context.Context) string {
		problem, err := p.compare(ctx, namespace, hands, result)
		if err != nil {
			return err.Error()
		}
		return problem
	}); err != nil {
		return nil, err
	}
	found, err := log.end(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range found.of(owner) {
		if result.answers[e.ResponseStatus.Code]++; e.ResponseStatus.Code >= http.StatusInternalServerError {
			return nil, fmt.Errorf("the API server answered %d to %s %s", e.ResponseStatus.Code, e.Verb, e.RequestURI)
		}
	}
	return result, p.clear(ctx, namespace, owner)
}

// clear removes all secrets with the commands for it: nothing is left then.
func (p *place) clear(ctx context.Context, namespace string, owner user) error {
	listed, err := p.apolo(ctx, owner, "secret", "ls", "-q")
	if err != nil {
		return err
	}
	if _, err := p.apolo(ctx, owner, append([]string{"secret", "rm"}, strings.Fields(listed.stdout)...)...); err != nil {
		return err
	}
	return p.eventually(ctx, func(ctx context.Context) string {
		problem, err := p.compare(ctx, namespace, nil, &crowdResult{})
		if err != nil {
			return err.Error()
		}
		return problem
	})
}

// work runs one command, and checks its answer against what earlier ones have acknowledged.
func (h *hand) work(ctx context.Context) (kind string, took time.Duration, err error) {
	keys := slices.Sorted(maps.Keys(h.values))
	pick := func() string { return keys[h.random.IntN(len(keys))] }
	h.number++
	value := fmt.Sprintf("value %d of process %d", h.number, h.id)
	run := func(k string, args ...string) (measured, error) {
		m, err := h.place.apolo(ctx, h.owner, args...)
		kind, took = k, m.Wall
		return m, err
	}
	choice := h.random.IntN(100)
	switch {
	case len(keys) == 0, choice < 25 && len(keys) < crowdKeys:
		key := fmt.Sprintf("key-%d-%d", h.id, h.number)
		if h.random.IntN(3) == 0 {
			key = strings.ToUpper(key)
		}
		if _, err = run("secret add", "secret", "add", key, value); err == nil {
			h.values[key], h.grants[key] = value, map[string]bool{}
		}
	case choice < 30:
		key := pick()
		if _, err = run("secret add --overwrite", "secret", "add", key, value, "--overwrite"); err == nil {
			h.values[key] = value
		}
	case choice < 42:
		key := pick()
		var m measured
		if m, err = run("secret get", "secret", "get", key); err == nil && m.stdout != h.values[key] {
			err = fmt.Errorf("%s is %q, want %q", key, m.stdout, h.values[key])
		}
	case choice < 50:
		var m measured
		if m, err = run("secret ls", "secret", "ls", "-q"); err == nil {
			err = h.sees(strings.Fields(m.stdout))
		}
	case choice < 75:
		key := sharedKey
		if h.random.IntN(2) == 0 {
			key = pick()
		}
		grantee := fmt.Sprintf("user-%d-%d", h.id, h.number)
		level := []string{"read", "write", "manage"}[h.random.IntN(3)]
		if _, err = run("acl grant", "acl", "grant", "secret:"+key, grantee, level); err == nil {
			h.grants[key][grantee] = true
		}
	case choice < 88:
		key := pick()
		if len(h.grants[sharedKey]) > 0 {
			key = sharedKey
		}
		for grantee := range h.grants[key] {
			if _, err = run("acl revoke", "acl", "revoke", "secret:"+key, grantee); err == nil {
				delete(h.grants[key], grantee)
				h.revoked++
			}
			return kind, took, err
		}
		_, err = run("acl ls", "acl", "ls")
	case choice < 93:
		from, to := pick(), fmt.Sprintf("moved-%d-%d", h.id, h.number)
		if _, err = run("secret mv", "secret", "mv", from, to); err == nil {
			h.values[to], h.grants[to] = h.values[from], map[string]bool{}
			h.forget(from)
		}
	default:
		key := pick()
		if _, err = run("secret rm", "secret", "rm", key); err == nil {
			h.forget(key)
		}
	}
	return kind, took, err
}

func (h *hand) forget(key string) {
	delete(h.values, key)
	delete(h.grants, key)
	h.removed++
}

// sees compares a listing with what is this process's own.
func (h *hand) sees(listed []string) error {
	seen := map[string]bool{}
	for _, key := range listed {
		if parts := strings.Split(strings.ToLower(key), "-"); len(parts) == 3 && parts[1] == fmt.Sprint(h.id) {
			seen[key] = true
		}
	}
	for key := range h.values {
		if !seen[key] {
			return fmt.Errorf("%s was added, and is not listed", key)
		}
	}
	if len(seen) != len(h.values) {
		return fmt.Errorf("%d keys of process %d are listed, want %d", len(seen), h.id, len(h.values))
	}
	return nil
}

// compare says in what a namespace is not what the processes were told; empty for nothing.
func (p *place) compare(ctx context.Context, namespace string, hands []*hand, result *crowdResult) (problem string, err error) {
	values, grants := map[string]string{}, map[string]bool{} // by key; by key and user
	result.removed, result.revoked = 0, 0
	if hands != nil {
		values[sharedKey] = "value"
	}
	for _, h := range hands {
		maps.Copy(values, h.values)
		for key, users := range h.grants {
			for u := range users {
				grants[key+" "+u] = true
			}
		}
		result.removed += h.removed
		result.revoked += h.revoked
	}
	result.secrets, result.grants = len(values), len(grants)

	state, err := p.state(ctx, namespace)
	if err != nil {
		return "", err
	}
	if difference := missing(values, state.values); difference != "" {
		return "of the secrets, " + difference, nil
	}
	if difference := missing(grants, state.grants); difference != "" {
		return "of the grants, " + difference, nil
	}
	if len(state.left) > 0 {
		return fmt.Sprintf("there are %d left-overs, such as %s", len(state.left), state.left[0]), nil
	}
	return "", nil
}

// missing compares what was acknowledged with what there is.
func missing[V comparable](told, there map[string]V) string {
	for name, value := range told {
		if got, ok := there[name]; !ok || got != value {
			return fmt.Sprintf("%s was acknowledged, and is not there", name)
		}
	}
	for name := range there {
		if _, ok := told[name]; !ok {
			return fmt.Sprintf("%s is there, and was not to be", name)
		}
	}
	return ""
}
