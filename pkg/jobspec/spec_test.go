package jobspec

import (
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

func specOf(image string) *Spec {
	spec := New()
	spec.Image = image
	return &spec
}

func TestManifestIsTheContract(t *testing.T) {
	spec := specOf("busybox:1")
	spec.Name = "train"
	spec.Entrypoint, spec.Args, spec.WorkDir = []string{"sh", "-c"}, []string{"echo $HOME $$ $(X)"}, "/tmp"
	spec.Variables = []Variable{
		{Name: "PLAIN", Value: "p@$$w0rd $(X)"},
		{Name: "OWN", Secret: &uri.Secret{Key: "My_Key"}},
		{Name: "SAME", Secret: &uri.Secret{Cluster: "default", Namespace: "alice", Key: "My_Key"}},
		{Name: "SHARED", Secret: &uri.Secret{Namespace: "bob", Key: "token"}},
	}
	spec.Files = []SecretFile{
		{uri.Secret{Cluster: "default", Namespace: "bob", Key: "token"}, "/etc/a", 0},
		{uri.Secret{Key: "My_Key"}, "/etc/b", 0},
		{uri.Secret{Key: "My_Key"}, "/etc/c", 0},
	}
	made, err := Build(spec, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	job := made.Job
	pod := job.Spec.Template.Spec
	container := pod.Containers[0]

	if job.Name != "train" || job.Namespace != "alice" || job.Labels[wellknown.LabelJob] != "true" || job.Spec.Template.Labels[wellknown.LabelJob] != "true" {
		t.Errorf("metadata %+v", job.ObjectMeta)
	}
	if *job.Spec.BackoffLimit != 0 || pod.RestartPolicy != corev1.RestartPolicyNever ||
		*job.Spec.ActiveDeadlineSeconds != 86400 || *job.Spec.TTLSecondsAfterFinished != 86400 {
		t.Errorf("spec %+v", job.Spec)
	}
	if got := job.Annotations[wellknown.AnnotationSecrets]; got != `["secret:/alice/My_Key","secret:/bob/token"]` {
		t.Errorf("annotation %s", got)
	}
	if container.Name != "job" || container.WorkingDir != "/tmp" || !reflect.DeepEqual(container.Command, []string{"sh", "-c"}) ||
		!reflect.DeepEqual(container.Args, []string{"echo $HOME $$$ $$(X)"}) {
		t.Errorf("container %+v", container)
	}
	if got := container.Env[0].Value; got != "p@$$$w0rd $$(X)" {
		t.Errorf("PLAIN is %q", got)
	}

	own := secrets.ObjectName("My_Key")
	for i, want := range []struct{ object, key string }{1: {own, "My_Key"}, 2: {own, "My_Key"}, 3: {made.Copies[0].Object, "token"}} {
		if ref := container.Env[i].ValueFrom; want.object != "" && (ref.SecretKeyRef.Name != want.object || ref.SecretKeyRef.Key != want.key) {
			t.Errorf("variable %d is %+v", i, ref.SecretKeyRef)
		}
	}
	if len(made.Copies) != 1 || made.Copies[0].From != (uri.Secret{Namespace: "bob", Key: "token"}) || !strings.HasPrefix(made.Copies[0].Object, "train-") {
		t.Errorf("copies %+v", made.Copies)
	}
	if !reflect.DeepEqual(made.Own, []uri.Secret{{Key: "My_Key"}}) {
		t.Errorf("own secrets %+v", made.Own)
	}
	if !*job.Spec.Suspend {
		t.Error("a job that needs copies does not wait for them")
	}

	// A volume a secret, a mount a file, and never a whole directory.
	if len(pod.Volumes) != 3 || len(container.VolumeMounts) != 4 {
		t.Fatalf("%d volumes, %d mounts", len(pod.Volumes), len(container.VolumeMounts))
	}
	for i, mount := range container.VolumeMounts[:3] {
		if mount.MountPath != spec.Files[i].Path || mount.SubPath == "" || !mount.ReadOnly {
			t.Errorf("mount %+v", mount)
		}
	}
	if container.VolumeMounts[1].Name != container.VolumeMounts[2].Name {
		t.Error("one secret has two volumes")
	}
}

func TestManifestWithoutCopiesIsNotSuspended(t *testing.T) {
	spec := specOf("busybox:1")
	spec.ExtShm = false
	made, err := Build(spec, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made.Job)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"suspend", "annotations", "env", "volume", "command", "args", "completions", "nodeSelector", "requests", "stdin", "ports"} {
		if strings.Contains(string(text), `"`+word) {
			t.Errorf("%q in %s", word, text)
		}
	}
}

func TestManifestOfEveryField(t *testing.T) {
	spec := specOf("busybox:1")
	spec.ExtShm = true
	spec.Preset = "big"
	spec.CPU, spec.Memory, spec.GPU = resource.MustParse("500m"), resource.MustParse("1Gi"), ptr.To[int64](2)
	spec.Mounts = []Mount{
		{Claim: "data", Path: "/data"},
		{Storage: true, SubPath: "a/b", Path: "/mnt", ReadOnly: true},
		{Claim: "data", Path: "/again", ReadOnly: true},
		{Storage: true, Claim: "shared", Path: "/all"},
	}
	spec.HTTPPort = 8080
	spec.LifeSpan, spec.TTL, spec.ScheduleTimeout = time.Hour, 0, 90*time.Second
	spec.Priority, spec.Privileged, spec.ServiceAccount = "high", true, "robot"
	spec.ImagePullSecrets, spec.Pull = []string{"reg", "other", "reg"}, PullNever
	spec.NodeSelector = map[string]string{"disk": "ssd"}
	spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	spec.Tags, spec.Description = []string{"nightly", "with space", "nightly"}, "what it's for"
	spec.Stdin = true
	made, err := Build(spec, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	job := made.Job
	pod := job.Spec.Template.Spec
	container := pod.Containers[0]
	got, err := json.Marshal(map[string]any{
		"labels": job.Labels, "annotations": job.Annotations, "lifeSpan": job.Spec.ActiveDeadlineSeconds, "ttl": job.Spec.TTLSecondsAfterFinished,
		"resources": container.Resources, "ports": container.Ports, "security": container.SecurityContext, "pull": container.ImagePullPolicy,
		"input":  []bool{container.Stdin, container.StdinOnce, container.TTY},
		"pod":    []any{pod.PriorityClassName, pod.ServiceAccountName, pod.ImagePullSecrets, pod.NodeSelector, pod.Tolerations},
		"mounts": container.VolumeMounts, "volumes": pod.Volumes,
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"annotations":{"apolo.us/description":"what it's for","apolo.us/preset":"big","apolo.us/schedule-timeout":"1m30s",` +
		`"apolo.us/tags":"[\"nightly\",\"with space\"]"},"input":[true,true,false],` +
		`"labels":{"apolo.us/job":"true","tag.apolo.us/nightly":"true"},"lifeSpan":3600,` +
		`"mounts":[{"name":"disk-1","mountPath":"/data"},{"name":"storage","readOnly":true,"mountPath":"/mnt","subPath":"a/b"},` +
		`{"name":"disk-1","readOnly":true,"mountPath":"/again"},{"name":"storage","mountPath":"/all"},{"name":"shm","mountPath":"/dev/shm"}],` +
		`"pod":["high","robot",[{"name":"reg"},{"name":"other"}],{"disk":"ssd"},[{"key":"gpu","operator":"Exists"}]],` +
		`"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"pull":"Never",` +
		`"resources":{"limits":{"cpu":"500m","memory":"1Gi","nvidia.com/gpu":"2"},"requests":{"cpu":"500m","memory":"1Gi","nvidia.com/gpu":"2"}},` +
		`"security":{"privileged":true},"ttl":null,"volumes":[{"name":"disk-1","persistentVolumeClaim":{"claimName":"data"}},` +
		`{"name":"storage","persistentVolumeClaim":{"claimName":"storage"}},{"name":"shm","emptyDir":{"medium":"Memory"}}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A terminal may be left and entered again.
	spec.TTY = true
	spec.Remove = true
	if made, err = Build(spec, "default", "alice"); err != nil {
		t.Fatal(err)
	}
	container = made.Job.Spec.Template.Spec.Containers[0]
	if !container.TTY || container.StdinOnce || *made.Job.Spec.TTLSecondsAfterFinished != 0 {
		t.Errorf("terminal %+v", container)
	}
}

// The pod never restarts by itself: each attempt has its own log and exit code.
func TestRestart(t *testing.T) {
	for policy, want := range map[RestartPolicy][3]*int32{
		RestartNever:     {ptr.To[int32](0)},
		RestartOnFailure: {ptr.To[int32](math.MaxInt32)},
		RestartAlways:    {ptr.To[int32](math.MaxInt32), ptr.To[int32](math.MaxInt32), ptr.To[int32](1)},
	} {
		spec := specOf("busybox:1")
		spec.Restart = policy
		made, err := Build(spec, "default", "alice")
		if err != nil {
			t.Fatal(err)
		}
		got := made.Job.Spec
		if !reflect.DeepEqual([3]*int32{got.BackoffLimit, got.Completions, got.Parallelism}, want) || got.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("%s: %+v", policy, got)
		}
	}
}

func TestPull(t *testing.T) {
	for _, test := range []struct {
		policy PullPolicy
		image  string
		want   corev1.PullPolicy
	}{
		{PullDefault, "busybox", ""},
		{PullMissing, "busybox:1", ""},
		{PullMissing, "busybox", corev1.PullIfNotPresent},
		{PullMissing, "busybox@sha256:" + hex64, ""},
		{PullAlways, "busybox", ""},
		{PullAlways, "busybox:latest", ""},
		{PullAlways, "busybox:1", corev1.PullAlways},
		{PullNever, "busybox", corev1.PullNever},
	} {
		if got := test.policy.of(test.image); got != test.want {
			t.Errorf("%q of %s is %q, want %q", test.policy, test.image, got, test.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"another cluster": {func(s *Spec) {
			s.Variables = []Variable{{Name: "A", Secret: &uri.Secret{Cluster: "prod", Namespace: "alice", Key: "k"}}}
		}, `secret://prod/alice/k: a job can only use secrets of the cluster it runs on, which is "default"`},
		"another cluster's file": {func(s *Spec) {
			s.Files = []SecretFile{{uri.Secret{Cluster: "prod", Namespace: "alice", Key: "k"}, "/a", 0}}
		}, "the cluster it runs on"},
		"image in capitals":     {func(s *Spec) { s.Image = "Busybox" }, "must be lowercase"},
		"no image":              {func(s *Spec) { s.Image = "" }, `image ""`},
		"name":                  {func(s *Spec) { s.Name = "Bad_Name" }, `"Bad_Name" can't be the name`},
		"long name":             {func(s *Spec) { s.Name = strings.Repeat("a", 64) }, "up to 63"},
		"relative directory":    {func(s *Spec) { s.WorkDir = "src" }, "must be absolute"},
		"binary argument":       {func(s *Spec) { s.Args = []string{"a\xff"} }, "is not UTF-8"},
		"empty entrypoint":      {func(s *Spec) { s.Entrypoint = []string{""} }, "entrypoint is empty"},
		"preset":                {func(s *Spec) { s.Preset = "A b" }, `preset "A b": use letters`},
		"priority class":        {func(s *Spec) { s.Priority = "A" }, `priority class "A"`},
		"service account":       {func(s *Spec) { s.ServiceAccount = "A" }, `service account "A"`},
		"pull secret":           {func(s *Spec) { s.ImagePullSecrets = []string{""} }, `image pull secret ""`},
		"restart":               {func(s *Spec) { s.Restart = "Never" }, `invalid restart policy "Never": must be one of never, on-failure, always`},
		"pull":                  {func(s *Spec) { s.Pull = "Always" }, `invalid pull policy "Always": must be one of always, missing, never`},
		"node label":            {func(s *Spec) { s.NodeSelector = map[string]string{"a b": "c"} }, `"a b" can't be the key of a label`},
		"value of a node label": {func(s *Spec) { s.NodeSelector = map[string]string{"a": "b c"} }, `"b c" can't be the value of a label`},
		"toleration":            {func(s *Spec) { s.Tolerations = []corev1.Toleration{{Key: "a", Operator: "Equal", Effect: "x"}} }, `invalid effect "x": must be one of NoSchedule`},
		"port":                  {func(s *Spec) { s.HTTPPort = 65536 }, "the HTTP port 65536 must be 1 to 65535"},
		"empty tag":             {func(s *Spec) { s.Tags = []string{""} }, "a tag is empty"},
		"binary tag":            {func(s *Spec) { s.Tags = []string{"\xff"} }, "is not UTF-8"},
		"binary description":    {func(s *Spec) { s.Description = "\xff" }, "the description is not UTF-8"},
		"negative time":         {func(s *Spec) { s.TTL = -time.Hour }, "a time of -1h is negative"},
		"negative amount":       {func(s *Spec) { s.CPU = resource.MustParse("-1") }, "an amount of -1 is negative"},
		"millibytes":            {func(s *Spec) { s.Memory = resource.MustParse("512m") }, "memory 512m is less than 1Mi"},
		"negative GPUs":         {func(s *Spec) { s.GPU = ptr.To[int64](-1) }, "-1 GPUs"},
		"GPU resource":          {func(s *Spec) { s.GPUResource = "gpu" }, `GPU resource "gpu" must be`},
		"mount":                 {func(s *Spec) { s.Mounts = []Mount{{Claim: "A", Path: "/a"}} }, `the claim of a volume "A"`},
		"two files at one path": {func(s *Spec) {
			s.Files = []SecretFile{{uri.Secret{Key: "a"}, "/a", 0}, {uri.Secret{Key: "b"}, "/a", 0}}
		}, "same path"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := specOf("busybox:1")
			test.change(spec)
			if _, err := Build(spec, "default", "alice"); !matches(err, test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

func TestGeneratedNames(t *testing.T) {
	for image, prefix := range map[string]string{
		"busybox:1":                              "busybox",
		"ghcr.io/Org/My.Tool_x:v1":               "job", // not a reference
		"ghcr.io/org/my.tool_x:v1":               "my-tool-x",
		"localhost:5000/a/b@sha256:" + hex64:     "b",
		"registry/" + strings.Repeat("long", 30): strings.Repeat("long", 30)[:57],
	} {
		name := NewName(image)
		if !regexp.MustCompile("^" + prefix + "-[a-z2-7]{5}$").MatchString(name) {
			t.Errorf("%s became %s", image, name)
		}
		if why := validation.IsDNS1123Label(name); len(why) > 0 {
			t.Errorf("%s: %v", name, why)
		}
		if NewName(image) == name {
			t.Errorf("%s twice", name)
		}
	}
}

var hex64 = strings.Repeat("0123456789abcdef", 4)

func TestSplitEntrypoint(t *testing.T) {
	for in, want := range map[string][]string{
		"python":                {"python"},
		" sh  -c ":              {"sh", "-c"},
		`sh -c 'echo "a b"'`:    {"sh", "-c", `echo "a b"`},
		`a\ b "" '#c' $HOME #d`: {"a b", "", "#c", "$HOME", "#d"},
	} {
		if got, err := SplitEntrypoint(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("SplitEntrypoint(%q) = %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{"": "is empty", "  ": "is empty", `""`: "is empty", "'a": "unterminated single-quoted", `a\`: "unterminated backslash"} {
		if _, err := SplitEntrypoint(in); !matches(err, want) {
			t.Errorf("SplitEntrypoint(%q): %v", in, err)
		}
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[time.Duration]int64{time.Millisecond: 1, time.Second: 1, 90 * time.Second: 90} {
		if got := Seconds(in); *got != want {
			t.Errorf("%v is %d s", in, *got)
		}
	}
	if Seconds(0) != nil {
		t.Error("0 is a limit")
	}
	if got := seconds32(200 * 365 * 24 * time.Hour); *got != 1<<31-1 {
		t.Errorf("200 years are %d s", *got)
	}
}

// The paths that are refused must be clean themselves, or the check would never match.
func TestReservedPaths(t *testing.T) {
	for _, path := range reservedPaths {
		if filepath.ToSlash(filepath.Clean(path)) != path {
			t.Errorf("%q", path)
		}
	}
}
