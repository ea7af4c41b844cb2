package runflags

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	"github.com/urfave/cli/v2"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// fataler is what testing and rapid have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// read is a command line on its way to a Spec, through the same code as that of the plugins.
func read(words ...string) (spec jobspec.Spec, problem string) {
	var stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader("FROM_STDIN=yes\n"), Out: &bytes.Buffer{}, ErrOut: &stderr}
	cmdline.Run(context.Background(), append([]string{"run"}, words...), streams, func(s *cmdline.Session) *cli.App {
		flags := &Flags{}
		return &cli.App{Flags: flags.CLI(), Action: func(c *cli.Context) (err error) {
			spec, err = flags.Spec(c.Args().Slice(), Caller{
				Lookup: func(name string) (string, bool) { return "here", name == "SET" }, ReadFile: s.ReadFile,
			})
			return err
		}}
	})
	return spec, stderr.String()
}

// presets are those of the tests' cluster.
func presets(t fataler) map[string]*jobspec.Preset {
	t.Helper()
	all := map[string]*jobspec.Preset{}
	for name, text := range map[string]string{
		"cpu-small": "{cpu: 500m, memory: 1Gi}",
		"gpu":       "{cpu: 1, gpu: 1, gpuResource: amd.com/gpu, priority: high}",
		"spot":      "{nodeSelector: {spot: 'yes', disk: ssd}, tolerations: [spot, 'disk:NoSchedule']}",
		"empty":     "{}",
		"safe":      "{security: restricted, runAsUser: 1000}",
	} {
		preset, err := jobspec.ParsePreset(name, text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		all[name] = &preset
	}
	return all
}

// jobOf is the Job that a command line makes.
func jobOf(t fataler, words ...string) *batchv1.Job {
	t.Helper()
	spec, problem := read(words...)
	if problem != "" {
		t.Fatalf("%q: %s", words, problem)
	}
	if preset := presets(t)[spec.Preset]; preset != nil {
		preset.Apply(&spec)
	}
	plan, err := jobs.NewPlan(&spec, "alice")
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return plan.Job()
}

// words is the command line that makes a Job.
func words(t fataler, job *batchv1.Job) []string {
	t.Helper()
	spec, err := jobspec.FromJob(job)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if preset := presets(t)[spec.Preset]; preset != nil && !preset.Unapply(&spec) {
		t.Fatalf("the preset %s is not what it was: %+v", spec.Preset, spec)
	}
	line, err := Format(spec)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return line
}

// comparable is a Job without what is made up for each run.
func comparable(t fataler, job *batchv1.Job) string {
	t.Helper()
	name := job.Name
	job = job.DeepCopy()
	if regexp.MustCompile(`-[a-z2-7]{5}$`).MatchString(name) {
		job.Name = ""
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatalf("%v", err)
	}
	copies := regexp.MustCompile(regexp.QuoteMeta(`ame":"`+name) + `-[a-z2-7]{5}-`)
	return copies.ReplaceAllString(string(text), `ame":"COPY-`)
}

// Any command line makes a job from which a command line can be made that makes the same job.
func roundTrip(t *rapid.T) {
	line := commandLine(t)
	job := jobOf(t, line...)
	again := words(t, job)
	quoted := shellquote.Join(again...)
	typed, err := shellquote.Split(quoted)
	if err != nil || !slices.Equal(typed, again) {
		t.Fatalf("a shell reads %s as %q, %v", quoted, typed, err)
	}
	if got, want := comparable(t, jobOf(t, typed...)), comparable(t, job); got != want {
		t.Fatalf("%q\nbecame %q\ngot  %s\nwant %s", line, again, got, want)
	}
}

func TestRoundTrip(t *testing.T) { rapid.Check(t, roundTrip) }

func FuzzRoundTrip(f *testing.F) { f.Fuzz(rapid.MakeFuzz(roundTrip)) }

// commandLine draws flags with values that run takes.
func commandLine(t *rapid.T) []string {
	text := rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
	// No generated name: it would be left out, and is drawn for each job anyway.
	name := rapid.StringMatching(`[a-z]([a-z0-9-]{0,8}[a-z0-9])?`)
	key := rapid.StringMatching(`[A-Za-z][A-Za-z0-9_.-]{0,6}`)
	one := func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }
	duration := one("0", "1s", "90m", "1d2h3m4s", "2w", "1500ms", "1ms", "300000h")
	secret := rapid.OneOf(rapid.Map(key, func(k string) string { return "secret:" + k }),
		rapid.Map(key, func(k string) string { return "secret:/alice/" + k }),
		rapid.Map(key, func(k string) string { return "secret:/bob/" + k }),
		rapid.Map(key, func(k string) string { return "secret:/carol/" + k }))

	// What may be given once, and what several times.
	single := map[string]*rapid.Generator[string]{
		"name": name, "description": text, "workdir": one("/", "/a b", "/$(A)"), "http-port": one("1", "8080", "65535"),
		"preset": one("cpu-small", "gpu", "spot", "empty"), "cpu": one("1", "1000m", "0.5", "2e1"), "memory": one("512Mi", "1.5Gi", "16G", "1e9"),
		"gpu": one("0", "1", "8"), "priority": name, "service-account": name, "pull": one("always", "missing", "never"),
		"life-span": duration, "schedule-timeout": duration, "restart": one("never", "on-failure", "always"),
		"entrypoint": rapid.Map(rapid.SliceOfN(text, 0, 3), func(words []string) string { return shellquote.Join(append([]string{"sh"}, words...)...) }),
	}
	several := map[string]*rapid.Generator[string]{
		"env": rapid.OneOf(one("SET", "A=", "B=1,2", "C=$$(A)$"),
			rapid.Custom(func(t *rapid.T) string {
				return key.Draw(t, "variable") + "=" + text.Filter(func(s string) bool { return !strings.HasPrefix(s, "secret:") }).Draw(t, "value")
			}),
			rapid.Custom(func(t *rapid.T) string { return key.Draw(t, "variable") + "=" + secret.Draw(t, "secret") })),
		"tag":               text.Filter(func(s string) bool { return s != "" }),
		"image-pull-secret": name,
		"toleration":        one("a", "a=b", "a=", "a:NoSchedule", "a.io/b=c:NoExecute", "spot", "disk:NoSchedule"),
		"node-selector":     one("disk=ssd", "spot=no", "a.io/b="),
	}
	var line []string
	for _, flag := range sorted(single) {
		if rapid.Bool().Draw(t, flag) {
			line = append(line, "--"+flag, single[flag].Draw(t, flag+" value"))
		}
	}
	for _, flag := range sorted(several) {
		for _, value := range rapid.SliceOfN(several[flag], 0, 3).Draw(t, flag) {
			line = append(line, "--"+flag, value)
		}
	}
	// No two volumes may be at one path.
	for i := range rapid.IntRange(0, 4).Draw(t, "volumes") {
		path := fmt.Sprintf(":/v/%d", i)
		line = append(line, "--volume", rapid.OneOf(secret,
			rapid.Map(name, func(claim string) string { return "disk:" + claim }),
			one("storage:", "storage:a/b", "storage:$(A) b")).Draw(t, "volume")+path)
		if last := &line[len(line)-1]; !strings.HasPrefix(*last, "secret:") {
			*last += one("", ":ro", ":rw").Draw(t, "mode")
		}
	}
	if slices.Contains(line, "--gpu") && rapid.Bool().Draw(t, "gpu resource") {
		line = append(line, "--gpu-resource", "amd.com/gpu")
	}
	for _, flag := range []string{"--privileged", one("--extshm", "--no-extshm").Draw(t, "shm"), one("--tty", "--no-tty").Draw(t, "terminal"), "--stdin"} {
		if rapid.Bool().Draw(t, flag) {
			line = append(line, flag)
		}
	}
	if !slices.Contains(line, "--privileged") && rapid.Bool().Draw(t, "security") {
		line = append(line, "--security", "restricted")
	}
	if rapid.Bool().Draw(t, "user") {
		line = append(line, "--run-as-user", one("1", "2147483647").Draw(t, "run-as-user value"))
	}
	line = append(line, rapid.SampledFrom([][]string{{}, {"--rm"}, {"--rm", "--detach"}, {"--no-wait-start", "--rm"}, {"--ttl", "0"}, {"--ttl", "1h"}}).Draw(t, "end")...)
	line = append(line, one("busybox", "busybox:1", "busybox:latest", "ghcr.io/o/my_tool:v1@sha256:"+strings.Repeat("0a", 32)).Draw(t, "image"))
	command := rapid.SliceOfN(text, 0, 3).Draw(t, "command")
	if _, err := jobspec.SplitCommand(command); len(command) > 0 && err == nil { // a single word is a command line, and can be refused
		line = append(append(line, "--"), command...)
	}
	return line
}

