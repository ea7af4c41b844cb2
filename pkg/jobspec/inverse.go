package jobspec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// ForeignError names what of a Job no Spec can say: something else than this package put it there.
type ForeignError struct {
	Job    string
	Fields []string // as paths into the Job, such as spec.template.spec.hostNetwork
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("job %q has fields with no equivalent flag: %s", e.Job, strings.Join(e.Fields, ", "))
}

// FromJob is the opposite of Build: the Spec from which the same Job can be made. The Job may be
// one that an API server has completed with its defaults. A name that looks generated is left out, so
// that the Spec makes another job. Secrets of the job's own namespace are written without it.
//
// Where the Job holds more than a Spec can say, both the Spec and a ForeignError are there. All other
// errors are of Jobs that this package did not make.
func FromJob(job *batchv1.Job) (Spec, error) {
	container := containerOf(job)
	if job.Labels[wellknown.LabelJob] != wellknown.LabelTrue || container == nil {
		return Spec{}, fmt.Errorf("job %q was not made by Apolo", job.Name)
	}
	job = asOrdered(job)
	container = containerOf(job)
	r := specReader{job: job, pod: &job.Spec.Template.Spec, container: container}
	r.spec.Image = r.container.Image
	if !isGenerated(job.Name, r.spec.Image) {
		r.spec.Name = job.Name
	}
	r.readSecretNames()
	r.readContainer()
	r.readVolumes()
	r.readPlacement()
	r.readLife()

	made, err := buildJob(&r.spec, "", job.Namespace, job.Name, r.copyPrefix)
	if err != nil {
		return r.spec, fmt.Errorf("job %q: %w", job.Name, err)
	}
	for _, secret := range r.adopted {
		made.UseDataKey(secret)
	}
	differing, err := differences(job, made.Job)
	if err != nil {
		return r.spec, err
	}
	if fields := append(r.foreign, differing...); len(fields) > 0 {
		return r.spec, &ForeignError{Job: job.Name, Fields: fields}
	}
	return r.spec, nil
}

// isGenerated reports whether NewName could have made a name for an image.
func isGenerated(name, image string) bool {
	i := strings.LastIndexByte(name, '-')
	suffix := name[i+1:]
	isSuffix := len(suffix) == suffixLength && !strings.ContainsFunc(suffix, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '2' || r > '7')
	})
	return isSuffix && i > 0 && name[:i] == nameBase(image)
}

// specReader is a Job on its way to a Spec.
type specReader struct {
	job       *batchv1.Job
	pod       *corev1.PodSpec
	container *corev1.Container
	spec      Spec
	foreign   []string // what is found to be nobody's

	own        map[string]uri.Secret // by the name of the Secret
	adopted    []secrets.Secret      // of own, with what the Job knows of each
	copied     []uri.Secret          // in the order of their numbers
	copyPrefix string                // of the names of the copies
}

// readSecretNames learns from the Job's annotation which secret is behind which Secret.
func (r *specReader) readSecretNames() {
	var used []string
	_ = json.Unmarshal([]byte(r.job.Annotations[wellknown.AnnotationSecrets]), &used) // what is wrong with it is a difference
	r.own = map[string]uri.Secret{}
	for _, text := range used {
		secret, err := uri.Parse(text)
		switch {
		case err != nil:
		case secret.Namespace == r.job.Namespace:
			r.own[secrets.ObjectName(secret.Key)] = uri.Secret{Key: secret.Key}
		default:
			r.copied = append(r.copied, secret)
		}
	}
}

// secret is the one whose value is under a key of a Secret of the job's namespace.
func (r *specReader) secret(object, key string) (uri.Secret, bool) {
	// The data key of an adopted secret is another tool's, and the Secret's name is the key.
	if secret, ok := r.own[object]; ok && (secret.Key == key || secret.Key == object) {
		if secret.Key != key {
			r.adopted = append(r.adopted, secrets.Secret{Object: object, DataKey: key, Owner: "another tool"})
		}
		return secret, true
	}
	i := strings.LastIndexByte(object, '-')
	if number, err := strconv.Atoi(object[i+1:]); err == nil && number >= 1 && number <= len(r.copied) && r.copied[number-1].Key == key {
		r.copyPrefix = object[:i+1]
		return r.copied[number-1], true
	}
	return uri.Secret{Key: key}, object == secrets.ObjectName(key)
}

