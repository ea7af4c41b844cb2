package jobspec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// Preset is a named set of resources, and of where to find them.
type Preset struct {
	Name        string
	Description string
	Resources
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
	Priority     string // the name of a PriorityClass; empty: the cluster's default
	Security     Security
}

// Presets are those that hold in one namespace, sorted by name.
type Presets struct {
	// Source is where they come from, such as "ConfigMap apolo/apolo-presets"; empty: built in.
	Source string
	All    []Preset
	// Faulty says, by name, what is wrong with those that can't be used.
	Faulty map[string]error
}

// UnknownPresetError says that there is no preset of a name.
type UnknownPresetError struct {
	Name   string
	Names  []string // those there are
	Source string   // as in Presets
}

func (e *UnknownPresetError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("preset %q does not exist: there is none in the %s", e.Name, e.Source)
	}
	return fmt.Sprintf("preset %q does not exist; there are: %s", e.Name, strings.Join(e.Names, ", "))
}

// BuiltinPresets are what there is where the cluster says nothing. The smallest fits beside all else
// on a laptop's cluster.
func BuiltinPresets() Presets {
	preset := func(name, cpu, memory, description string) Preset {
		return Preset{Name: name, Description: description,
			Resources: Resources{CPU: resource.MustParse(cpu), Memory: resource.MustParse(memory)}}
	}
	return Presets{All: []Preset{
		preset("cpu-small", "500m", "1Gi", "half a core, for trying things out"),
		preset("cpu-medium", "2", "8Gi", "two cores"),
		preset("cpu-large", "8", "32Gi", "eight cores, a whole machine in most clusters"),
	}}
}

// yamlErrPrefix is what the YAML library says of what it does before it says what is wrong.
const yamlErrPrefix = "error unmarshaling JSON: while decoding JSON: "

// amount is a quantity in a preset, where it may be written as a number too.
type amount struct{ resource.Quantity }

// UnmarshalJSON is part of json.Unmarshaler.
func (a *amount) UnmarshalJSON(text []byte) (err error) {
	a.Quantity, err = readQuantity(strings.Trim(string(text), `"`))
	return err
}

// ParsePreset reads one preset: YAML with any of cpu, memory, gpu, gpuResource, nodeSelector,
// tolerations (each as ParseToleration reads it), priority, security, runAsUser and description. It returns an error
// for other fields, and for what a Spec would refuse.
func ParsePreset(name, text string) (Preset, error) {
	var written struct {
		Description  string            `json:"description"`
		CPU          *amount           `json:"cpu"`
		Memory       *amount           `json:"memory"`
		GPU          *int64            `json:"gpu"`
		GPUResource  string            `json:"gpuResource"`
		NodeSelector map[string]string `json:"nodeSelector"`
		Tolerations  []string          `json:"tolerations"`
		Priority     string            `json:"priority"`
		Security     SecurityLevel     `json:"security"`
		RunAsUser    *int64            `json:"runAsUser"`
	}
	if err := yaml.UnmarshalStrict([]byte(text), &written); err != nil {
		return Preset{}, fmt.Errorf("preset %q: %s", name, strings.TrimPrefix(strings.TrimPrefix(err.Error(), yamlErrPrefix), "json: "))
	}
	preset := Preset{
		Name: name, Description: written.Description, NodeSelector: written.NodeSelector, Priority: written.Priority,
		Resources: Resources{
			CPU: ptr.Deref(written.CPU, amount{}).Quantity, Memory: ptr.Deref(written.Memory, amount{}).Quantity,
			GPU: written.GPU, GPUResource: written.GPUResource,
		},
		Security: Security{Level: written.Security, RunAsUser: written.RunAsUser},
	}
	for _, text := range written.Tolerations {
		toleration, err := ParseToleration(text)
		if err != nil {
			return Preset{}, fmt.Errorf("preset %q: %w", name, err)
		}
		preset.Tolerations = append(preset.Tolerations, toleration)
	}
	// Whatever a job can't be, a preset can't make it.
	spec := New()
	spec.Image = "image"
	preset.Apply(&spec)
	if err := spec.Validate(); err != nil {
		return Preset{}, fmt.Errorf("preset %q: %w", name, err)
	}
	return preset, nil
}

