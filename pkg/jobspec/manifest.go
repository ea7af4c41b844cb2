package jobspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// Manifest is the Job object that a Spec describes, and what has to be there before it can run.
type Manifest struct {
	Job    *batchv1.Job // holds the names of secrets and no values
	Named  bool         // the user chose the name
	Own    []uri.Secret // the secrets of the job's own namespace, as they were typed
	Copies []Copy       // what the job waits for, suspended

	security Security
}

// Copy is another's secret, copied for one job.
type Copy struct {
	From   uri.Secret // as it was typed
	Object string     // the name of the Secret that holds the copy
}

// UseDataKey has the job take a secret that is adopted, or was renamed, from the data key that has the value: until it is
// looked up, it is taken for one of Apolo's own, whose data key is the key.
func (m *Manifest) UseDataKey(secret secrets.Secret) {
	if secret.Owner == "" && secret.DataKey == secret.Key {
		return
	}
	pod := &m.Job.Spec.Template.Spec
	for _, variable := range pod.Containers[0].Env {
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil && from.SecretKeyRef.Name == secret.Object {
			from.SecretKeyRef.Key = secret.DataKey
		}
	}
	for _, volume := range pod.Volumes {
		if volume.Secret != nil && volume.Secret.SecretName == secret.Object {
			volume.Secret.Items[0].Key = secret.DataKey
		}
	}
}

// Build makes the Manifest of a Spec in a cluster and a namespace. It makes no request, and returns an error for all that
// can be known to be wrong without one. Without a cluster, secrets of a named one are errors.
func Build(spec *Spec, cluster, namespace string) (*Manifest, error) {
	name := spec.Name
	if name == "" {
		name = NewName(spec.Image)
	}
	// Names of its own for the copies of each run: those of an earlier job of the same name may still
	// wait for the garbage collector.
	return buildJob(spec, cluster, namespace, name, name+"-"+randomSuffix()+"-")
}