func (r *specReader) readContainer() {
	c := r.container
	r.spec.Entrypoint, r.spec.Args, r.spec.WorkDir = allLiteral(c.Command), allLiteral(c.Args), c.WorkingDir
	for i, v := range c.Env {
		variable := Variable{Name: v.Name, Value: literal(v.Value)}
		known := !uri.IsSecret(variable.Value)
		if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
			var secret uri.Secret
			secret, known = r.secret(v.ValueFrom.SecretKeyRef.Name, v.ValueFrom.SecretKeyRef.Key)
			variable = Variable{Name: v.Name, Secret: &secret}
		}
		if !known {
			r.foreign = append(r.foreign, fmt.Sprintf("spec.template.spec.containers[0].env[%d]", i))
			continue
		}
		r.spec.Variables = append(r.spec.Variables, variable)
	}
	r.spec.Stdin, r.spec.TTY = c.Stdin, c.TTY
	for _, port := range c.Ports {
		if port.Name == HTTPPortName {
			r.spec.HTTPPort = port.ContainerPort
		}
	}
	r.spec.Security = securityOf(r.pod, c)
	if policy := c.ImagePullPolicy; policy != "" && policy != defaultPull(c.Image) {
		r.spec.Pull = map[corev1.PullPolicy]PullPolicy{
			corev1.PullAlways: PullAlways, corev1.PullIfNotPresent: PullMissing, corev1.PullNever: PullNever,
		}[policy]
	}
	r.spec.CPU, r.spec.Memory = c.Resources.Limits[corev1.ResourceCPU], c.Resources.Limits[corev1.ResourceMemory]
	for _, name := range slices.Sorted(maps.Keys(c.Resources.Limits)) {
		if strings.Contains(string(name), "/") {
			quantity := c.Resources.Limits[name]
			r.spec.GPU = ptr.To(quantity.Value())
			if r.spec.GPUResource = string(name); name == DefaultGPUResource {
				r.spec.GPUResource = ""
			}
		}
	}
}

// readVolumes reads what is mounted. What it does not know is a difference.
func (r *specReader) readVolumes() {
	volumes := map[string]*corev1.Volume{}
	for i := range r.pod.Volumes {
		volumes[r.pod.Volumes[i].Name] = &r.pod.Volumes[i]
	}
	for _, mount := range r.container.VolumeMounts {
		volume := volumes[mount.Name]
		switch {
		case volume == nil:
		case volume.Secret != nil && len(volume.Secret.Items) == 1:
			if secret, ok := r.secret(volume.Secret.SecretName, volume.Secret.Items[0].Key); ok {
				r.spec.Files = append(r.spec.Files, SecretFile{Secret: secret, Path: mount.MountPath, Mode: ptr.Deref(volume.Secret.Items[0].Mode, 0)})
			}
		case volume.PersistentVolumeClaim != nil:
			disk := Mount{
				Claim: volume.PersistentVolumeClaim.ClaimName, Storage: mount.Name == storageVolume,
				Path: mount.MountPath, ReadOnly: mount.ReadOnly,
			}
			if disk.Storage {
				disk.SubPath = mount.SubPath
			}
			r.spec.Mounts = append(r.spec.Mounts, disk)
		case mount.Name == shmVolume && mount.MountPath == shmPath:
			r.spec.ExtShm = true
		}
	}
}

func (r *specReader) readPlacement() {
	r.spec.Preset = r.job.Annotations[wellknown.AnnotationPreset]
	r.spec.Priority, r.spec.ServiceAccount = r.pod.PriorityClassName, r.pod.ServiceAccountName
	for _, secret := range r.pod.ImagePullSecrets {
		r.spec.ImagePullSecrets = append(r.spec.ImagePullSecrets, secret.Name)
	}
	r.spec.NodeSelector = maps.Clone(r.pod.NodeSelector)
	for i, toleration := range r.pod.Tolerations {
		toleration.Operator = cmp.Or(toleration.Operator, corev1.TolerationOpEqual)
		if checkToleration(toleration) != nil {
			r.foreign = append(r.foreign, fmt.Sprintf("spec.template.spec.tolerations[%d]", i))
			continue
		}
		r.spec.Tolerations = append(r.spec.Tolerations, toleration)
	}
}

func (r *specReader) readLife() {
	_ = json.Unmarshal([]byte(r.job.Annotations[wellknown.AnnotationTags]), &r.spec.Tags) // what is wrong with it is a difference
	r.spec.Description = r.job.Annotations[wellknown.AnnotationDescription]
	if timeout, err := duration.Parse(r.job.Annotations[wellknown.AnnotationScheduleTimeout]); err == nil {
		r.spec.ScheduleTimeout = timeout
	}
	r.spec.LifeSpan = min(OfSeconds(ptr.Deref(r.job.Spec.ActiveDeadlineSeconds, 0)), duration.Max) // more is a difference
	switch ttl := r.job.Spec.TTLSecondsAfterFinished; {
	case ttl == nil:
	case *ttl == 0:
		r.spec.Remove, r.spec.TTL = true, DefaultTTL
	default:
		r.spec.TTL = OfSeconds(int64(*ttl))
	}
	switch {
	case ptr.Deref(r.job.Spec.BackoffLimit, 0) == 0:
		r.spec.Restart = RestartNever
	case ptr.Deref(r.job.Spec.Completions, 1) == 1:
		r.spec.Restart = RestartOnFailure
	default:
		r.spec.Restart = RestartAlways
	}
}

