package jobs

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/kballard/go-shellquote"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/grantee"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/usedby"
)

// What marks the objects of a job. The names are a contract with everything in users' clusters.
const (
	LabelJob          = usedby.LabelJob
	LabelJobCopy      = usedby.LabelJobCopy
	AnnotationSecrets = usedby.AnnotationSecrets
	// annotationPreparing marks a Job that waits, suspended, for the copies it needs, or to be shared.
	annotationPreparing = "apolo.us/preparing"
	labelTrue           = "true"

	// What a Job says of itself besides. LabelTag and a tag make a label, "true", for selectors,
	// where the tag is one that a label's key can hold; AnnotationTags holds all, as a JSON list.
	LabelTag              = "tag.apolo.us/"
	AnnotationTags        = "apolo.us/tags"
	AnnotationDescription = "apolo.us/description"
	AnnotationPreset      = "apolo.us/preset"
	AnnotationOwner       = "apolo.us/owner"
	// AnnotationScheduleTimeout is a duration as ParseDuration reads it. Nothing in the cluster acts
	// on it: the command that waits for the start does.
	AnnotationScheduleTimeout = "apolo.us/schedule-timeout"

	// ContainerName is the name of a job's own container. An admission webhook may add others to its pod.
	ContainerName = "job"

	// HTTPPortName is what the port of Spec.HTTPPort is called.
	HTTPPortName = "http"

	// secretFileName is how a volume calls the only file that is in it.
	secretFileName = "value"
)

// What a Spec gets from NewSpec.
const (
	DefaultLifeSpan = 24 * time.Hour
	DefaultTTL      = 24 * time.Hour
)

// maxNameLength is the limit for the name of a Job: it becomes a label's value on its pods.
const maxNameLength = validation.DNS1123LabelMaxLength

// Spec is a job as a user describes it. NewSpec makes one with the defaults.
type Spec struct {
	Name       string     // empty: a readable and unique one is made from Image
	Image      string     // a reference to a container image, as for docker run
	Entrypoint []string   // what runs; empty: what the image says
	Args       []string   // its arguments; empty: what the image says, unless Entrypoint is set
	WorkDir    string     // absolute; empty: what the image says
	Variables  []Variable // of several with one name, the last counts
	Files      []SecretFile
	Mounts     []Mount
	// ExtShm makes /dev/shm as large as the job's memory allows; container runtimes give 64 MB.
	// A mount at /dev/shm takes its place.
	ExtShm bool

	// Owner is who makes the job, as the API server knows them. Client.Complete fills it in; it is a note in the Job, which
	// whoever may write to the Job can change.
	Owner string

	// NoPreset and OwnLifeSpan keep the preset and the life span as they are, where the namespace has defaults for them.
	NoPreset, OwnLifeSpan bool

	// Preset names a set of resources. It is no more than a word until Client.Complete has filled in
	// what the fields below leave open.
	Preset string
	Resources
	Security

	Restart          RestartPolicy
	Priority         string // the name of a PriorityClass; empty: the cluster's default
	ServiceAccount   string // empty: the namespace's default, without a token for the API server
	ImagePullSecrets []string
	Pull             PullPolicy
	NodeSelector     map[string]string
	Tolerations      []corev1.Toleration

	HTTPPort    int32    // where the job serves HTTP; 0: nowhere
	Tags        []string // texts to find the job by; each counts once
	Description string
	Stdin, TTY  bool // the container has an open standard input, a terminal; the second has both

	// LifeSpan ends the job that long after its start, TTL deletes it that long after its end.
	// ScheduleTimeout is how long it may take to start. All count in seconds; 0 means no limit.
	LifeSpan        time.Duration
	TTL             time.Duration
	ScheduleTimeout time.Duration
	// Remove has the cluster delete the job as soon as it has ended, whatever TTL says. Whoever
	// wants its log or exit code must not set it.
	Remove bool
}

// NewSpec returns a Spec with nothing but the defaults.
func NewSpec() Spec {
	return Spec{ExtShm: true, Restart: RestartNever, LifeSpan: DefaultLifeSpan, TTL: DefaultTTL}
}

var errEmptyEntrypoint = errors.New("the entrypoint is empty: leave it out for the image's own")

// SplitEntrypoint splits one text into words as a shell does, without any of its expansions.
func SplitEntrypoint(s string) ([]string, error) {
	words, err := shellquote.Split(s)
	if err != nil {
		return nil, fmt.Errorf("entrypoint %q: %s", s, strings.ToLower(err.Error()))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errEmptyEntrypoint
	}
	return words, nil
}

// apoloImageScheme begins the names of images in the registry of the Apolo platform.
const apoloImageScheme = "image:"

