package jobs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// configMaps answers as an API server that has, or guards, some ConfigMaps, and nothing else.
type configMaps struct {
	data      map[string]map[string]string // by namespace/name
	forbidden string                       // a namespace

	mutex sync.Mutex
	asked []string
}

func (c *configMaps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview","status":{"userInfo":{"username":"alice"}}}`))
		return
	}
	parts := strings.Split(r.URL.Path, "/") // /api/v1/namespaces/NAMESPACE/configmaps/NAME
	namespace, name := parts[4], parts[6]
	c.mutex.Lock()
	c.asked = append(c.asked, namespace+"/"+name)
	c.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	data, ok := c.data[namespace+"/"+name]
	var answer any = corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data,
	}
	switch {
	case namespace == c.forbidden:
		w.WriteHeader(http.StatusForbidden)
		answer = status(http.StatusForbidden, metav1.StatusReasonForbidden)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		answer = status(http.StatusNotFound, metav1.StatusReasonNotFound)
	}
	_ = json.NewEncoder(w).Encode(answer)
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
			server := cmp.Or(test.server, &configMaps{})
			err := testClient(t, server).Complete(t.Context(), &spec)
			if !matches(err, test.err) {
				t.Fatalf("%v; want %q", err, test.err)
			}
			slices.Sort(server.asked)
			if !slices.Equal(server.asked, test.asked) {
				t.Errorf("asked for %v, want %v", server.asked, test.asked)
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
	spec := jobspec.New()
	spec.Image = "busybox:1"
	spec.Preset, spec.CPU = "gone", resource.MustParse("3")
	if err := testClient(t, &configMaps{}).Shorten(t.Context(), &spec); err != nil || spec.Preset != "" || spec.CPU.String() != "3" {
		t.Errorf("%+v, %v", spec, err)
	}
	spec.Preset, spec.CPU = "cpu-small", resource.MustParse("3")
	if err := testClient(t, &configMaps{}).Shorten(t.Context(), &spec); err != nil || spec.Preset != "" {
		t.Errorf("a job with no memory keeps its preset, which has some: %+v, %v", spec, err)
	}
	spec.Preset, spec.Memory = "cpu-small", resource.MustParse("1Gi")
	if err := testClient(t, &configMaps{}).Shorten(t.Context(), &spec); err != nil || spec.Preset != "cpu-small" || spec.CPU.String() != "3" || !spec.Memory.IsZero() {
		t.Errorf("%+v, %v", spec, err)
	}
}