// defaults are what an API server puts into a Job where nothing is said (k8s.io/kubernetes/pkg/apis:
// batch/v1/defaults.go, core/v1/defaults.go).
var defaults = map[string]any{
	"spec.completions":                                         int64(1),
	"spec.parallelism":                                         int64(1),
	"spec.completionMode":                                      "NonIndexed",
	"spec.suspend":                                             false,
	"spec.manualSelector":                                      false,
	"spec.podReplacementPolicy":                                "TerminatingOrFailed",
	"spec.template.spec.dnsPolicy":                             "ClusterFirst",
	"spec.template.spec.schedulerName":                         "default-scheduler",
	"spec.template.spec.terminationGracePeriodSeconds":         int64(30),
	"spec.template.spec.enableServiceLinks":                    true,
	"spec.template.spec.volumes[].secret.defaultMode":          int64(420),
	"spec.template.spec.containers[].terminationMessagePath":   "/dev/termination-log",
	"spec.template.spec.containers[].terminationMessagePolicy": "File",
}

// ignoredFields are parts of a Job that say nothing of what it runs: the controller's, and those that come
// and go in its life.
var ignoredFields = []string{
	"spec.selector",
	"spec.template.metadata.creationTimestamp",
	"spec.template.metadata.labels[batch.kubernetes.io/controller-uid]",
	"spec.template.metadata.labels[batch.kubernetes.io/job-name]",
	"spec.template.metadata.labels.controller-uid",
	"spec.template.metadata.labels.job-name",
	"metadata.annotations[" + wellknown.AnnotationPreparing + "]",
	"metadata.annotations[" + wellknown.AnnotationPods + "]",
	"metadata.annotations[" + wellknown.AnnotationOwner + "]",
	"metadata.annotations[" + corev1.LastAppliedConfigAnnotation + "]",
}

// differences are the paths at which a Job of the cluster says something else than one that was just
// laid out.
func differences(job, laidOut *batchv1.Job) ([]string, error) {
	var sides [2]map[string]any
	for i, side := range []*batchv1.Job{job, laidOut} {
		side = side.DeepCopy()
		if side.Annotations[wellknown.AnnotationPreparing] != "" {
			side.Spec.Suspend = nil
		}
		pod := &side.Spec.Template.Spec
		pod.DeprecatedServiceAccount = ""
		normalizePolicies(&side.Spec)
		for i := range pod.Containers {
			if container := &pod.Containers[i]; container.ImagePullPolicy == defaultPull(container.Image) {
				container.ImagePullPolicy = ""
			}
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(side)
		if err != nil {
			return nil, err
		}
		metadata, _ := object["metadata"].(map[string]any)
		sides[i] = map[string]any{
			"metadata": map[string]any{"labels": metadata["labels"], "annotations": metadata["annotations"]},
			"spec":     object["spec"],
		}
	}
	return compare(nil, "", "", sides[0], sides[1]), nil
}

// compare appends the paths at which two trees differ. The pattern is the path without the numbers
// of elements.
func compare(differing []string, path, pattern string, a, b any) []string {
	if slices.Contains(ignoredFields, pattern) || isEmpty(a) && isEmpty(b) {
		return differing
	}
	if known, ok := defaults[pattern]; ok && (reflect.DeepEqual(a, known) || a == nil) && (reflect.DeepEqual(b, known) || b == nil) {
		return differing
	}
	mapA, isMapA := a.(map[string]any)
	mapB, isMapB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	switch {
	case isMapA && (isMapB || b == nil), isMapB && a == nil:
		keys := maps.Clone(mapA)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, mapB)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			step := "." + key
			switch {
			case path == "":
				step = key
			case strings.ContainsAny(key, "./"):
				step = "[" + key + "]"
			}
			differing = compare(differing, path+step, pattern+step, mapA[key], mapB[key])
		}
		return differing
	case isListA && isListB && len(listA) == len(listB):
		for i := range listA {
			differing = compare(differing, fmt.Sprintf("%s[%d]", path, i), pattern+"[]", listA[i], listB[i])
		}
		return differing
	case reflect.DeepEqual(a, b):
		return differing
	}
	return append(differing, path)
}

// isEmpty reports whether a part of a Job is the same as if it were not there.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, inner := range v {
			if !isEmpty(inner) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}
