package jobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const bigPreset = `
description: a big one
cpu: 4
memory: 16Gi
gpu: 1
gpuResource: amd.com/gpu
nodeSelector: {gpu: "yes", disk: ssd}
tolerations: ["gpu:NoSchedule"]
priority: high
security: restricted
runAsUser: 1000
`

func TestParsePreset(t *testing.T) {
	got, err := ParsePreset("big", bigPreset)
	if err != nil {
		t.Fatal(err)
	}
	want := Preset{
		Name: "big", Description: "a big one", Priority: "high",
		Resources:    Resources{CPU: resource.MustParse("4"), Memory: resource.MustParse("16Gi"), GPU: ptr.To[int64](1), GPUResource: "amd.com/gpu"},
		Security:     Security{Level: SecurityRestricted, RunAsUser: ptr.To[int64](1000)},
		NodeSelector: map[string]string{"gpu": "yes", "disk": "ssd"},
		Tolerations:  []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
	}
	if !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for text, want := range map[string]string{
		"cpus: 4":                              `unknown field "cpus"`,
		"cpu: many":                            "is not an amount",
		"memory: 1E128000800":                  "too long for an amount",
		"cpu: -1":                              "an amount of -1 is negative",
		"memory: 512m":                         "less than 1Mi",
		"gpu: -1":                              "less than none",
		"tolerations: [a:]":                    "no effect",
		"nodeSelector: [a]":                    "cannot unmarshal",
		"cpu: 1\ncpu: 2":                       "already set",
		"priority: A B":                        `priority class "A B"`,
		"security: baseline":                   `invalid security "baseline"`,
		"runAsUser: -1":                        "user -1 must be",
		"runAsUser: root":                      "cannot unmarshal",
		"{security: restricted, runAsUser: 0}": "exclude each other",
		"{":                                    `preset "p": `,
	} {
		if _, err := ParsePreset("p", text); !matches(err, want) || !strings.HasPrefix(err.Error(), `preset "p": `) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func FuzzParsePreset(f *testing.F) {
	f.Add("big", bigPreset)
	f.Add("", "{}")
	f.Fuzz(func(t *testing.T, name, text string) {
		preset, err := ParsePreset(name, text)
		if err != nil {
			return
		}
		spec := NewSpec()
		spec.Image = "busybox:1"
		preset.Apply(&spec)
		if _, err := NewPlan(&spec, "ns"); err != nil {
			t.Errorf("no job can be made of %q: %v", text, err)
		}
	})
}

func TestFlagsGoOverPresets(t *testing.T) {
	preset, err := ParsePreset("big", bigPreset)
	if err != nil {
		t.Fatal(err)
	}
	spec := NewSpec()
	spec.Memory, spec.GPU, spec.Priority = resource.MustParse("1Gi"), ptr.To[int64](0), "low"
	spec.RunAsUser = ptr.To[int64](7)
	spec.NodeSelector = map[string]string{"disk": "hdd", "zone": "a"}
	spec.Tolerations = []corev1.Toleration{{Key: "mine", Operator: corev1.TolerationOpExists}, preset.Tolerations[0]}
	given := spec
	preset.Apply(&spec)
	if spec.CPU.String() != "4" || spec.Memory.String() != "1Gi" || *spec.GPU != 0 || spec.Priority != "low" || spec.Preset != "big" {
		t.Errorf("%+v", spec)
	}
	if want := map[string]string{"disk": "hdd", "zone": "a", "gpu": "yes"}; !equality.Semantic.DeepEqual(spec.NodeSelector, want) {
		t.Errorf("nodes %v", spec.NodeSelector)
	}
	if len(spec.Tolerations) != 2 || len(given.NodeSelector) != 2 || len(preset.NodeSelector) != 2 {
		t.Errorf("tolerations %v", spec.Tolerations)
	}

	rest := spec
	if *spec.RunAsUser != 7 || spec.Security.Level != SecurityRestricted {
		t.Errorf("security %+v", spec.Security)
	}
	if !preset.Unapply(&rest) || *rest.RunAsUser != 7 || rest.Security.Level != SecurityDefault || !rest.CPU.IsZero() || rest.Memory.String() != "1Gi" || *rest.GPU != 0 || rest.Priority != "low" ||
		!equality.Semantic.DeepEqual(rest.NodeSelector, given.NodeSelector) {
		t.Errorf("rest %+v", rest)
	}
	// A preset that says more than it did can't make the same job.
	rest = spec
	preset.NodeSelector["new"] = "label"
	if preset.Unapply(&rest) || rest.CPU.String() != "4" {
		t.Errorf("rest %+v", rest)
	}
}

func TestFindPreset(t *testing.T) {
	presets := readPresets(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apolo", Name: "apolo-presets"},
		Data:       map[string]string{"big": "cpu: 2", "wrong": "cpu: x", "a": ""},
	})
	if preset, err := presets.Find("big"); err != nil || preset.CPU.String() != "2" {
		t.Errorf("%+v, %v", preset, err)
	}
	if _, err := presets.Find("wrong"); !matches(err, `ConfigMap apolo/apolo-presets: preset "wrong": `) {
		t.Error(err)
	}
	_, err := presets.Find("bigg")
	var unknown *UnknownPresetError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Names, []string{"a", "big"}) || !matches(err, `"bigg" does not exist; there are: a, big`) {
		t.Error(err)
	}
	none := Presets{Source: "ConfigMap a/b"}
	if _, err := none.Find("x"); !matches(err, "there is none in the ConfigMap a/b") {
		t.Error(err)
	}
}

func TestBuiltinPresets(t *testing.T) {
	for _, preset := range BuiltinPresets().All {
		spec := NewSpec()
		spec.Image, spec.Preset = "busybox:1", preset.Name
		if err := CompleteOffline(&spec); err != nil {
			t.Error(err)
		}
		if spec.CPU.IsZero() || spec.Memory.IsZero() || spec.Validate() != nil {
			t.Errorf("%+v", spec)
		}
	}
	spec := NewSpec()
	spec.Preset = "gpu-large"
	if err := CompleteOffline(&spec); !matches(err, "there are: cpu-small, cpu-medium, cpu-large") {
		t.Error(err)
	}
}

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
	settings := map[string]string{StorageClaimKey: "home"}
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
		"default preset": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-config": {DefaultPresetKey: "cpu-medium", DefaultLifeSpanKey: "2h"}}},
			asked: []string{"alice/apolo-config", "alice/apolo-presets", "apolo/apolo-presets"}, cpu: "2", lifeSpan: 2 * time.Hour},
		"default life span that is none": {server: &configMaps{data: map[string]map[string]string{"alice/apolo-config": {DefaultLifeSpanKey: "soon"}}},
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
			spec := *specOf("busybox:1")
			spec.Preset = test.preset
			if test.storage {
				spec.Mounts = []Mount{{Claim: "disk", Path: "/d"}, {Storage: true, Path: "/s"}}
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
			if test.err == "" && (spec.Owner != "alice" || spec.LifeSpan != cmp.Or(test.lifeSpan, DefaultLifeSpan)) {
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
	spec := *specOf("busybox:1")
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
