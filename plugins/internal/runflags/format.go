package runflags

import (
	"maps"
	"slices"
	"strconv"

	"github.com/kballard/go-shellquote"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// Format is the opposite of Flags.Spec: the words after "run" that make the job of spec. Defaults are
// left out. Quoting them for a shell is the caller's.
func Format(spec jobspec.Spec) ([]string, error) {
	var words []string
	flag := func(name, value string) {
		if value != "" {
			words = append(words, "--"+name, value)
		}
	}
	all := func(name string, values []string) {
		for _, value := range values {
			words = append(words, "--"+name, value)
		}
	}
	boolean := func(name string, on bool) {
		if on {
			words = append(words, "--"+name)
		}
	}

	flag("name", spec.Name)
	flag("description", spec.Description)
	all("tag", spec.Tags)
	if spec.NoPreset {
		words = append(words, "--preset", "")
	}
	flag("preset", spec.Preset)
	if !spec.CPU.IsZero() {
		flag("cpu", spec.CPU.String())
	}
	if !spec.Memory.IsZero() {
		flag("memory", spec.Memory.String())
	}
	if spec.GPU != nil {
		flag("gpu", strconv.FormatInt(*spec.GPU, 10))
		flag("gpu-resource", spec.GPUResource)
	}
	for _, key := range slices.Sorted(maps.Keys(spec.NodeSelector)) {
		flag("node-selector", key+"="+spec.NodeSelector[key])
	}
	for _, toleration := range spec.Tolerations {
		text, err := jobspec.FormatToleration(toleration)
		if err != nil {
			return nil, err
		}
		flag("toleration", text)
	}
	flag("priority", spec.Priority)
	boolean("privileged", spec.Privileged)
	flag("security", string(spec.Security.Level))
	if spec.RunAsUser != nil {
		flag("run-as-user", strconv.FormatInt(*spec.RunAsUser, 10))
	}
	flag("service-account", spec.ServiceAccount)
	all("image-pull-secret", spec.ImagePullSecrets)
	flag("pull", string(spec.Pull))
	boolean("no-extshm", !spec.ExtShm)

	defaults := jobspec.New()
	if spec.LifeSpan != defaults.LifeSpan || spec.OwnLifeSpan {
		flag("life-span", duration.Format(spec.LifeSpan))
	}
	if spec.ScheduleTimeout != defaults.ScheduleTimeout {
		flag("schedule-timeout", duration.Format(spec.ScheduleTimeout))
	}
	if spec.Restart != defaults.Restart {
		flag("restart", string(spec.Restart))
	}
	switch {
	case spec.Remove:
		boolean("detach", true)
		boolean("rm", true)
	case spec.TTL != defaults.TTL:
		flag("ttl", duration.Format(spec.TTL))
	}
	if spec.HTTPPort > 0 {
		flag("http-port", strconv.Itoa(int(spec.HTTPPort)))
	}
	boolean("tty", spec.TTY)
	boolean("stdin", spec.Stdin && !spec.TTY)
	flag("workdir", spec.WorkDir)
	if len(spec.Entrypoint) > 0 {
		flag("entrypoint", shellquote.Join(spec.Entrypoint...))
	}

	for _, variable := range spec.Variables {
		value := variable.Value
		if variable.Secret != nil {
			value = variable.Secret.String()
		}
		flag("env", variable.Name+"="+value)
	}
	for _, file := range spec.Files {
		flag("volume", file.String())
	}
	for _, mount := range spec.Mounts {
		flag("volume", mount.String())
	}
	words = append(words, spec.Image)
	if len(spec.Args) > 0 {
		args := spec.Args
		if len(spec.Entrypoint) == 0 {
			args = jobspec.JoinCommand(args)
		}
		words = append(append(words, "--"), args...)
	}
	return words, nil
}
