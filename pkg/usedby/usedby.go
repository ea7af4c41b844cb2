// Package usedby finds what uses a Kubernetes Secret: pods, what makes pods, Ingresses and ServiceAccounts.
//
// It knows as much of these objects as that takes: the types of Kubernetes for them would make the plugin secret,
// which asks, a third larger (docs/decisions/0001).
package usedby

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// page is how many objects one answer brings: a pod takes about 10 KB.
const page = 250

// kinds are the resources that are looked through, with the word for each. Pods come first, see Find.
var kinds = []struct {
	group, resource, word string
}{
	{"", "pods", "pod"},
	{"batch", "jobs", "job"},
	{"batch", "cronjobs", "cronjob"},
	{"apps", "deployments", "deployment"},
	{"apps", "statefulsets", "statefulset"},
	{"apps", "daemonsets", "daemonset"},
	{"apps", "replicasets", "replicaset"},
	{"networking.k8s.io", "ingresses", "ingress"},
	{"", "serviceaccounts", "serviceaccount"},
}

// User is an object that uses a Secret.
type User struct {
	Kind  string // in lower case, as kubectl takes it
	Name  string
	State string // of a pod or a Job: running or pending
}

// String is the user in words.
func (u User) String() string {
	if u.State == "" {
		return u.Kind + "/" + u.Name
	}
	return u.Kind + "/" + u.Name + " (" + u.State + ")"
}

// Object is a Kubernetes Secret.
type Object struct{ Namespace, Name string }

// Found is what Find has seen.
type Found struct {
	users map[Object][]User
	// Unseen are the resources that the user may not list; their objects may use every Secret.
	Unseen []string

	lock      sync.Mutex
	pods      []pod
	ended     map[owner]bool // of each Job, ReplicaSet, … that was seen
	forbidden error
}

// pod is one that uses secrets, until it is known what has made it.
type pod struct {
	user    User
	owner   owner
	secrets []string
}

type owner struct{ namespace, kind, name string }

// Of lists what uses the Kubernetes Secret of a name, sorted.
func (f *Found) Of(namespace, object string) []User {
	if f == nil {
		return nil
	}
	return f.users[Object{namespace, object}]
}

// Err says what the user may not list, or returns nil. apierrors.IsForbidden holds for it.
func (f *Found) Err() error { return f.forbidden }

// Find looks for what uses the Secrets of a namespace, or of all where it is empty. Pods and Jobs that have ended use
// nothing. What the user may not list is in Found.Unseen.
//
// Pods are listed before what makes pods: one whose owner is not there any more is about to be removed.
func Find(ctx context.Context, client *kube.Client, namespace string) (*Found, error) {
	found := &Found{users: map[Object][]User{}, ended: map[owner]bool{}}
	if err := found.list(ctx, client, namespace, 0); err != nil {
		return nil, err
	}
	requests, inner := errgroup.WithContext(ctx)
	for i := 1; i < len(kinds); i++ {
		requests.Go(func() error { return found.list(inner, client, namespace, i) })
	}
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	found.addPods()
	for _, users := range found.users {
		slices.SortFunc(users, func(a, b User) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name)) })
	}
	if len(found.Unseen) > 0 {
		slices.Sort(found.Unseen)
		found.forbidden = client.Explain(found.forbidden, kube.Request{Verb: "list", Resource: strings.Join(found.Unseen, ", "), Namespace: namespace})
	}
	return found, nil
}

// rank puts Jobs before other kinds.
func rank(u User) int {
	return map[string]int{"job": -1}[u.Kind]
}

func (f *Found) list(ctx context.Context, client *kube.Client, namespace string, kind int) error {
	version := schema.GroupVersion{Group: kinds[kind].group, Version: "v1"}
	resource := kinds[kind].resource
	api, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		return err
	}
	var malformed error
	err = kube.EachPage(metav1.ListOptions{Limit: page}, func(options *metav1.ListOptions) (next string, err error) {
		body, err := kube.Body(api.Get().
			Namespace(namespace).
			Resource(resource).
			VersionedParams(options, metav1.ParameterCodec).
			SetHeader("Accept", runtime.ContentTypeJSON).
			Do(ctx))
		if err != nil {
			return "", err
		}
		if next, err = f.add(kind, body); err != nil {
			malformed = fmt.Errorf("unexpected response from %s (not a list of %s); is a proxy intercepting requests?", client.Host(), resource)
		}
		return next, malformed
	})
	switch {
	case malformed != nil:
		return malformed
	case apierrors.IsForbidden(err):
		f.lock.Lock()
		defer f.lock.Unlock()
		f.Unseen, f.forbidden = append(f.Unseen, resource), cmp.Or(f.forbidden, err)
		return nil
	}
	return client.Explain(err, kube.Request{Verb: "list", Resource: resource, Namespace: namespace})
}

// add takes a list of objects, and returns where the next one begins.
func (f *Found) add(kind int, answer []byte) (next string, err error) {
	var list struct {
		Metadata metav1.ListMeta `json:"metadata"`
		Items    []item          `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	word := kinds[kind].word
	for _, item := range list.Items {
		made := owner{item.Metadata.Namespace, word, item.Metadata.Name}
		ended := item.ended(word)
		if word != "pod" {
			f.ended[made] = ended
		}
		secrets := item.secrets()
		if ended || len(secrets) == 0 {
			continue
		}
		user := User{Kind: word, Name: item.Metadata.Name, State: item.state(word)}
		if word == "pod" {
			f.pods = append(f.pods, pod{user, item.owner(), secrets})
			continue
		}
		for _, secret := range secrets {
			object := Object{item.Metadata.Namespace, secret}
			f.users[object] = append(f.users[object], user)
		}
	}
	return list.Metadata.Continue, nil
}

// addPods adds the pods that use what their owners do not name, and those without an owner that is known.
func (f *Found) addPods() {
	for _, pod := range f.pods {
		known := slices.ContainsFunc(kinds, func(k struct{ group, resource, word string }) bool {
			return k.word == pod.owner.kind && !slices.Contains(f.Unseen, k.resource)
		})
		if ended, there := f.ended[pod.owner]; known && (ended || !there) {
			continue // the pod goes, too
		}
		for _, secret := range pod.secrets {
			object := Object{pod.owner.namespace, secret}
			by := func(u User) bool { return u.Kind == pod.owner.kind && u.Name == pod.owner.name }
			if !slices.ContainsFunc(f.users[object], by) {
				f.users[object] = append(f.users[object], pod.user)
			}
		}
	}
	f.pods = nil
}