// Validate says what of a Spec can't work, without asking a cluster.
func (s *Spec) Validate() error {
	switch _, err := reference.ParseNormalizedNamed(s.Image); {
	case strings.HasPrefix(s.Image, apoloImageScheme):
		return fmt.Errorf("image %q is in Apolo's own registry: use its full name, such as registry.example.com/name:tag", s.Image)
	case err != nil:
		return fmt.Errorf("image %q: %w", s.Image, err)
	}
	if s.Name != "" {
		if len(validation.IsDNS1123Label(s.Name)) > 0 {
			return fmt.Errorf("%q can't be the name of a job: use up to %d lower-case letters, digits and '-', no '-' at either end", s.Name, maxNameLength)
		}
	}
	if s.WorkDir != "" && !path.IsAbs(s.WorkDir) {
		return fmt.Errorf("the working directory %q must be absolute", s.WorkDir)
	}
	for _, word := range slices.Concat(s.Entrypoint, s.Args, []string{s.WorkDir}) {
		if err := storable(word); err != nil {
			return fmt.Errorf("%q of the command %w", word, err)
		}
	}
	if len(s.Entrypoint) > 0 && s.Entrypoint[0] == "" {
		return errEmptyEntrypoint
	}
	for _, check := range []func() error{s.Resources.validate, s.Security.validate, s.validatePlacement, s.validateDescription, s.validateTimes} {
		if err := check(); err != nil {
			return err
		}
	}
	return checkPaths(s.Files, s.Mounts)
}

// validatePlacement checks what says where and as what the job runs.
func (s *Spec) validatePlacement() error {
	if s.Preset != "" {
		if err := checkPresetName(s.Preset); err != nil {
			return err
		}
	}
	for _, object := range []struct{ what, name string }{
		{"priority class", s.Priority}, {"service account", s.ServiceAccount},
	} {
		if object.name != "" {
			if err := checkObjectName(object.what, object.name); err != nil {
				return err
			}
		}
	}
	for _, name := range s.ImagePullSecrets {
		if err := checkObjectName("image pull secret", name); err != nil {
			return err
		}
	}
	if err := s.Restart.validate(); err != nil {
		return err
	}
	if err := s.Pull.validate(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(s.NodeSelector)) {
		if err := checkNodeLabel(key, s.NodeSelector[key]); err != nil {
			return err
		}
	}
	for _, toleration := range s.Tolerations {
		if err := checkToleration(toleration); err != nil {
			return err
		}
	}
	return nil
}

// checkObjectName refuses what can't be the name of an object of the cluster.
func checkObjectName(what, name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%s %q: use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit", what, name)
	}
	return nil
}

// validateDescription checks what says what the job is for.
func (s *Spec) validateDescription() error {
	if s.HTTPPort < 0 || s.HTTPPort > math.MaxUint16 {
		return fmt.Errorf("the HTTP port %d must be 1 to %d", s.HTTPPort, math.MaxUint16)
	}
	for _, tag := range s.Tags {
		if tag == "" {
			return errors.New("a tag is empty")
		}
		if err := storable(tag); err != nil {
			return fmt.Errorf("the tag %q %w", tag, err)
		}
	}
	if err := storable(s.Description); err != nil {
		return fmt.Errorf("the description %w", err)
	}
	return nil
}

func (s *Spec) validateTimes() error {
	if shortest := min(s.LifeSpan, s.TTL, s.ScheduleTimeout); shortest < 0 {
		return fmt.Errorf("a time of %s is negative", FormatDuration(shortest))
	}
	if longest := max(s.LifeSpan, s.TTL, s.ScheduleTimeout); longest > MaxDuration {
		return fmt.Errorf("a time of %s is too long: the longest possible is %s", FormatDuration(longest), FormatDuration(MaxDuration))
	}
	return nil
}

// Plan is all that is to be created for one job.
type Plan struct {
	job      *batchv1.Job
	named    bool // the user chose the name
	security Security
	own      []uri.Secret
	copies   []secretCopy
	shared   []grantee.Grantee // with whom
	unread   []string          // URIs of own secrets that the user may not read
	// replaced is the status of the job that had the name.
	replaced Status
}

// secretCopy is another's secret, copied for one job.
type secretCopy struct {
	from   uri.Secret // as it was typed
	object string     // the name of the Secret that holds the copy
	value  []byte     // what Client.Check has read
}

// Job is the object that Client.Create sends; it holds the names of secrets and no values.
func (p *Plan) Job() *batchv1.Job { return p.job.DeepCopy() }