func checkPresetName(name string) error {
	if len(validation.IsConfigMapKey(name)) > 0 {
		return fmt.Errorf("preset %q: use letters, digits, '-', '_' and '.'", name)
	}
	return nil
}

// Find returns the preset of a name, or an UnknownPresetError, or what is wrong with that preset.
func (p *Presets) Find(name string) (*Preset, error) {
	if err := p.Faulty[name]; err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.All, func(preset Preset) bool { return preset.Name == name })
	if i < 0 {
		unknown := &UnknownPresetError{Name: name, Source: p.Source}
		for _, preset := range p.All {
			unknown.Names = append(unknown.Names, preset.Name)
		}
		return nil, unknown
	}
	return &p.All[i], nil
}

// Apply gives a Spec what it leaves open: amounts and the priority where none is set, labels of
// nodes by their keys, and tolerations besides its own.
func (p *Preset) Apply(spec *Spec) {
	spec.Preset = p.Name
	if spec.CPU.IsZero() {
		spec.CPU = p.CPU
	}
	if spec.Memory.IsZero() {
		spec.Memory = p.Memory
	}
	if spec.GPU == nil {
		spec.GPU = p.GPU
	}
	spec.GPUResource = cmp.Or(spec.GPUResource, p.GPUResource)
	spec.Priority = cmp.Or(spec.Priority, p.Priority)
	spec.applyPreset(&p.Security)
	if len(p.NodeSelector) > 0 {
		selector := maps.Clone(p.NodeSelector)
		maps.Copy(selector, spec.NodeSelector)
		spec.NodeSelector = selector
	}
	var tolerations []corev1.Toleration
	for _, toleration := range slices.Concat(p.Tolerations, spec.Tolerations) {
		if !slices.Contains(tolerations, toleration) {
			tolerations = append(tolerations, toleration)
		}
	}
	spec.Tolerations = tolerations
}

// Unapply takes away from a Spec what Apply gives it, and reports whether the rest and the preset
// make the same job. If not, the preset is another one than it was, and spec is left as it is.
func (p *Preset) Unapply(spec *Spec) bool {
	rest := *spec
	if rest.CPU.Cmp(p.CPU) == 0 {
		rest.CPU = resource.Quantity{}
	}
	if rest.Memory.Cmp(p.Memory) == 0 {
		rest.Memory = resource.Quantity{}
	}
	switch gpus, of := ptr.Deref(rest.GPU, 0), ptr.Deref(p.GPU, 0); {
	case gpus != of:
		rest.GPU = &gpus
	case gpus == 0 || rest.gpuResource() == p.gpuResource():
		rest.GPU, rest.GPUResource = nil, ""
	}
	if rest.Priority == p.Priority {
		rest.Priority = ""
	}
	rest.unapplyPreset(&p.Security)
	rest.NodeSelector = maps.Clone(spec.NodeSelector)
	maps.DeleteFunc(rest.NodeSelector, func(key, value string) bool {
		of, ok := p.NodeSelector[key]
		return ok && of == value
	})
	rest.Tolerations = slices.DeleteFunc(slices.Clone(spec.Tolerations), func(t corev1.Toleration) bool {
		return slices.Contains(p.Tolerations, t)
	})

	again := rest
	p.Apply(&again)
	if !equality.Semantic.DeepEqual(again.requirements(), spec.requirements()) || again.Priority != spec.Priority || !again.Security.equal(&spec.Security) ||
		!maps.Equal(again.NodeSelector, spec.NodeSelector) || !slices.Equal(again.Tolerations, spec.Tolerations) {
		return false
	}
	*spec = rest
	return true
}

// ReadPresets reads the presets of a ConfigMap, for jobs of a namespace.
func ReadPresets(from *corev1.ConfigMap, namespace string) Presets {
	presets := Presets{Source: "ConfigMap " + from.Namespace + "/" + from.Name, Faulty: map[string]error{}}
	for _, name := range slices.Sorted(maps.Keys(from.Data)) {
		preset, err := ParsePreset(name, from.Data[name])
		if err != nil {
			presets.Faulty[name] = fmt.Errorf("%s: %w", presets.Source, err)
			continue
		}
		if from.Namespace != namespace { // whoever owns that one chose where the jobs run
			preset.Description = strings.TrimSpace(preset.Description + " (from namespace " + from.Namespace + ")")
		}
		presets.All = append(presets.All, preset)
	}
	return presets
}
