package jobspec

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
		spec := New()
		spec.Image = "busybox:1"
		preset.Apply(&spec)
		if _, err := Build(&spec, "", "ns"); err != nil {
			t.Errorf("no job can be made of %q: %v", text, err)
		}
	})
}

func TestFlagsGoOverPresets(t *testing.T) {
	preset, err := ParsePreset("big", bigPreset)
	if err != nil {
		t.Fatal(err)
	}
	spec := New()
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
	presets := ReadPresets(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apolo", Name: "apolo-presets"},
		Data:       map[string]string{"big": "cpu: 2", "wrong": "cpu: x", "a": ""},
	}, "apolo")
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
		spec := New()
		spec.Image, spec.Preset = "busybox:1", preset.Name
		if err := CompleteOffline(&spec); err != nil {
			t.Error(err)
		}
		if spec.CPU.IsZero() || spec.Memory.IsZero() || spec.Validate() != nil {
			t.Errorf("%+v", spec)
		}
	}
	spec := New()
	spec.Preset = "gpu-large"
	if err := CompleteOffline(&spec); !matches(err, "there are: cpu-small, cpu-medium, cpu-large") {
		t.Error(err)
	}
}