func sorted(m map[string]*rapid.Generator[string]) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func TestFormat(t *testing.T) {
	for typed, want := range map[string]string{
		"busybox:1":                      "busybox:1",
		"busybox:1 -- sh -c 'echo $A'":   "busybox:1 -- sh -c 'echo $A'",
		"-e SET -e K=secret:k busybox:1": "--env SET=here --env K=secret:k busybox:1",
		"-e B=secret:/bob/k busybox:1 --volume secret:/alice/Own.Key:/o":      "--env B=secret:/bob/k --volume secret:/alice/Own.Key:/o busybox:1",
		"-s cpu-small --memory 2Gi busybox:1":                                 "--preset cpu-small --memory 2Gi busybox:1",
		"-s gpu --gpu 0 -X busybox:1":                                         "--preset gpu --gpu 0 --no-extshm busybox:1",
		"--pull missing --life-span 1d --restart never --ttl 24h busybox:1":   "busybox:1",
		"--life-span 0 --volume storage::/s:rw --volume disk:d:/d:ro busybox": "--life-span 0s --volume storage::/s --volume disk:d:/d:ro busybox",
		"-d why --tag a --tag a --http-port 80 -i busybox:1":                  "--description why --tag a --http-port 80 --stdin busybox:1",
		"--security restricted --run-as-user 0001 busybox:1":                  "--security restricted --run-as-user 1 busybox:1",
		"-s safe busybox:1":                              "--preset safe busybox:1",
		"-s safe --run-as-user 7 busybox:1":              "--preset safe --run-as-user 7 busybox:1",
		"--entrypoint 'sh -c' -w /tmp -t busybox:1 true": "--tty --workdir /tmp --entrypoint 'sh -c' busybox:1 -- true",
	} {
		line, err := shellquote.Split(typed)
		if err != nil {
			t.Fatal(err)
		}
		// An own secret is written short, whatever was typed.
		want = strings.ReplaceAll(want, "secret:/alice/", "secret:")
		if got := shellquote.Join(words(t, jobOf(t, line...))...); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", typed, got, want)
		}
	}
}

