package jobspec

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

func fullSpec() Spec {
	spec := *specOf("ghcr.io/org/tool:v1")
	spec.Name = "train"
	spec.Entrypoint, spec.Args, spec.WorkDir = []string{"sh", "-c"}, []string{"echo $(X) $$ $Y"}, "/work"
	spec.Variables = []Variable{
		{Name: "A", Value: "$$$(A)$"}, {Name: "OWN", Secret: &uri.Secret{Key: "My_Key"}},
		{Name: "BOB", Secret: &uri.Secret{Namespace: "bob", Key: "token"}}, {Name: "CAROL", Secret: &uri.Secret{Namespace: "carol", Key: "token"}},
	}
	spec.Files = []SecretFile{{uri.Secret{Namespace: "carol", Key: "token"}, "/etc/t", 0}, {uri.Secret{Key: "My_Key"}, "/etc/k", 0o400}}
	spec.Mounts = []Mount{{Claim: "data", Path: "/data"}, {Claim: "home", Storage: true, SubPath: "a", Path: "/a", ReadOnly: true}}
	spec.ExtShm = true
	spec.Preset = "big"
	spec.CPU, spec.Memory = resource.MustParse("2"), resource.MustParse("4Gi")
	spec.GPU, spec.GPUResource = ptr.To[int64](1), "amd.com/gpu"
	spec.Restart, spec.Priority, spec.Privileged, spec.ServiceAccount = RestartAlways, "high", true, "robot"
	spec.ImagePullSecrets, spec.Pull = []string{"reg"}, PullAlways
	spec.NodeSelector = map[string]string{"disk": "ssd"}
	spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	spec.HTTPPort, spec.Tags, spec.Description = 8080, []string{"nightly", "a b"}, "why"
	spec.Stdin, spec.TTY = true, true
	spec.LifeSpan, spec.TTL, spec.ScheduleTimeout = 0, time.Minute, time.Hour
	return spec
}

