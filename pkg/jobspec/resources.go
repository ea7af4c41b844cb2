package jobspec

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// DefaultGPUResource is what clusters call a GPU where nothing else is said.
const DefaultGPUResource = "nvidia.com/gpu"

// minMemory is less than any container can start with, and more than any quantity that was meant
// in other units: "512m" are 512 thousandths of a byte.
const minMemory = 1 << 20

// Resources are what a job takes of its node. A job gets what it asks for, no less and no more:
// request and limit are the same.
type Resources struct {
	CPU    resource.Quantity // in cores; zero: no request and no limit
	Memory resource.Quantity // in bytes; zero: no request and no limit
	GPU    *int64            // how many; nil: nothing is said
	// GPUResource is what the cluster calls a GPU; empty: DefaultGPUResource.
	GPUResource string
}

func (r *Resources) validate() error {
	for _, quantity := range []resource.Quantity{r.CPU, r.Memory} {
		if quantity.Sign() < 0 {
			return fmt.Errorf("an amount of %s is negative", quantity.String())
		}
	}
	if !r.Memory.IsZero() && r.Memory.CmpInt64(minMemory) < 0 {
		return fmt.Errorf("memory %s is less than 1Mi, too little for any container: write 512M or 512Mi for megabytes", r.Memory.String())
	}
	if r.GPU != nil && *r.GPU < 0 {
		return fmt.Errorf("%d GPUs are less than none", *r.GPU)
	}
	if r.GPUResource != "" && (!strings.Contains(r.GPUResource, "/") || len(validation.IsQualifiedName(r.GPUResource)) > 0) {
		return fmt.Errorf("GPU resource %q must be the name of an extended resource, such as %s", r.GPUResource, DefaultGPUResource)
	}
	return nil
}

// requirements are the resources in the words of a container.
func (r *Resources) requirements() corev1.ResourceRequirements {
	list := corev1.ResourceList{}
	if !r.CPU.IsZero() {
		list[corev1.ResourceCPU] = r.CPU
	}
	if !r.Memory.IsZero() {
		list[corev1.ResourceMemory] = r.Memory
	}
	if r.GPU != nil && *r.GPU > 0 {
		list[corev1.ResourceName(r.gpuResource())] = *resource.NewQuantity(*r.GPU, resource.DecimalSI)
	}
	if len(list) == 0 {
		return corev1.ResourceRequirements{}
	}
	return corev1.ResourceRequirements{Requests: list, Limits: list.DeepCopy()}
}

func (r *Resources) gpuResource() string {
	if r.GPUResource == "" {
		return DefaultGPUResource
	}
	return r.GPUResource
}

// ParseQuantity reads an amount of CPU or memory as Kubernetes writes it: 500m, 2, 512Mi, 16G. It
// returns an error for nothing at all too, and for more than an int64 can count.
func ParseQuantity(s string) (resource.Quantity, error) {
	quantity, err := readQuantity(s)
	if err == nil && quantity.Sign() <= 0 {
		return resource.Quantity{}, fmt.Errorf("%q must be greater than zero", s)
	}
	return quantity, err
}

// How long an amount may be, and its exponent, in characters: k8s.io/apimachinery makes a number with all digits of
// 1E128000800, or tries to.
const (
	longestQuantity = 64
	longestExponent = 3 // of which one is a sign
)

// readQuantity is ParseQuantity for any amount, also less than nothing.
func readQuantity(s string) (resource.Quantity, error) {
	exponent := strings.LastIndexAny(s, "eE")
	switch {
	case len(s) > longestQuantity: // a part of what may be a value is not quoted
		return resource.Quantity{}, fmt.Errorf("%d bytes are too long for an amount", len(s))
	case exponent >= 0 && len(s)-exponent-1 > longestExponent:
		return resource.Quantity{}, fmt.Errorf("%q is too long for an amount", s)
	}
	quantity, err := resource.ParseQuantity(s)
	if err != nil {
		return resource.Quantity{}, fmt.Errorf("%q is not an amount: write 500m or 2 for CPUs, 512Mi or 16G for memory", s)
	}
	if quantity.CmpInt64(math.MaxInt64) > 0 { // would be written as another amount
		return resource.Quantity{}, fmt.Errorf("%q is more than any machine has", s)
	}
	return quantity, nil
}