// useDataKey has the job take a secret that is adopted, or was renamed, from the data key that has the value: until it is looked up, it is
// taken for one of Apolo's own, whose data key is the key.
func (p *Plan) useDataKey(secret secrets.Secret) {
	if secret.Owner == "" && secret.DataKey == secret.Key {
		return
	}
	pod := &p.job.Spec.Template.Spec
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

// newPlan lays out a job in the given cluster and namespace.
func newPlan(spec *Spec, cluster, namespace string) (*Plan, error) {
	name := spec.Name
	if name == "" {
		name = newName(spec.Image)
	}
	// Names of its own for the copies of each run: those of an earlier job of the same name may still
	// wait for the garbage collector.
	return layOut(spec, cluster, namespace, name, name+"-"+randomSuffix()+"-")
}

// layOut is newPlan for given names of the job and, but for a number, of its copies.
func layOut(spec *Spec, cluster, namespace, name, copyPrefix string) (*Plan, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	plan := &Plan{named: spec.Name != "", security: spec.Security}
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
			plan.own = append(plan.own, secret) // as it was typed, for errors
		} else {
			object = copyPrefix + strconv.Itoa(len(plan.copies)+1)
			plan.copies = append(plan.copies, secretCopy{from: secret, object: object})
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
	plan.job = &batchv1.Job{
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
			ActiveDeadlineSeconds:   seconds(spec.LifeSpan),
			TTLSecondsAfterFinished: seconds32(spec.TTL),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LabelJob: labelTrue}},
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
	pod := &plan.job.Spec.Template.Spec
	spec.Security.apply(pod)
	if !spec.Stdin || spec.TTY { // what was read of an input is not there for a second pod
		plan.job.Spec.PodFailurePolicy = ignoreDisruptions()
	}
	if spec.ServiceAccount == "" {
		pod.AutomountServiceAccountToken = ptr.To(false) // a token that nobody asked for
	}
	if spec.Remove {
		plan.job.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	}
	if len(used) > 0 {
		list, err := json.Marshal(used)
		if err != nil {
			return nil, err
		}
		plan.job.Annotations[AnnotationSecrets] = string(list)
	}
	if len(plan.copies) > 0 {
		plan.prepare()
	}
	return plan, nil
}

// describe makes the labels and annotations of the Job.
func (s *Spec) describe() (labels, annotations map[string]string, err error) {
	labels, annotations = map[string]string{LabelJob: labelTrue}, map[string]string{}
	for key, value := range map[string]string{AnnotationDescription: s.Description, AnnotationPreset: s.Preset, AnnotationOwner: s.Owner} {
		if value != "" {
			annotations[key] = value
		}
	}
	if timeout := seconds(s.ScheduleTimeout); timeout != nil {
		annotations[AnnotationScheduleTimeout] = FormatDuration(time.Duration(*timeout) * time.Second)
	}
	if tags := withoutRepeats(s.Tags); len(tags) > 0 {
		list, err := json.Marshal(tags)
		if err != nil {
			return nil, nil, err
		}
		annotations[AnnotationTags] = string(list)
		for _, tag := range tags {
			if key := LabelTag + tag; len(validation.IsQualifiedName(key)) == 0 {
				labels[key] = labelTrue
			}
		}
	}
	return labels, annotations, nil
}

// withoutRepeats keeps the first of each text.
func withoutRepeats(texts []string) []string {
	var kept []string
	for _, text := range texts {
		if !slices.Contains(kept, text) {
			kept = append(kept, text)
		}
	}
	return kept
}

func references(names []string) []corev1.LocalObjectReference {
	var all []corev1.LocalObjectReference
	for _, name := range withoutRepeats(names) {
		all = append(all, corev1.LocalObjectReference{Name: name})
	}
	return all
}

func seconds(d time.Duration) *int64 {
	if d <= 0 {
		return nil
	}
	return ptr.To(max(1, int64(d/time.Second)))
}

func seconds32(d time.Duration) *int32 {
	if s := seconds(d); s != nil {
		return ptr.To(int32(min(*s, 1<<31-1))) // #nosec G115 -- it is the minimum
	}
	return nil
}

// rename replaces a generated name that is taken by another one.
func (p *Plan) rename() { p.job.Name = newName(p.job.Spec.Template.Spec.Containers[0].Image) }

// newName is the image's own name, as far as a Job can have it, and a random suffix.
func newName(image string) string { return nameBase(image) + "-" + randomSuffix() }

// nameBase is newName without the suffix.
func nameBase(image string) string {
	base := "job"
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		base = path.Base(reference.Path(named))
	}
	base = strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, base)
	if room := maxNameLength - suffixLength - 1; len(base) > room {
		base = base[:room]
	}
	return strings.Trim(base, "-")
}

// suffixLength makes a random suffix one of 33 million.
const suffixLength = 5

// randomSuffix is suffixLength characters of 32.
func randomSuffix() string { return strings.ToLower(rand.Text()[:suffixLength]) }
