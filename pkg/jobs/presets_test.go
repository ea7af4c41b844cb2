package jobs

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
)

// configMaps are those that there are, and where they are guarded.
type configMaps struct {
	data      map[string]map[string]string // by namespace/name
	forbidden string                       // a namespace
}

// start starts an API server that has them, and nothing else.
func (c *configMaps) start(t *testing.T) (*kubetest.Server, *Client) {
	t.Helper()
	server := kubetest.Start(t)
	for place, data := range c.data {
		namespace, name, _ := strings.Cut(place, "/")
		server.Add(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data})
	}
	if c.forbidden != "" {
		server.Always("GET "+c.forbidden+"/configmaps/*", kubetest.Refuse(
			apierrors.NewForbidden(corev1.Resource("configmaps"), "", errors.New(`User "alice" cannot get resource "configmaps"`))))
	}
	return server, clientFor(t, server.URL)
}

// askedFor are the ConfigMaps that a server was asked for, sorted.
func askedFor(server *kubetest.Server) (places []string) {
	for _, request := range server.Requests() {
		if namespace, name, ok := strings.Cut(strings.TrimPrefix(request, "GET "), "/configmaps/"); ok {
			places = append(places, namespace+"/"+name)
		}
	}
	return slices.Sorted(slices.Values(places))
}

func TestCompleteAsksForNoMoreThanItNeeds(t *testing.T) {
	settings := map[string]string{jobspec.StorageClaimKey: "home"}
	own, shared := map[string]string{"p": "cpu: 1"}, map[string]string{"p": "cpu: 2"}
	for name, test := range map[string]struct {
		server  *configMaps
		preset  string
		storage bool
		asked   []string
		cpu     string
		claim   string
		err     string

		lifeSpan time.Duration
	}{
		"nothing": {asked: []string{"alice/apolo-config"}},
		"default preset": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-config": {jobspec.DefaultPresetKey: "cpu-medium", jobspec.DefaultLifeSpanKey: "2h"}}},
			asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "2", lifeSpan: 2 * time.Hour},
		"default life span that is none": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-config": {jobspec.DefaultLifeSpanKey: "soon"}}},
			asked: []string{"alice/apolo-config"}, err: `ConfigMap alice/apolo-config: life-span "soon" is not a time`},
		"storage":           {storage: true, asked: []string{"alice/apolo-config"}},
		"named storage":     {server: &configMaps{data: map[string]map[string]string{"alice/apolo-config": settings}}, storage: true, asked: []string{"alice/apolo-config"}, claim: "home"},
		"storage, guarded":  {server: &configMaps{forbidden: "alice"}, storage: true, asked: []string{"alice/apolo-config"}},
		"built-in preset":   {preset: "cpu-small", asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "500m"},
		"guarded":           {server: &configMaps{forbidden: "apolo"}, preset: "cpu-small", asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "500m"},
		"the cluster's":     {server: &configMaps{data: map[string]map[string]string{"apolo/apolo-presets": shared}}, preset: "p", asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "2"},
		"guarded namespace": {server: &configMaps{forbidden: "alice", data: map[string]map[string]string{"apolo/apolo-presets": shared}}, preset: "p", asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "2"},
		"the namespace's": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-presets": own, "apolo/apolo-presets": shared}}, preset: "p",
			asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "1"},
		"none in it": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-presets": {}, "apolo/apolo-presets": shared}}, preset: "p",
			asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, err: "there is none in the ConfigMap alice/apolo-presets"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := jobspec.New()
			spec.Image = "busybox:1"
			spec.Preset = test.preset
			if test.storage {
				spec.Mounts = []jobspec.Mount{{Claim: "disk", Path: "/d"}, {Storage: true, Path: "/s"}}
			}
			server, client := cmp.Or(test.server, &configMaps{}).start(t)
			err := client.Complete(t.Context(), &spec)
			if !matches(err, test.err) {
				t.Fatalf("%v; want %q", err, test.err)
			}
			if asked := askedFor(server); !slices.Equal(asked, test.asked) {
				t.Errorf("asked for %v, want %v", asked, test.asked)
			}
			if test.err == "" && (spec.Owner != "alice" || spec.LifeSpan != cmp.Or(test.lifeSpan, jobspec.DefaultLifeSpan)) {
				t.Errorf("owner %q, life span %s", spec.Owner, spec.LifeSpan)
			}
			if got := spec.CPU.String(); got != cmp.Or(test.cpu, "0") {
				t.Errorf("%s CPUs", got)
			}
			if test.storage && (spec.Mounts[0].Claim != "disk" || spec.Mounts[1].Claim != test.claim) {
				t.Errorf("mounts %+v", spec.Mounts)
			}
		})
	}
}

func TestShortenWithoutItsPreset(t *testing.T) {
	_, client := (&configMaps{}).start(t)
	spec := jobspec.New()
	spec.Image = "busybox:1"
	spec.Preset, spec.CPU = "gone", resource.MustParse("3")
	if err := client.Shorten(t.Context(), &spec); err != nil || spec.Preset != "" || spec.CPU.String() != "3" {
		t.Errorf("%+v, %v", spec, err)
	}
	spec.Preset, spec.CPU = "cpu-small", resource.MustParse("3")
	if err := client.Shorten(t.Context(), &spec); err != nil || spec.Preset != "" {
		t.Errorf("a job with no memory keeps its preset, which has some: %+v, %v", spec, err)
	}
	spec.Preset, spec.Memory = "cpu-small", resource.MustParse("1Gi")
	if err := client.Shorten(t.Context(), &spec); err != nil || spec.Preset != "cpu-small" || spec.CPU.String() != "3" || !spec.Memory.IsZero() {
		t.Errorf("%+v, %v", spec, err)
	}
}