// buildJob is Build for given names of the job and, but for a number, of its copies.
func buildJob(spec *Spec, cluster, namespace, name, copyPrefix string) (*Manifest, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	m := &Manifest{Named: spec.Name != "", security: spec.Security}
	objects := map[uri.Secret]string{} // the Secret in the job's namespace, by secret
	var used []string
	use := func(secret uri.Secret) (object string, full uri.Secret, err error) {
		if secret.Cluster != "" && secret.Cluster != cluster {
			return "", full, fmt.Errorf("%s: a job can only use secrets of the cluster it runs on, which is %q", secret, cluster)
		}
		full = uri.Secret{Namespace: secret.Namespace, Key: secret.Key}
		if full.Namespace == "" {
			full.Namespace = namespace
		}
		if object, ok := objects[full]; ok {
			return object, full, nil
		}
		if full.Namespace == namespace {
			object = secrets.ObjectName(full.Key)
			m.Own = append(m.Own, secret) // as it was typed, for errors
		} else {
			object = copyPrefix + strconv.Itoa(len(m.Copies)+1)
			m.Copies = append(m.Copies, Copy{From: secret, Object: object})
		}
		objects[full] = object
		used = append(used, full.String())
		return object, full, nil
	}

	container := corev1.Container{
		Name:       ContainerName,
		Image:      spec.Image,
		Command:    allVerbatim(spec.Entrypoint),
		Args:       allVerbatim(spec.Args),
		WorkingDir: spec.WorkDir,
		Resources:  spec.Resources.requirements(),
		Stdin:      spec.Stdin || spec.TTY,
		// Without a terminal the end of the input must reach the command; with one its user may
		// leave and come back.
		StdinOnce:       spec.Stdin && !spec.TTY,
		TTY:             spec.TTY,
		ImagePullPolicy: spec.Pull.of(spec.Image),
	}
	if spec.HTTPPort > 0 {
		container.Ports = []corev1.ContainerPort{{Name: HTTPPortName, ContainerPort: spec.HTTPPort, Protocol: corev1.ProtocolTCP}}
	}
	for _, v := range lastWins(spec.Variables) {
		if v.Secret == nil {
			container.Env = append(container.Env, corev1.EnvVar{Name: v.Name, Value: verbatim(v.Value)})
			continue
		}
		object, full, err := use(*v.Secret)
		if err != nil {
			return nil, err
		}
		container.Env = append(container.Env, corev1.EnvVar{Name: v.Name, ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: object},
				Key:                  full.Key,
			},
		}})
	}

	var volumes []corev1.Volume
	type source struct {
		secret uri.Secret
		mode   int32
	}
	volumeNames := map[source]string{}
	for _, file := range spec.Files {
		object, full, err := use(file.Secret)
		if err != nil {
			return nil, err
		}
		from := source{full, file.Mode}
		volume, ok := volumeNames[from]
		if !ok {
			volume = "secret-" + strconv.Itoa(len(volumes)+1)
			volumeNames[from] = volume
			item := corev1.KeyToPath{Key: full.Key, Path: secretFileName}
			if file.Mode != 0 {
				item.Mode = &file.Mode
			}
			volumes = append(volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{
					SecretName: object,
					Items:      []corev1.KeyToPath{item},
				},
			}})
		}
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{
			Name:      volume,
			MountPath: file.Path,
			SubPath:   secretFileName, // this file alone: a whole volume would hide the directory
			ReadOnly:  true,
		})
	}

	disks, mounts := planMounts(spec)
	volumes = append(volumes, disks...)
	container.VolumeMounts = append(container.VolumeMounts, mounts...)

	labels, annotations, err := spec.describe()
	if err != nil {
		return nil, err
	}
	restart := spec.Restart.jobSpec()
	m.Job = &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Namespace:   namespace,
			Labels:      labels,
			Annotations: annotations,
		},
		Spec: batchv1.JobSpec{
			BackoffLimit:            restart.BackoffLimit,
			Completions:             restart.Completions,
			Parallelism:             restart.Parallelism,
			ActiveDeadlineSeconds:   Seconds(spec.LifeSpan),
			TTLSecondsAfterFinished: seconds32(spec.TTL),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{wellknown.LabelJob: wellknown.LabelTrue}},
				Spec: corev1.PodSpec{
					RestartPolicy:      corev1.RestartPolicyNever, // see docs/decisions/0006
					Containers:         []corev1.Container{container},
					Volumes:            volumes,
					PriorityClassName:  spec.Priority,
					ServiceAccountName: spec.ServiceAccount,
					ImagePullSecrets:   references(spec.ImagePullSecrets),
					NodeSelector:       maps.Clone(spec.NodeSelector),
					Tolerations:        slices.Clone(spec.Tolerations),
				},
			},
		},
	}
	pod := &m.Job.Spec.Template.Spec
	spec.Security.apply(pod)
	if !spec.Stdin || spec.TTY { // what was read of an input is not there for a second pod
		m.Job.Spec.PodFailurePolicy = ignoreDisruptions()
	}
	if spec.ServiceAccount == "" {
		pod.AutomountServiceAccountToken = ptr.To(false) // a token that nobody asked for
	}
	if spec.Remove {
		m.Job.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	}
	if len(used) > 0 {
		list, err := json.Marshal(used)
		if err != nil {
			return nil, err
		}
		m.Job.Annotations[wellknown.AnnotationSecrets] = string(list)
	}
	if len(m.Copies) > 0 {
		m.Prepare()
	}
	return m, nil
}

func references(names []string) []corev1.LocalObjectReference {
	var all []corev1.LocalObjectReference
	for _, name := range withoutRepeats(names) {
		all = append(all, corev1.LocalObjectReference{Name: name})
	}
	return all
}

// Rename replaces a generated name that is taken by another one.
func (m *Manifest) Rename() { m.Job.Name = NewName(m.Job.Spec.Template.Spec.Containers[0].Image) }

// Prepare has the job wait, suspended, until what it needs is there.
func (m *Manifest) Prepare() {
	m.Job.Annotations[wellknown.AnnotationPreparing] = wellknown.LabelTrue
	m.Job.Spec.Suspend = ptr.To(true)
}

// CanRestrict reports whether the user left it open whether the pod is a restricted one, and asked for nothing that a
// restricted one can't have.
func (m *Manifest) CanRestrict() bool {
	restricted := m.security
	restricted.Level = SecurityRestricted
	return m.security.Level == SecurityDefault && restricted.validate() == nil
}

// Restrict makes the pod a restricted one.
func (m *Manifest) Restrict() {
	m.security.Level = SecurityRestricted
	m.security.apply(&m.Job.Spec.Template.Spec)
}

var errNotText = errors.New("the value is not text (it has a zero byte, or is not UTF-8)")

// CheckValue says why a value can't be that of a variable, or returns nil. The Secret of the name object has the value.
func (m *Manifest) CheckValue(secret uri.Secret, object string, value []byte) error {
	if storable(string(value)) == nil {
		return nil
	}
	for _, variable := range m.Job.Spec.Template.Spec.Containers[0].Env {
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil && from.SecretKeyRef.Name == object {
			return fmt.Errorf("%s: %w: it can't be the variable %s; mount it with --volume %s:/PATH", secret, errNotText, variable.Name, secret)
		}
	}
	return nil
}