// A Job may hold what no flag says.
func TestForeignJobHasNoCommandLine(t *testing.T) {
	job := jobOf(t, "busybox:1")
	job.Spec.BackoffLimit = ptr.To[int32](6)
	spec, err := jobspec.FromJob(job)
	if foreign := (*jobspec.ForeignError)(nil); !errors.As(err, &foreign) || !slices.Equal(foreign.Fields, []string{"spec.backoffLimit"}) {
		t.Errorf("%+v, %v", spec, err)
	}
}

func TestFlagsRefuse(t *testing.T) {
	for typed, want := range map[string]string{
		"--cpu many":                              `--cpu "many" is not an amount`,
		"--cpu 0":                                 `--cpu "0" must be greater than zero`,
		"--memory 1GB":                            `--memory "1GB" is not an amount`,
		"--memory 512m":                           "memory 512m is less than 1Mi",
		"--gpu -1":                                `--gpu "-1" must be a number of GPUs`,
		"--gpu 1 --gpu-resource gpu":              `GPU resource "gpu" must be the name of an extended resource`,
		"--gpu-resource a.b/c":                    "--gpu-resource needs --gpu",
		"--preset 'a b'":                          `preset "a b": use letters`,
		"--http-port 0":                           `--http-port "0" must be a number from 1 to 65535`,
		"--http-port 65536":                       `--http-port "65536"`,
		"--life-span 1":                           `--life-span "1" is not a time`,
		"--ttl tomorrow":                          `--ttl "tomorrow" is not a time`,
		"--schedule-timeout -1s":                  `--schedule-timeout "-1s" is not a time`,
		"--restart Never":                         `invalid restart policy "Never": must be one of never, on-failure, always`,
		"--security baseline":                     `invalid security "baseline": must be restricted`,
		"--run-as-user root":                      `--run-as-user "root" must be the number of a user`,
		"--run-as-user 2147483648":                `--run-as-user "2147483648" must be`,
		"--security restricted --privileged":      "security restricted and privileged exclude each other",
		"--security restricted --run-as-user 0":   "security restricted and user 0, which is root, exclude each other",
		"--pull Always":                           `invalid pull policy "Always": must be one of always, missing, never`,
		"--priority A":                            `priority class "A"`,
		"--service-account A":                     `service account "A"`,
		"--image-pull-secret A":                   `image pull secret "A"`,
		"--node-selector a":                       `node selector "a" must be KEY=VALUE`,
		"--node-selector a=b --node-selector a=c": "no node can have both",
		"--toleration a:b":                        `invalid effect "b": must be one of NoSchedule`,
		"--tag ''":                                "a tag is empty",
		"-t -T":                                   "--tty and --no-tty exclude each other",
		"-x -X":                                   "--extshm and --no-extshm exclude each other",
		"--wait-start --no-wait-start":            "--wait-start and --no-wait-start exclude each other",
		"--rm --ttl 1h":                           "--rm and --ttl both say",
		"--volume disk:a":                         "must be disk:CLAIM:/path",
		"--volume gs:a:/b":                        "must be secret:KEY:/path/to/file, disk:CLAIM:/path or storage:SUBPATH:/path",
	} {
		line, err := shellquote.Split(typed)
		if err != nil {
			t.Fatal(err)
		}
		if _, problem := read(append(line, "busybox:1")...); !strings.Contains(problem, want) || !strings.Contains(problem, "--help") {
			t.Errorf("%s: %q; want %q", typed, problem, want)
		}
	}
}