// asStored is a Job as an API server hands it out.
func asStored(t *testing.T, spec Spec) *batchv1.Job {
	t.Helper()
	made, err := Build(&spec, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	job := made.Job.DeepCopy()
	delete(job.Annotations, wellknown.AnnotationPreparing)
	job.Spec.Suspend = ptr.To(false)
	setDefault(&job.Spec.Completions, 1)
	setDefault(&job.Spec.Parallelism, 1)
	job.Spec.CompletionMode = ptr.To(batchv1.NonIndexedCompletion)
	job.Spec.PodReplacementPolicy = ptr.To(batchv1.TerminatingOrFailed)
	job.Spec.Template.Labels["batch.kubernetes.io/job-name"] = job.Name
	pod := &job.Spec.Template.Spec
	pod.DNSPolicy, pod.SchedulerName, pod.TerminationGracePeriodSeconds = corev1.DNSClusterFirst, "default-scheduler", ptr.To[int64](30)
	pod.SecurityContext, pod.DeprecatedServiceAccount = &corev1.PodSecurityContext{}, pod.ServiceAccountName
	container := &pod.Containers[0]
	container.TerminationMessagePath, container.TerminationMessagePolicy = "/dev/termination-log", corev1.TerminationMessageReadFile
	setDefault(&container.ImagePullPolicy, corev1.PullIfNotPresent)
	for i := range pod.Volumes {
		if secret := pod.Volumes[i].Secret; secret != nil {
			secret.DefaultMode = ptr.To[int32](420)
		}
	}
	return job
}

// setDefault fills in what is not set, be it a pointer or not.
func setDefault[T any](field *T, value any) {
	v := reflect.ValueOf(field).Elem()
	if !v.IsZero() {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	v.Set(reflect.ValueOf(value).Convert(v.Type()))
}

func TestFromJobIsTheOppositeOfBuild(t *testing.T) {
	plain := *specOf("busybox:1")
	plain.Name = "plain"
	removed := plain
	removed.Remove = true
	retried := plain
	retried.Restart, retried.ExtShm, retried.Stdin = RestartOnFailure, false, true
	for _, want := range []Spec{plain, removed, retried, fullSpec()} {
		got, err := FromJob(asStored(t, want))
		if err != nil {
			t.Error(err)
		}
		if !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestFromJobLeavesOutGeneratedNames(t *testing.T) {
	for name, want := range map[string]string{
		"tool-abc23": "", "tool-abc21": "tool-abc21", "tool-abcdef": "tool-abcdef", "other-abc23": "other-abc23", "abc23": "abc23", "tool": "tool",
	} {
		spec := *specOf("ghcr.io/org/tool:v1")
		spec.Name = name
		if got, err := FromJob(asStored(t, spec)); err != nil || got.Name != want {
			t.Errorf("%s became %q, %v", name, got.Name, err)
		}
	}
}

func TestFromJobNamesWhatIsForeign(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*batchv1.Job)
		want   string
	}{
		"host network":      {func(j *batchv1.Job) { j.Spec.Template.Spec.HostNetwork = true }, "spec.template.spec.hostNetwork"},
		"label":             {func(j *batchv1.Job) { j.Labels["team"] = "a" }, "metadata.labels.team"},
		"annotation":        {func(j *batchv1.Job) { j.Annotations["a.io/b"] = "c" }, "metadata.annotations[a.io/b]"},
		"label of a tag":    {func(j *batchv1.Job) { delete(j.Labels, "tag.apolo.us/nightly") }, "metadata.labels[tag.apolo.us/nightly]"},
		"secrets":           {func(j *batchv1.Job) { j.Annotations[wellknown.AnnotationSecrets] = "x" }, "metadata.annotations[apolo.us/secrets]"},
		"suspended":         {func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }, "spec.suspend"},
		"retries":           {func(j *batchv1.Job) { j.Spec.BackoffLimit = ptr.To[int32](3) }, "spec.backoffLimit"},
		"parallel":          {func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](3) }, "spec.parallelism"},
		"another container": {func(j *batchv1.Job) { addTo(&j.Spec.Template.Spec.Containers, corev1.Container{Name: "b"}) }, "spec.template.spec.containers"},
		"init container":    {func(j *batchv1.Job) { addTo(&j.Spec.Template.Spec.InitContainers, corev1.Container{Name: "b"}) }, "spec.template.spec.initContainers"},
		"request":           {func(j *batchv1.Job) { container(j).Resources.Requests["cpu"] = resource.MustParse("1") }, "containers[0].resources.requests.cpu"},
		"disk space":        {func(j *batchv1.Job) { container(j).Resources.Limits["ephemeral-storage"] = resource.MustParse("1") }, "limits.ephemeral-storage"},
		"expanded":          {func(j *batchv1.Job) { container(j).Args[0] = "$(X)" }, "containers[0].args[0]"},
		"literal secret":    {func(j *batchv1.Job) { container(j).Env[0].Value = "secret:a" }, "containers[0].env[0]"},
		"variable of a field": {func(j *batchv1.Job) {
			container(j).Env[0] = corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}
		}, "containers[0].env[0]"},
		"foreign secret":     {func(j *batchv1.Job) { container(j).Env[1].ValueFrom.SecretKeyRef.Name = "x" }, "containers[0].env[1]"},
		"optional secret":    {func(j *batchv1.Job) { container(j).Env[1].ValueFrom.SecretKeyRef.Optional = ptr.To(true) }, "secretKeyRef.optional"},
		"toleration":         {func(j *batchv1.Job) { j.Spec.Template.Spec.Tolerations[0].TolerationSeconds = ptr.To[int64](1) }, "tolerations[0]"},
		"empty directory":    {func(j *batchv1.Job) { addTo(&j.Spec.Template.Spec.Volumes, corev1.Volume{Name: "x"}) }, "spec.template.spec.volumes"},
		"part of a disk":     {func(j *batchv1.Job) { container(j).VolumeMounts[2].SubPath = "x" }, "volumeMounts[2].subPath"},
		"another port":       {func(j *batchv1.Job) { addTo(&container(j).Ports, corev1.ContainerPort{ContainerPort: 1}) }, "containers[0].ports"},
		"schedule timeout":   {func(j *batchv1.Job) { j.Annotations[wellknown.AnnotationScheduleTimeout] = "soon" }, "apolo.us/schedule-timeout"},
		"kubelet's restarts": {func(j *batchv1.Job) { j.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure }, "restartPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			job := asStored(t, fullSpec())
			test.change(job)
			spec, err := FromJob(job)
			var foreign *ForeignError
			if !errors.As(err, &foreign) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v; want %s", err, test.want)
			}
			if spec.Image != "ghcr.io/org/tool:v1" {
				t.Errorf("without the rest: %+v", spec)
			}
		})
	}
}

func container(j *batchv1.Job) *corev1.Container { return &j.Spec.Template.Spec.Containers[0] }

func addTo[T any](list *[]T, element T) { *list = append(*list, element) }

func TestFromJobAForeignJob(t *testing.T) {
	job := asStored(t, *specOf("busybox:1"))
	delete(job.Labels, wellknown.LabelJob)
	if _, err := FromJob(job); !matches(err, "was not made by Apolo") {
		t.Error(err)
	}
	job = asStored(t, *specOf("busybox:1"))
	container(job).Name = "main"
	if _, err := FromJob(job); !matches(err, "was not made by Apolo") {
		t.Error(err)
	}
	job = asStored(t, *specOf("busybox:1"))
	container(job).Image = "Busybox"
	if _, err := FromJob(job); !matches(err, "must be lowercase") {
		t.Error(err)
	}
}

// What changes in the life of a job is no edit of somebody else.
func TestFromJobALivingJob(t *testing.T) {
	job := asStored(t, fullSpec())
	job.Annotations[wellknown.AnnotationPods] = "[]"
	job.Spec.ActiveDeadlineSeconds = ptr.To[int64](math.MaxInt64)
	if spec, err := FromJob(job); !matches(err, "spec.activeDeadlineSeconds") || spec.LifeSpan != duration.Max {
		t.Errorf("%v, %v", spec.LifeSpan, err)
	}
	job.Spec.ActiveDeadlineSeconds = ptr.To[int64](7)
	if spec, err := FromJob(job); err != nil || spec.LifeSpan != 7*time.Second {
		t.Errorf("%v, %v", spec.LifeSpan, err)
	}
	made, err := Build(ptr.To(fullSpec()), "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromJob(made.Job); err != nil { // still waiting for its copies
		t.Error(err)
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{"", "$", "$$", "$(A)", "$$(A)$$$", "a$b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := literal(verbatim(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
